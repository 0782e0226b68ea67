"""Faults that only a part with a name of its own can have."""

import attrs
from kit_power.planting import plant_registered
from kit_power.sound import Ramp

from nnkit.interfaces import Schedule
from nnkit.interfaces.fields import real


@attrs.frozen(kw_only=True)
class Dispatches(Ramp):
    """Gives an instance of a faster class, which is then not the one that was asked for."""

    def __new__(cls, **_fields):
        return object.__new__(DispatchedTo)


class DispatchedTo(Dispatches):
    """What comes out."""


@attrs.frozen(kw_only=True)
class NeverEqual(Schedule):
    """Equal only to itself: a spec makes another one each time."""

    start: float = real(0.1, ge=0.0)
    token: object = attrs.field(factory=object, init=False)

    def rate(self, step):
        return self.start


plant_registered("hyperparameters", "ramp", Dispatches)
plant_registered("hyperparameters", "still", NeverEqual)
