"""Checks of activations."""

from nnkit.testing.checks.activation import behaviour, derivatives, traits
from nnkit.testing.checks.activation.passes import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(derivatives.CHECKS, behaviour.CHECKS, traits.CHECKS)
