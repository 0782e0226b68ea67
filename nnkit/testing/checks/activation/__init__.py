"""Checks of activations."""

from nnkit.testing.checks.activation import behaviour, declared, derivatives
from nnkit.testing.checks.activation.passes import calls

__all__ = ["MODULES", "calls"]

MODULES = (derivatives, behaviour, declared)
