"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from nnkit.testing.checks.loss import contracts, declared, ends, fused, gradients, in_place
from nnkit.testing.checks.loss.domains import calls
from nnkit.testing.record import Check, CheckList
from nnkit.testing.subject import Subject

__all__ = ["CHECKS", "calls"]

OF_DERIVATIVES = {"LOSS-002", "LOSS-018", "LOSS-027", "LOSS-029"}
"""Checks that the gradient is the derivative of the value."""

OF_BATCHES = {"LOSS-REF"}
"""Checks that hold for losses that couple rows, too."""


def _of_samples(check: Check) -> Check:
    """The check, not applied to losses that couple rows, nor to surrogate gradients where it compares derivatives."""

    def needs(subject: Subject, own: Callable[[Subject], str | None] = check.needs) -> str | None:
        if subject.cls.rows_coupled and check.number not in OF_BATCHES:
            return "its rows are coupled"
        if subject.cls.surrogate_gradient and check.number in OF_DERIVATIVES:
            return "its gradient is a surrogate"
        return own(subject)

    return attrs.evolve(check, needs=needs)


CHECKS = CheckList.joined(gradients.CHECKS, fused.CHECKS, in_place.CHECKS, ends.CHECKS, declared.CHECKS)
CHECKS.checks = [_of_samples(check) for check in CHECKS.checks]
CHECKS = CheckList.joined(CHECKS, contracts.CHECKS, contracts.COUPLED)
