"""Large batches, small errors, and a loss's reference values."""

from __future__ import annotations

import numpy as np

from nnkit.testing.checks.loss.domains import needs_fused, pair, pairs, predictions, room, targets
from nnkit.testing.checks.loss.in_place import expect_outputs, fused_arrays, plain_arrays
from nnkit.testing.derivatives import expect_slope, moved
from nnkit.testing.methods import called, expect_rows_alone
from nnkit.testing.points import normal
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check(
    "LOSS-026/large",
    why="Blocks, chunks and thresholds begin at sizes that small tests do not reach; data do.",
    fix="Look at what is left over behind the last complete block, and at every condition on a size.",
    scope="variant",
)
def large(subject: Subject) -> None:
    loss, wide = subject.make(), (3, 151)
    for size in ((3001, 1), (3001, 2)):
        inputs = {"prediction": predictions(subject, "large", size), "target": targets(subject, "large", size)}
        for method in ("value", "gradient"):
            expect_rows_alone(loss, method, inputs, rows=(0, 1500, 3000), tolerance=64 * subject.eps)
    p, t = predictions(subject, "large", wide), targets(subject, "large", wide)
    expect_outputs(subject, "evaluate_into", plain_arrays(subject, p, t), tolerance=1e-9)
    if needs_fused(subject) is None:
        arrays = fused_arrays(subject, normal(subject, "large/z", wide, 1.5), t)
        expect_outputs(subject, "fused_into", arrays, scratch=("z",), tolerance=1e-9)
    for hard in (False, True):
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


def _needs_real(subject: Subject) -> str | None:
    real = subject.cls.prediction_domain == subject.cls.target_domain == "real"
    return None if real else "its predictions or targets are not all real numbers"


@CHECKS.check(
    "LOSS-027/near-target",
    why="Where training ends the errors are small, and an epsilon in the wrong place is all that is left.",
    fix="Differentiate value with its epsilon where it stands: inside the root in one is inside the root in both.",
    needs=_needs_real,
    scope="variant",
)
def near_target(subject: Subject) -> None:
    loss, t = subject.make(), np.zeros((5, 2))
    for size in (1e-2, 1e-4, 1e-6):
        p = size * (1.0 + np.abs(normal(subject, f"near/{size}", t.shape)))
        for column in ((slice(None), 0), (slice(None), 1)):
            expect_slope(
                "near the target, gradient is not the derivative of value",
                called(loss, "gradient", p, t)[column],
                lambda s, p=p, at=column: called(loss, "value", moved(p, at, s), t),  # type: ignore[misc]
                0.3 * size,
                levels=6,
                rtol=1e-6,
                atol=1e-9 + 1e-13 / size,  # rounding of a value that is a difference of numbers near 1
                inputs={"prediction": p, "target": t, "output": column[1]},
            )


@CHECKS.check(
    "LOSS-REF/figures",
    why="A part may be the wrong function with the right derivative; reference values show it.",
    fix="Compare the formula with its source; if the reference value is the wrong one, correct that.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    points = [{"prediction": p, "target": t} for p, t in [*pairs(subject, "reference"), pair(subject, "many")]]
    if subject.cls.prediction_domain == "real":
        points.append({"prediction": 20 * points[-1]["prediction"], "target": points[-1]["target"]})
    index = subject.cls.target_domain == "index"
    expect_reference_values(subject, "value", points, integers=frozenset({"target"} if index else ()))
