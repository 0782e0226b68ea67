"""JAX with a complete epoch in one call: ``lax.scan`` over the full batches, one more step for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from workloads import Training, weights

from libraries.jax_jit import _step, version

__all__ = ["train", "version"]


def train(load: Training) -> Callable[[int], Any]:
    optimizer = optax.adam(1e-3)
    step = _step(optimizer)
    full = load.samples // load.batch

    def epoch(carried: Any, x: Any, y: Any, order: Any) -> Any:
        def one(carried: Any, picked: Any) -> Any:
            parameters, state, value = step(*carried, x, y, picked)
            return (parameters, state), value

        batches, rest = order[: full * load.batch].reshape(full, load.batch), order[full * load.batch :]
        carried, values = jax.lax.scan(one, carried, batches)
        if rest.size:
            carried, _ = one(carried, rest)
        return carried, values.mean()

    jitted = jax.jit(epoch, donate_argnums=0)
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights(load.widths)]
    x, y = (jnp.asarray(array) for array in load.data())
    held = {"carried": (parameters, optimizer.init(parameters))}
    rng = np.random.default_rng(0)

    def run(epochs: int) -> float:
        carried = held["carried"]
        for _ in range(epochs):
            carried, value = jitted(carried, x, y, rng.permutation(load.samples).astype(np.int32))
            total = float(value)
        held["carried"] = carried
        return total

    return run
