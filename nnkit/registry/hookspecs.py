"""The hooks: what a hook module may implement, one stub for each, with its exact signature."""

from __future__ import annotations

from typing import Any

import pluggy

from nnkit.registry.registrar import Registrar

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "nnkit"

hookspec = pluggy.HookspecMarker(PROJECT)

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a hook module as the implementation of the hook of the same name."""


@hookspec
def nnkit_register_activations(registrar: Registrar) -> None:
    """Register activations: ``registrar.add(name, target)``."""


@hookspec
def nnkit_register_losses(registrar: Registrar) -> None:
    """Register losses."""


@hookspec
def nnkit_register_optimizers(registrar: Registrar) -> None:
    """Register optimizers and solvers."""


@hookspec
def nnkit_register_initializers(registrar: Registrar) -> None:
    """Register initializers."""


@hookspec
def nnkit_register_layers(registrar: Registrar) -> None:
    """Register layers."""


@hookspec
def nnkit_register_schedules(registrar: Registrar) -> None:
    """Register schedules."""


@hookspec
def nnkit_register_regularizers(registrar: Registrar) -> None:
    """Register regularizers."""


@hookspec
def nnkit_register_metrics(registrar: Registrar) -> None:
    """Register metrics."""


@hookspec
def nnkit_register_callbacks(registrar: Registrar) -> None:
    """Register callbacks."""


@hookspec(firstresult=True)
def nnkit_accelerate(component: Any) -> Any:
    """Return a faster twin of ``component`` (a part of the same kind), or ``None``; the first one wins."""
