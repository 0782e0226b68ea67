"""PyTorch with its fused Adam, model and loss through ``torch.compile``; it needs a C++ compiler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from workloads import Training

from libraries import torch_default
from libraries.torch_default import version

__all__ = ["train", "version"]


def train(load: Training) -> Callable[[int], Any]:
    torch.compiler.reset()  # networks of turns before would only be compared with this one at each call
    return torch_default.train(load, {"fused": True}, functools.partial(torch.compile, dynamic=False))
