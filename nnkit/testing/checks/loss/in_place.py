"""The in-place variants of a loss's methods, and large batches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.checks.loss.domains import (
    composed,
    fused_activation,
    logits,
    needs_fused,
    needs_fused_offer,
    pair,
    pairs,
    prediction_size,
    predictions,
    room,
    targets,
)
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import expect_close, expect_equal
from nnkit.testing.methods import called, expect_rows_alone, silent
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


def expect_outputs(
    subject: Subject,
    method: str,
    arrays: Mapping[str, Array],
    *,
    outputs: tuple[str, ...] = ("values", "grad"),
    scratch: tuple[str, ...] = (),
    tolerance: float,
    repeats: int = 1,
) -> None:
    """Raise ``CheckFailure`` unless an in-place method writes its ``outputs``, and nothing else but ``scratch``.

    ``arrays`` are its arguments in their order, of outputs the expected values; the method finds NaN there.
    """
    loss = subject.make()
    shown = {name: array for name, array in arrays.items() if name in {"prediction", "z", "target"}}
    passed = {
        name: np.full(array.shape, np.nan, subject.dtype) if name in outputs else array.copy()
        for name, array in arrays.items()
    }
    for _ in range(repeats):
        with silent(method, shown):
            getattr(loss, method)(*passed.values())
        for name, expected in arrays.items():
            if name in outputs:
                message = f"{name} of {method} differs from the plain method"
                expect_close(message, passed[name], expected, tolerance=tolerance, inputs=shown)
            elif name not in scratch:
                expect_equal(f"{method} writes to {name}", passed[name], expected, inputs=shown)


def plain_arrays(subject: Subject, p: Array, t: Array) -> dict[str, Array]:
    """The arguments of ``evaluate_into``, with the expected values and gradients."""
    values, grad = (called(subject.make(), method, p, t) for method in ("value", "gradient"))
    return {"prediction": p, "target": t, "values": values, "grad": grad}


def fused_arrays(subject: Subject, z: Array, t: Array) -> dict[str, Array]:
    """The arguments of ``fused_into``, with the expected values and gradients."""
    values, grad = (composed(subject, method, z, t) for method in ("fused_value", "fused_gradient"))
    return {"z": z, "a": called(fused_activation(subject), "forward", z), "target": t, "values": values, "grad": grad}


@CHECKS.check("LOSS-013/evaluate-into")
def evaluate_into(subject: Subject) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`, whatever they held; leave prediction and target unchanged.
    """
    for p, t in [*pairs(subject, "into"), pair(subject, "many"), pair(subject, "many", (4001, 17))]:
        expect_outputs(subject, "evaluate_into", plain_arrays(subject, p, t), tolerance=32 * subject.eps, repeats=2)


@CHECKS.check("LOSS-014/fused-into", needs=needs_fused)
def fused_into(subject: Subject) -> None:
    """Training runs on the in-place variant; it must be the same loss.

    Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.
    """
    for z, t in logits(subject, "fused-into", far=True):
        arrays = fused_arrays(subject, z, t)
        expect_outputs(subject, "fused_into", arrays, scratch=("z",), tolerance=64 * subject.eps)


@CHECKS.check("LOSS-025/fused-forward-into", needs=needs_fused_offer("fused_forward_into"))
def fused_forward_into(subject: Subject) -> None:
    """Where it is offered, the network does not compute the output activation elsewhere.

    Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.
    """
    outputs, tolerance = ("a", "values", "grad"), 256 * subject.eps
    for z, t in logits(subject, "fused-forward", far=True):
        arrays = fused_arrays(subject, z, t)
        expect_outputs(subject, "fused_forward_into", arrays, outputs=outputs, scratch=("z",), tolerance=tolerance)


@CHECKS.check("LOSS-026/large", scope="variant")
def large(subject: Subject) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; data do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
    loss, wide = subject.make(), (3, 151)
    for size in ((3001, 1), (3001, 2)):
        inputs = {"prediction": predictions(subject, "large", size), "target": targets(subject, "large", size)}
        for method in ("value", "gradient"):
            expect_rows_alone(loss, method, inputs, rows=(0, 1500, 3000), tolerance=64 * subject.eps)
    p, t = predictions(subject, "large", wide), targets(subject, "large", wide)
    expect_outputs(subject, "evaluate_into", plain_arrays(subject, p, t), tolerance=1e-9)
    if needs_fused(subject) is None:
        arrays = fused_arrays(subject, normal(subject, "large/z", prediction_size(subject, wide), 1.5), t)
        expect_outputs(subject, "fused_into", arrays, scratch=("z",), tolerance=1e-9)
    for hard in () if subject.cls.surrogate_gradient else (False, True):
        p, t = pair(subject, f"large/{hard}", wide, hard=hard)
        direction = normal(subject, f"large/way/{hard}", p.shape)
        direction *= (room(subject, p, t).min() / np.abs(direction).max()).astype(direction.dtype)
        expect_slope(
            "gradient of 151 outputs is not the derivative of value along a direction",
            (called(loss, "gradient", p, t) * direction).sum(axis=1),
            lambda s, p=p, t=t, direction=direction: called(loss, "value", p + s * direction, t),  # type: ignore[misc]
            1.0,
            rtol=1e-7,
            inputs={"prediction": p, "target": t, "direction": direction},
        )
