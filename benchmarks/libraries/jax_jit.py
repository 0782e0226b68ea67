"""JAX with optax: one jitted step a batch, which gathers its rows itself and donates what it replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from workloads import JACOBIANS, NETWORKS, Training, repeated, weights


def version() -> str:
    return f"jax {jax.__version__}, optax {optax.__version__}"


def _logits(parameters: Any, x: Any, activation: Any = jax.nn.relu) -> Any:
    for w, b in parameters[:-1]:
        x = activation(x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def _step(optimizer: Any) -> Any:
    def loss(parameters: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(_logits(parameters, x), y).mean()

    def step(parameters: Any, state: Any, x: Any, y: Any, picked: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, x[picked], y[picked])
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, value

    return step


def train(load: Training) -> Callable[[int], Any]:
    optimizer = optax.adam(1e-3)
    step = jax.jit(_step(optimizer), donate_argnums=(0, 1))
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights(load.widths)]
    x, y = (jnp.asarray(array) for array in load.data())
    held = {"parameters": parameters, "state": optimizer.init(parameters)}
    rng = np.random.default_rng(0)

    def run(epochs: int) -> float:
        parameters, state = held["parameters"], held["state"]
        for _ in range(epochs):
            order = rng.permutation(load.samples).astype(np.int32)
            values = []
            for start in range(0, load.samples, load.batch):
                parameters, state, value = step(parameters, state, x, y, order[start : start + load.batch])
                values.append(value)
            total = float(jnp.stack(values).mean())
        held.update(parameters=parameters, state=state)
        return total

    return run


def infer(name: str, rows: int) -> Callable[[int], Any]:
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights(NETWORKS[name])]
    asked = jax.jit(lambda p, x: jax.nn.softmax(_logits(p, x)))
    x = np.random.default_rng(0).standard_normal((rows, NETWORKS[name][0]), dtype=np.float32)

    def run(times: int) -> None:
        for _ in range(times):
            np.asarray(asked(parameters, x))

    return run


def _functional(name: str) -> tuple[Any, Any, Any]:
    jax.config.update("jax_enable_x64", True)
    widths, samples = JACOBIANS[name]
    rng = np.random.default_rng(0)
    parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights(widths, "float64")]
    return parameters, jnp.asarray(rng.standard_normal((samples, widths[0]))), rng


def per_sample_gradients(name: str) -> Callable[[int], Any]:
    parameters, x, rng = _functional(name)
    y = jnp.asarray(rng.standard_normal((len(x), JACOBIANS[name][0][-1])))
    loss = lambda p, row, target: 0.5 * jnp.square(_logits(p, row, jnp.tanh) - target).sum()  # noqa: E731
    rows = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))
    asked = jax.jit(lambda p, x, y: _flat(rows(p, x, y), 1))
    return lambda times: repeated(times, lambda: asked(parameters, x, y).block_until_ready())


def parameter_jacobian(name: str) -> Callable[[int], Any]:
    parameters, x, _ = _functional(name)
    rows = jax.vmap(jax.jacrev(lambda p, row: _logits(p, row, jnp.tanh)), in_axes=(None, 0))
    asked = jax.jit(lambda p, x: _flat(rows(p, x), 2))
    return lambda times: repeated(times, lambda: asked(parameters, x).block_until_ready())


def _flat(tree: Any, kept: int) -> Any:
    leaves = jax.tree.leaves(tree)
    return jnp.concatenate([leaf.reshape(*leaf.shape[:kept], -1) for leaf in leaves], axis=kept)
