"""Checks of every kind of part: construction, hyperparameters, copies, purity, arrays, settings."""

from nnkit.testing.checks.common import arrays, construction, copies, declarations, purity
from nnkit.testing.record import Shelf

__all__ = ["SHELF"]

SHELF = Shelf.joined(construction.SHELF, copies.SHELF, arrays.SHELF, purity.SHELF, declarations.SHELF)
