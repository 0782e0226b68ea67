"""A model with the compiled counterparts of its parts, and what makes many steps of its training a call."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final, cast

import attrs
import numpy as np

from nnkit import registry
from nnkit.core.model import Model
from nnkit.core.processes import PROCESSES
from nnkit.core.state import Plan
from nnkit.errors import DataError
from nnkit.interfaces import EpochKernel, Layer, Optimizer, Solver

__all__ = ["USED", "compiled_model", "epoch_kernel", "with_kernel"]

LOG = logging.getLogger("nnkit.training")

USED: Final = threading.Event()
"""Set as soon as this process has asked plugins for compiled counterparts, and so has imported them."""


def compiled_model(model: Model, *, plain_first: bool = False) -> Model:
    """The same structure with every compiled counterpart that plugins offer; not on the full-Jacobian path.

    With ``plain_first`` the first layer stays as it is: compiled ones read dense rows.
    """
    if model.full_jacobians:
        return model
    USED.set()
    offers = tuple(registry.implementations("nnkit_accelerate"))
    return attrs.evolve(
        model,
        body=(
            *model.body[:plain_first],
            *(_compiled_layer(layer, offers) for layer in model.body[plain_first:]),
        ),
        head=None if model.head is None else registry.accelerate(model.head, offers),
        loss=registry.accelerate(model.loss, offers),
    )


def _compiled_layer(layer: Layer, offers: tuple[registry.Implementation, ...]) -> Layer:
    """The counterpart of a layer; where there is none, the layer with those of the layers within it."""
    counterpart = registry.accelerate(layer, offers)
    if counterpart is not layer or not layer.children:
        return counterpart
    return layer.with_children({name: _compiled_layer(child, offers) for name, child in layer.children.items()})


def epoch_kernel(model: Model, optimizer: Optimizer, plan: Plan, dtype: np.dtype[Any]) -> EpochKernel | None:
    """What an installed plugin offers to make many steps of this training a call; a failing plugin is skipped.

    Args:
        model: With its plain parts.
        optimizer: That of the composition.
        plan: Of the run.
        dtype: Of the parameters and the data, which are arrays in memory.
    """
    for implementation in registry.implementations("nnkit_accelerate_epoch"):
        with implementation.skipped_on_failure():
            kernel = implementation.call(model=model, optimizer=optimizer, plan=plan, dtype=dtype)
            if kernel is not None:
                USED.set()
                return cast("EpochKernel", kernel)
    return None


def with_kernel(
    plan: Plan, model: Model, optimizer: Optimizer | Solver, data: object, *, resume: bool
) -> tuple[Plan, EpochKernel | None]:
    """The plan with the name of the kernel that makes many steps a call, where there is one, and the kernel.

    Raises:
        DataError: When the run to resume was begun with a kernel that is not there now.
    """
    kernel = None
    x = data[0] if isinstance(data, tuple) else None
    alone = PROCESSES.get().alone
    if isinstance(x, np.ndarray) and isinstance(optimizer, Optimizer) and alone and (plan.kernel or not resume):
        kernel = epoch_kernel(model, optimizer, plan, x.dtype)
    name = "" if kernel is None else kernel.name
    if resume and name != plan.kernel:
        raise DataError(
            f"resume=True, but the steps of this run were made by {plan.kernel!r}, which is not available here, so it "
            "cannot go on bit-identically; install or enable that plugin in the same version, or call fit without "
            "resume to begin a new run"
        )
    LOG.debug("steps: %s", name or "one at a time")
    return attrs.evolve(plan, kernel=name), kernel
