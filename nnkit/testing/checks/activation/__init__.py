"""Checks of activations."""

from nnkit.testing.checks.activation import behaviour, derivatives, traits
from nnkit.testing.checks.activation.passes import calls
from nnkit.testing.record import Shelf

__all__ = ["SHELF", "calls"]

SHELF = Shelf.joined(derivatives.SHELF, behaviour.SHELF, traits.SHELF)
