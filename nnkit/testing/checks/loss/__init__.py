"""Checks of losses."""

import attrs

from nnkit.testing.checks.loss import contracts, declared, ends, gradients
from nnkit.testing.checks.loss.domains import calls
from nnkit.testing.record import Check, Needs, applies_if

__all__ = ["MODULES", "adapted", "calls"]

MODULES = (gradients, ends, declared, contracts)

OF_DERIVATIVES = {"LOSS-002", "LOSS-018", "LOSS-027", "LOSS-029"}
"""Checks that the gradient is the derivative of the value."""

OF_BATCHES = {"LOSS-REF", *(check.number for check in vars(contracts).values() if isinstance(check, Check))}
"""Checks that hold for losses that couple rows, too."""

_needs_samples = applies_if(lambda subject: not subject.cls.rows_coupled, "its rows are coupled")
_needs_derivative = applies_if(lambda subject: not subject.cls.surrogate_gradient, "its gradient is a surrogate")


def adapted(check: Check) -> Check:
    """The check, not applied to losses that couple rows, nor to surrogate gradients where it compares derivatives."""
    needs: tuple[Needs, ...] = () if check.number in OF_BATCHES else (_needs_samples,)
    needs += (_needs_derivative,) if check.number in OF_DERIVATIVES else ()
    return attrs.evolve(check, needs=(*needs, *check.needs))
