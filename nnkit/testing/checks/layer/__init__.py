"""Checks of layers."""

from nnkit.testing.checks.layer import gradients, modes, promises, twins
from nnkit.testing.checks.layer.passes import calls
from nnkit.testing.record import CheckList

__all__ = ["CHECKS", "calls"]

CHECKS = CheckList.joined(gradients.CHECKS, modes.CHECKS, twins.CHECKS, promises.CHECKS)
