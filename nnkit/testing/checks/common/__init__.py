"""Checks of every kind of part: construction, hyperparameters, copies, purity, arrays, settings."""

from nnkit.testing.checks.common import arrays, construction, copies, declarations, purity, ranges
from nnkit.testing.record import CheckList

__all__ = ["CHECKS"]

CHECKS = CheckList.joined(
    construction.CHECKS, copies.CHECKS, arrays.CHECKS, purity.CHECKS, declarations.CHECKS, ranges.CHECKS
)
