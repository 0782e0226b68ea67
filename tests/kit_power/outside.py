"""``python -m kit_power --only ports``: the ports and their faults, at both grades.

Without reference values a port can be consistent; with the values that ``nnkit conform --record`` writes it is proven.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from kit_power import port_values
from kit_power.__main__ import failing
from kit_power.port_faults import FAULTS
from kit_power.ports import PORTS

from nnkit.interfaces import Example
from nnkit.testing import check
from nnkit.testing.recording import Recording, record
from nnkit.testing.report import PartReport

BY_HAND = {
    "LeakyKaiming": Example(
        inputs={"fan_in": 17, "fan_out": 5},
        expected={"mean": 0.0, "variance": 2 / (1.0625 * 17)},
        source="by hand: 2 / ((1 + 1/16) 17)",
        method="element_distribution",
    ),
    "StopOnIncreases": Example(
        inputs={"logs": {"val_loss": [3.0, 4.0, 5.0, 4.5, 5.0, 6.0, 7.0, 8.0]}}, expected={"stop": 7}, source="by hand"
    ),
    "GeneralizationLoss": Example(
        inputs={"logs": {"val_loss": [1.0, 1.2, 1.1, 1.21, 3.0]}}, expected={"stop": 4}, source="by hand"
    ),
}
"""The kinds that are not recorded."""


def recorded(cls: Any, base: Any) -> Recording | type:
    """``cls`` compared with the values of ``base``: a recording, or the class with an example by hand."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", base.__name__.replace("MAPE", "Mape").replace("ELU", "Elu")).lower()
    if base.__name__ in BY_HAND:
        return type(cls)(cls.__name__, (cls,), {"examples": (BY_HAND[base.__name__],)})
    assert hasattr(port_values, name), name
    return record(cls, f"loops:kit_power.port_values.{name}")


def agrees(cls: Any, base: Any) -> bool:
    """Whether the values of the paper are reached."""
    compared = recorded(cls, base)
    if isinstance(compared, Recording):
        report: PartReport = compared.report
        return not report.counts["failed"]
    number = {"initializer": "INIT-REF", "callback": "CB-REF"}[cls.kind]
    return not check(compared, only=number).failures


def ports(say: Any) -> bool:
    """Run all of it and report it; whether every bar is reached."""
    warnings.simplefilter("ignore")
    alarms = [(cls.__name__, failing(cls)) for cls in PORTS]
    alarms = [(name, checks) for name, checks in alarms if checks]
    disagreeing = [cls.__name__ for cls in PORTS if not agrees(cls, cls)]
    found = {cls.__name__: failing(cls, first=True) for cls, _, _ in FAULTS}
    proven = {cls.__name__: bool(found[cls.__name__]) or not agrees(cls, base) for cls, base, _ in FAULTS}
    inconsistent = [cls.__name__ for cls, _, other in FAULTS if not other]
    others = [cls.__name__ for cls, _, other in FAULTS if other]
    say(f"## Ports of published methods: {len(PORTS)}, with {len(FAULTS)} faults")
    say()
    say(
        f"{len(PORTS)} ports: {len(alarms)} false alarms; {len(PORTS) - len(disagreeing)} agree with the recorded values."
    )
    for name, checks in alarms:
        say(f"- alarm: `{name}`: {', '.join(checks)}")
    say()
    say("| faults | planted | found at the grade consistent | found with recorded values |")
    say("|---|---:|---:|---:|")
    for words, names in (
        ("inconsistent", inconsistent),
        ("another consistent rule", others),
        ("all", inconsistent + others),
    ):
        at, with_values = sum(bool(found[name]) for name in names), sum(proven[name] for name in names)
        say(
            f"| {words} | {len(names)} | {at} ({at / len(names):.1%}) | {with_values} ({with_values / len(names):.1%}) |"
        )
    say()
    for name in inconsistent + others:
        if not found[name]:
            kind = "another rule" if name in others else "inconsistent"
            say(f"- not found without values: `{name}` ({kind}); with them {'found' if proven[name] else 'NOT found'}")
    say()
    say(f"Ports that disagree with the recorded values: {', '.join(disagreeing) or 'none'}.")
    say()
    rate = sum(bool(found[name]) for name in inconsistent) / len(inconsistent)
    return not alarms and not disagreeing and rate >= 0.95 and sum(proven.values()) >= 0.98 * len(proven)
