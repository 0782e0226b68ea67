"""The compiled twins that installed plugins offer for the parts of a model."""

from __future__ import annotations

import attrs

from nnkit import registry
from nnkit.core.model import Model

__all__ = ["accelerated"]


def accelerated(model: Model) -> Model:
    """The same structure with every twin that is offered; on the Jacobian path, the model itself."""
    if model.honest:
        return model
    return attrs.evolve(
        model,
        body=tuple(registry.accelerate(layer) for layer in model.body),
        head=None if model.head is None else registry.accelerate(model.head),
        loss=registry.accelerate(model.loss),
    )
