"""Records 50-step trajectories of optax into ``data/optax.npz``.

Run it with a Python that has optax (the values in the repository are optax 0.2.8's)::

    python tests/oracles/record_optax.py

The objective is ``mean(log(cosh(A theta - b)))`` of a vector that consists of a matrix, a vector and another matrix.
``A`` and ``b`` are recorded, so that a test can evaluate it where an optimizer asks for it.
"""

import json
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
from optax.contrib._sam import SAMState

jax.config.update("jax_enable_x64", True)

STEPS, DRAWS = 50, 4
SHAPES = ((4, 3), (3,), (3, 2))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
TARGET = Path(__file__).parent / "data" / "optax.npz"


def log_uniform(rng, low, high):
    return float(10.0 ** rng.uniform(np.log10(low), np.log10(high)))


def sam(rng, draw):
    rate, rho = log_uniform(rng, 0.01, 0.3), log_uniform(rng, 0.01, 0.5)
    ours = {"optimizer": {"name": "sgd", "learning_rate": rate}, "rho": rho}
    adversary = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
    return optax.contrib.sam(optax.sgd(rate), adversary, sync_period=2, opaque_mode=True), ours


CASES = {"sam": sam}


def as_blocks(theta):
    parts = np.split(np.asarray(theta), np.cumsum(SIZES)[:-1])
    pairs = zip(parts, SHAPES, strict=True)
    return {str(index): jnp.array(part.reshape(shape)) for index, (part, shape) in enumerate(pairs)}


def as_vector(blocks):
    return jnp.concatenate([blocks[str(index)].ravel() for index in range(len(SHAPES))])


def record(optimizer, start, A, b):
    def objective(blocks):
        return jnp.log(jnp.cosh(A @ as_vector(blocks) - b)).mean()

    gradient_of = jax.grad(objective)
    blocks = as_blocks(start)
    state, path = optimizer.init(blocks), []
    for _ in range(STEPS):
        gradient = gradient_of(blocks)
        more = {"grad_fn": lambda p, _: gradient_of(p)} if isinstance(state, SAMState) else {}
        updates, state = optimizer.update(gradient, state, blocks, **more)
        blocks = optax.apply_updates(blocks, updates)
        path.append(np.asarray(as_vector(blocks)))
    return np.array(path)


def main():
    arrays, cases = {}, []
    for name, draw_of in CASES.items():
        for draw in range(DRAWS):
            rng = np.random.default_rng([sum(name.encode()), draw])
            optimizer, ours = draw_of(rng, draw)
            A, b = rng.standard_normal((30, sum(SIZES))), rng.standard_normal(30)
            start = rng.standard_normal(sum(SIZES))
            case = f"{name}-{draw}"
            cases.append({"case": case, "optimizer": name, "hyperparameters": ours})
            arrays |= {f"{case}/A": A, f"{case}/b": b, f"{case}/start": start}
            arrays[f"{case}/trajectory"] = record(optimizer, start, A, b)
    header = {"optax": metadata.version("optax"), "jax": metadata.version("jax"), "shapes": SHAPES, "cases": cases}
    np.savez_compressed(TARGET, header=json.dumps(header), **arrays)


if __name__ == "__main__":
    main()
