"""Checks of every kind of part: construction, hyperparameters, copies, purity, arrays, settings."""

from nnkit.testing.checks.common import calling, construction, declarations

__all__ = ["MODULES"]

MODULES = (construction, calling, declarations)
