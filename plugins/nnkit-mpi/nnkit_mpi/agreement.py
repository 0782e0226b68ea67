"""What the ranks must have in common before they train, and what they cannot train together."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

import nnkit
from nnkit import registry
from nnkit.core.sharded import ShardedData
from nnkit.core.state import Plan
from nnkit.errors import NNKitError, SpecError, brief
from nnkit.interfaces import Layer, Part, Solver
from nnkit.network.fitting import Fitting
from nnkit_mpi.errors import RanksError
from nnkit_mpi.noise import RowNoise
from nnkit_mpi.steps import rows_to_compute

__all__ = ["check_divisible", "check_equal", "facts_of"]

CHOICES = ("seed", "dtype", "backward", "task", "target_scaling", "columns")
MOST_CHECKED = 1024
IN_WORDS = {"data": "training data (inputs, targets or weights)", "validation": "validation data"}


def facts_of(call: Fitting) -> dict[str, Any]:
    """What must be equal on all ranks, by its name in messages; checksums are integers or texts of 64 characters."""
    composition, state, plan = call.composition, call.state, call.plan
    facts: dict[str, Any] = {"version of nnkit": nnkit.__version__, "version of numpy": np.__version__}
    facts |= {name: _shown(part) for name, part in composition.parts.items()}
    facts |= {name: getattr(composition, name) for name in CHOICES}
    facts |= {IN_WORDS.get(field.name, field.name): getattr(plan, field.name) for field in attrs.fields(Plan)}
    facts |= {"epoch": state.epoch, "batch": state.batch, "step": state.step, "resume": call.resume}
    vectors = {"parameters": state.parameters, "buffers": state.buffers}
    return facts | {name: zlib.crc32(np.ascontiguousarray(values).data.cast("B")) for name, values in vectors.items()}


def _shown(part: Part | None) -> str:
    """The part with its hyperparameters; its class alone where these are objects that differ from rank to rank."""
    try:
        if part is not None:
            registry.part_to_config(part)
    except NNKitError:
        return f"{type(part).__module__}.{type(part).__qualname__}"
    return repr(part)


def check_equal(facts: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a call of ``fit`` that is not the same on all ranks.

    Raises:
        RanksError: Names the first rank that differs, and everything in which it does.
    """
    for rank, other in enumerate(facts):
        names = [name for name in {**facts[0], **other} if facts[0].get(name) != other.get(name)]
        if not names:
            continue
        checksums = {*IN_WORDS.values(), "parameters", "buffers"}
        shown = [
            f"other {name}"
            if name in checksums
            else f"{name}={_brief(other.get(name))} instead of {_brief(facts[0].get(name))}"
            for name in names
        ]
        what = "; pass seed= to the network" if "seed" in names else ""
        raise RanksError(f"rank {rank} makes another call of fit than rank 0: it has {', '.join(shown)}{what}")


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else brief(value)


def check_divisible(call: Fitting, rank: int, size: int) -> None:
    """Refuse what cannot be computed from the rows of each rank.

    Every layer computes one batch, of at most ``MOST_CHECKED`` rows, and then this rank's rows of it: both must be
    equal, whatever the layer declares.

    Raises:
        SpecError: Names the data, the loss or the layer, and what to do.
    """
    model, loss = call.model, call.model.loss
    if isinstance(call.data, ShardedData):
        raise SpecError("the data are in shards, which their own workers evaluate: call fit outside of the ranks")
    if loss.rows_coupled:
        raise SpecError(
            f"{type(loss).__name__} couples the rows of a batch, which ranks would divide: train it in one process"
        )
    if isinstance(call.composition.optimizer, Solver):
        return
    for index, layer in enumerate(model.body):
        if layer.trainable and not layer.row_independent:
            raise SpecError(_reason(layer, index, "needs all rows of a batch together"))
    places = model.layout.by_layer(call.state.parameters)
    named = model.buffer_layout.by_layer(call.state.buffers.copy())
    for rows in {min(int(rows), MOST_CHECKED) for rows in call.plan.batch_sizes[[0, -1]]}:
        x = call.sample[0][np.arange(rows) % len(call.sample[0])]
        own = rows_to_compute(rows, rank, size)
        for index, layer in enumerate(model.body):
            arrays = {**places[index], **named[index]}
            alone = np.random.default_rng(index)
            noise = RowNoise(np.random.default_rng(index).bit_generator, rows, own)
            with np.errstate(all="ignore"):
                whole = layer.forward(arrays, x, training=layer.trainable, rng=alone)[0]
                part = layer.forward(arrays, x[own], training=layer.trainable, rng=noise)[0]
            drawn_alike = alone.bit_generator.state == noise.bit_generator.state
            if not drawn_alike or not _close(part, whole[own]):
                verb = "draws numbers that" if layer.stochastic else "computes rows of a batch that"
                raise SpecError(_reason(layer, index, f"{verb} are others for a part of the rows"))
            x = whole


def _close(part: Any, whole: Any) -> bool:
    """Whether both are equal to half of their digits."""
    finite = np.abs(whole[np.isfinite(whole)]).max(initial=0.0)
    tolerance = np.sqrt(np.finfo(whole.dtype).eps)
    return np.allclose(part, whole, rtol=tolerance, atol=tolerance * finite, equal_nan=True)


def _reason(layer: Layer, index: int, why: str) -> str:
    return (
        f"layer {index} ({type(layer).__name__}) {why}, which ranks divide: use layer_norm or group_norm in its place, "
        "freeze it, or train in one process"
    )
