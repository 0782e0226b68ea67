"""A model with the compiled counterparts of its parts."""

from __future__ import annotations

import attrs

from nnkit import registry
from nnkit.core.model import Model

__all__ = ["compiled_model"]


def compiled_model(model: Model, *, plain_first: bool = False) -> Model:
    """The same structure with every compiled counterpart that plugins offer; not on the full-Jacobian path.

    With ``plain_first`` the first layer stays as it is: compiled ones read dense rows.
    """
    if model.full_jacobians:
        return model
    return attrs.evolve(
        model,
        body=(
            *model.body[:plain_first],
            *(registry.accelerate(layer) for layer in model.body[plain_first:]),
        ),
        head=None if model.head is None else registry.accelerate(model.head),
        loss=registry.accelerate(model.loss),
    )
