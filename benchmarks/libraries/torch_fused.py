"""PyTorch, eager, with its fused Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads import Training

from libraries import torch_default
from libraries.torch_default import version

__all__ = ["train", "version"]


def train(load: Training) -> Callable[[int], Any]:
    return torch_default.train(load, {"fused": True})
