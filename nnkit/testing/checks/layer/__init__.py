"""Checks of layers."""

from nnkit.testing.checks.layer import gradients, modes, promises, twins
from nnkit.testing.checks.layer.passes import calls
from nnkit.testing.record import Shelf

__all__ = ["SHELF", "calls"]

SHELF = Shelf.joined(gradients.SHELF, modes.SHELF, twins.SHELF, promises.SHELF)
