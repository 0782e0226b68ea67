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
from optax.contrib._schedule_free import ScheduleFreeState

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


def moments(rng, high=0.1):
    ours = {
        "learning_rate": log_uniform(rng, 1e-3, high),
        "beta1": float(rng.uniform(0.5, 0.97)),
        "beta2": float(rng.uniform(0.8, 0.9995)),
        "epsilon": log_uniform(rng, 1e-5, 0.1),
    }
    return ours, {"b1": ours["beta1"], "b2": ours["beta2"], "eps": ours["epsilon"]}


def decay(rng, draw):
    """What decays: all arrays in every second draw, else the matrices."""
    ours = {"weight_decay": log_uniform(rng, 0.01, 1.0), **({"decays": "all"} if draw % 2 else {})}
    return ours, {str(index): draw % 2 == 1 or len(shape) == 2 for index, shape in enumerate(SHAPES)}


def adabelief(rng, draw):
    ours, theirs = moments(rng)
    return optax.adabelief(ours["learning_rate"], eps_root=ours["epsilon"], **theirs), ours


def lamb(rng, draw):
    ours, theirs = moments(rng)
    more, mask = decay(rng, draw)
    if draw % 2:
        return optax.lamb(ours["learning_rate"], weight_decay=more["weight_decay"], **theirs), {**ours, **more}
    chain = optax.chain(
        optax.scale_by_adam(**theirs),
        optax.add_decayed_weights(more["weight_decay"], mask),
        optax.masked(optax.scale_by_trust_ratio(), mask),
        optax.scale_by_learning_rate(ours["learning_rate"]),
    )
    return chain, {**ours, **more}


def lars(rng, draw):
    ours = {
        "learning_rate": log_uniform(rng, 0.1, 1.0),
        "momentum": float(rng.uniform(0.3, 0.95)),
        "nesterov": draw > 1,
        "trust": log_uniform(rng, 1e-3, 0.1),
    }
    more, mask = decay(rng, draw)
    theirs = {"trust_coefficient": ours["trust"], "momentum": ours["momentum"], "nesterov": ours["nesterov"]}
    masks = {"weight_decay_mask": mask, "trust_ratio_mask": mask}
    chain = optax.lars(ours["learning_rate"], more["weight_decay"], **masks, **theirs)
    return chain, {**ours, **more}


def muon(rng, draw):
    """optax would make its steps of Adam in Nesterov's form; the vector is given to Adam itself."""
    ours, adam = moments(rng, high=0.01)
    more, _ = decay(rng, 2 * draw)
    ours |= more | {"momentum": float(rng.uniform(0.3, 0.95)), "nesterov": draw > 1, "iterations": 3 + draw % 3}
    theirs = {"beta": ours["momentum"], "ns_steps": ours["iterations"], "eps": ours["epsilon"]}
    matrices = optax.contrib.muon(
        ours["learning_rate"], weight_decay=ours["weight_decay"], nesterov=ours["nesterov"], **theirs
    )
    labels = {str(index): "muon" if len(shape) == 2 else "adam" for index, shape in enumerate(SHAPES)}
    return optax.partition({"muon": matrices, "adam": optax.adam(ours["learning_rate"], **adam)}, labels), ours


def prodigy(rng, draw):
    ours, _ = moments(rng)
    ours |= {"learning_rate": float(rng.uniform(0.5, 1.5)), "initial": log_uniform(rng, 1e-4, 1e-2)}
    ours |= {"weight_decay": log_uniform(rng, 0.01, 0.3), "decays": "all"}
    return optax.contrib.prodigy(
        ours["learning_rate"],
        betas=(ours["beta1"], ours["beta2"]),
        eps=ours["epsilon"],
        estim_lr0=ours["initial"],
        weight_decay=ours["weight_decay"],
    ), ours


def schedule_free_adamw(rng, draw):
    ours, theirs = moments(rng)
    ours |= {"weight_decay": log_uniform(rng, 0.01, 1.0), "decays": "all"}
    return optax.contrib.schedule_free_adamw(ours["learning_rate"], weight_decay=ours["weight_decay"], **theirs), ours


def lookahead(rng, draw):
    inner, theirs = moments(rng)
    ours = {"steps": 2 + draw, "rate": float(rng.uniform(0.2, 0.9)), "optimizer": {"name": "adam", **inner}}
    return optax.lookahead(optax.adam(inner["learning_rate"], **theirs), ours["steps"], ours["rate"]), ours


KINDS = (sam, adabelief, lamb, lars, muon, prodigy, schedule_free_adamw, lookahead)
CASES = {kind.__name__: kind for kind in KINDS}


def as_blocks(theta):
    parts = np.split(np.asarray(theta), np.cumsum(SIZES)[:-1])
    pairs = zip(parts, SHAPES, strict=True)
    return {str(index): jnp.array(part.reshape(shape)) for index, (part, shape) in enumerate(pairs)}


def as_vector(blocks):
    return jnp.concatenate([blocks[str(index)].ravel() for index in range(len(SHAPES))])


def record(optimizer, start, A, b, *, paired):
    """The parameters after each step, and, where there are any, those for evaluation."""

    def objective(blocks):
        return jnp.log(jnp.cosh(A @ as_vector(blocks) - b)).mean()

    gradient_of = jax.grad(objective)
    blocks = as_blocks(start)
    if paired:
        blocks = optax.LookaheadParams.init_synced(blocks)
    state, path, evaluated = optimizer.init(blocks), [], []
    # One that calls a function of Python cannot be compiled.
    update = optimizer.update if isinstance(state, SAMState) else jax.jit(optimizer.update)
    for _ in range(STEPS):
        gradient = gradient_of(blocks.fast if paired else blocks)
        more = {"grad_fn": lambda p, _: gradient_of(p)} if isinstance(state, SAMState) else {}
        updates, state = update(gradient, state, blocks, **more)
        blocks = optax.apply_updates(blocks, updates)
        path.append(np.asarray(as_vector(blocks.fast if paired else blocks)))
        if paired:
            evaluated.append(np.asarray(as_vector(blocks.slow)))
        elif isinstance(state, ScheduleFreeState):
            evaluated.append(np.asarray(as_vector(optax.contrib.schedule_free_eval_params(state, blocks))))
    return np.array(path), np.array(evaluated)


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
            path, evaluated = record(optimizer, start, A, b, paired=name == "lookahead")
            arrays |= {f"{case}/trajectory": path, f"{case}/evaluated": evaluated}
    header = {"optax": metadata.version("optax"), "jax": metadata.version("jax"), "shapes": SHAPES, "cases": cases}
    np.savez_compressed(TARGET, header=json.dumps(header), **arrays)


if __name__ == "__main__":
    main()
