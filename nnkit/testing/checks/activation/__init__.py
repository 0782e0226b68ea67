"""Checks of activations."""

from nnkit.testing.checks.activation import behaviour, declared, derivatives, in_place
from nnkit.testing.checks.activation.passes import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(derivatives.CHECKS, in_place.CHECKS, behaviour.CHECKS, declared.CHECKS)
