"""The in-place variants of an activation's methods, what results depend on, large arrays, NaN and float32."""

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_in_place, expect_rows_alone, quiet, silent
from nnkit.testing.checks.activation.passes import (
    backward_methods,
    derived,
    extreme_rows,
    in_rows,
    many,
    matrices,
    needs_elementwise,
)
from nnkit.testing.derivatives import expect_slope
from nnkit.testing.failure import difference, expect_agreement, expect_close, expect_equal, require, show
from nnkit.testing.record import (
    EXTREMES,
    Inputs,
    Subject,
    apart,
    applies_if,
    check,
    elementwise_points,
    needs_float32,
    normal,
)

_bounded = Inputs(("z",), lambda s: [*matrices(s, "uses_z"), np.clip(extreme_rows(s), -60, 60)])


@check("ACT-010/forward-into", on=many)
def forward_into(subject: Subject, part: Any, z: Array) -> None:
    """Training runs on the in-place variants; they must be the same function, also when out is z itself.

    Write every element of `out`; read z before writing when they are one array; `work` starts with any content.
    """
    arrays, expected = {"z": z, "out": None, "work": None}, {"out": called(part, "forward", z)}
    for over in ("z", None):
        expect_in_place(part, "forward_into", arrays, expected, 16 * subject.eps, over=over)


@check("ACT-011/vjp-into", on=many)
def vjp_into(subject: Subject, part: Any, z: Array) -> None:
    """Training runs on the in-place variants; they must be the same function, also when out is grad itself.

    Write every element of `out`, after reading grad; leave z and a unchanged; `work` starts with any content.
    """
    if not np.isfinite(called(part, "forward", z)).all():
        z = np.clip(z, -80, 80)  # an exponential: 0 * inf would hide the rest
    a, grad = called(part, "forward", z), normal(subject, f"vjp_into/grad/{z.shape}", z.shape)
    show(z=z, grad=grad)
    expected = {"out": derived(part, "vjp", z, grad)}
    arrays = {"z": z if subject.cls.uses_z else a, "a": a, "grad": grad, "out": None, "work": None}
    for over in ("grad", None):
        expect_in_place(part, "vjp_into", arrays, expected, 32 * subject.eps, over=over)


@check("ACT-031/large", scope="variant")
def large(subject: Subject, part: Any) -> None:
    """Blocks, chunks and thresholds begin at sizes that small tests do not reach; networks do.

    Look at what is left over behind the last complete block, and at every condition on a size.
    """
    kinks = subject.cls.kinks
    z = apart(normal(subject, "large/tall", (3001, 2), 2.0), kinks, 0.02)
    a, rows, tolerance = called(part, "forward", z), (0, 1500, 3000), 64 * subject.eps
    expect_rows_alone(part, "forward", {"z": z}, rows=rows, tolerance=tolerance)
    inputs = {"z": z, "a": a, "grad": normal(subject, "large/tall/grad", z.shape)}
    expect_rows_alone(part, "vjp", inputs, rows=rows, tolerance=tolerance)

    z = apart(normal(subject, "large/wide", (3, 301), 2.0), kinks, 0.02)
    grad, direction = normal(subject, "large/wide/grad", z.shape), normal(subject, "large/wide/way", z.shape)
    direction /= np.abs(direction).max()
    a, back = called(part, "forward", z), derived(part, "vjp", z, grad)
    a_into, back_into, work = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    with quiet():
        part.forward_into(z.copy(), a_into, work)
        part.vjp_into(z.copy(), a.copy(), grad.copy(), back_into, work)
    product = np.einsum("ni,nij->nj", grad[:1], called(part, "jacobian", z[:1], a[:1]))
    for message, got, expected in (
        ("forward_into of 301 columns differs", a_into, a),
        ("vjp_into of 301 columns differs", back_into, back),
        ("jacobian of 301 columns does not agree with vjp", product, back[:1]),
    ):
        expect_close(message, got, expected, tolerance=1e-9, inputs={"z": z})
    expect_slope(
        "vjp of 301 columns is not the derivative of forward along a direction",
        (back * direction).sum(axis=1),
        lambda t: (grad * called(part, "forward", z + t * direction)).sum(axis=1),
        0.019,
        rtol=1e-7,
        atol=1e-9,
        inputs={"z": z, "grad": grad, "direction": direction},
    )


@check("ACT-014/locality", needs=needs_elementwise, on=Inputs(("rows", "columns"), ((2, 3), (7, 5), (1, 300))))
def locality(subject: Subject, part: Any, rows: int, columns: int) -> None:
    """An elementwise part that looks at other elements has a Jacobian that the network does not compute.

    Use elementwise operations only; no mean, norm, maximum or sort over any axis.
    """
    tolerance, z = 16 * subject.eps, normal(subject, f"locality/{(rows, columns)}", (rows, columns), 2.0)
    before = {"forward": called(part, "forward", z), "derivative": derived(part, "derivative", z)}
    for place in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2)):
        for value in (100.0, -3.7, 0.0):
            other = z.copy()
            other[place] = value
            after = {"forward": called(part, "forward", other), "derivative": derived(part, "derivative", other)}
            show({"z": z, f"z{list(place)} becomes": value})
            for name, result in after.items():
                result[place] = before[name][place]
                message = f"{name} of one element changes with z{list(place)}"
                expect_close(message, result, before[name], tolerance=tolerance)
    alone = [[called(part, "forward", z[n : n + 1, i : i + 1])[0, 0] for i in range(columns)] for n in range(rows)]
    message = "forward of an array differs from forward of its elements one by one"
    expect_close(message, before["forward"], np.array(alone), tolerance=tolerance, inputs={"z": z})


def _backward_results(subject: Subject, part: Any, z: Array, a: Array) -> dict[str, Array]:
    """The results of every method that is passed ``z`` and ``a``."""
    return {
        method: called(part, method, z, a, *(normal(subject, f"uses_z/{name}", a.shape) for name in names))
        for method, names in backward_methods(subject).items()
    }


@check("ACT-015/backward-stands-alone")
def backward_stands_alone(subject: Subject, part: Any) -> None:
    """Many forward passes may lie between a forward pass and its backward pass.

    Use the z and a that backward is passed; store nothing in forward.
    """
    z, other = normal(subject, "alone/z", (3, 4), 2.0), normal(subject, "alone/other", (5, 2), 2.0)
    for method, names in backward_methods(subject).items():
        more = [normal(subject, f"alone/{name}", z.shape) for name in names]
        a = called(part, "forward", z)
        first = called(part, method, z, a, *more)
        called(part, "forward", other)
        for again in (part, subject.make()):
            message = f"{method}(z, a) depends on what was forwarded last"
            expect_equal(message, called(again, method, z, a, *more), first, inputs={"z": z})


@check("ACT-016/uses-z", needs=applies_if(lambda s: not s.cls.uses_z, "it declares uses_z"), on=_bounded)
def uses_z(subject: Subject, part: Any, z: Array) -> None:
    """With uses_z = False the network lets a overwrite z; a part that still reads z then reads the wrong numbers.

    Write the derivative in terms of a alone, or leave uses_z True.
    """
    a = called(part, "forward", z)
    expected = _backward_results(subject, part, z, a)
    for instead in (a, np.full_like(z, np.nan)):
        for method, result in _backward_results(subject, part, instead, a).items():
            expect_equal(f"{method} reads z although uses_z is False", result, expected[method])


@check("ACT-017/nan-stays-visible", on=Inputs(("rows", "columns"), ((1, 1), (3, 4))))
def nan_stays_visible(subject: Subject, part: Any, rows: int, columns: int) -> None:
    """A NaN that disappears in an activation hides the error that caused it.

    Use functions that propagate NaN (np.maximum does, np.where(z > 0, z, 0) and np.fmax do not).
    """
    z = normal(subject, f"nan/{(rows, columns)}", (rows, columns), 2.0)
    clean = called(part, "forward", z)
    n, i = rows // 2, columns // 2
    z[n, i] = np.nan
    show(z=z)
    into = z.copy()
    with silent("for NaN forward"):
        a = part.forward(z.copy())
    with silent("for NaN forward_into"):
        part.forward_into(into, into, np.zeros_like(z))
    for name, result in (("forward", a), ("forward_into", into)):
        seen = np.isnan(result[n, i]) if subject.elementwise else np.isnan(result[n]).any()
        require(seen, f"{name} hides a NaN", got=result, expected=f"NaN in row {n}")
    others, message = np.arange(rows) != n, "a NaN in one row changes other rows"
    expect_close(message, a[others], clean[others], tolerance=16 * subject.eps)


@check("ACT-032/nan-in-the-derivative", level="strict", on=Inputs(("n", "i"), [*np.ndindex(4, 3)]))
def nan_in_the_derivative(subject: Subject, part: Any, n: int, i: int) -> None:
    """The derivative moves the parameters: one without NaN where the output is NaN trains on without any sign.

    Propagate NaN: np.where decides by a comparison, which is false for NaN, and np.nan_to_num hides it.
    """
    z = apart(normal(subject, "nan/derivative", (4, 3), 2.0), subject.cls.kinks, 0.1)
    clean, near = derived(part, "jacobian", z), derived(part, "jacobian", z + subject.dtype.type(0.05))
    if subject.elementwise and difference(clean[n, i, i], near[n, i, i], tolerance=16 * subject.eps) is None:
        return  # a derivative that is constant there does not depend on the NaN
    z[n, i] = np.nan
    show(z=z)
    for method, more in (("jacobian", ()), ("vjp", (np.ones_like(z),))):
        result = derived(part, method, z, *more)[n]
        require(np.isnan(result).any(), f"{method} hides a NaN", got=result, expected=f"NaN in row {n}")


@check("ACT-018/float32-accuracy", needs=needs_float32)
def float32_accuracy(subject: Subject, part: Any) -> None:
    """Most training runs in float32; a formula that cancels there is right on paper only.

    Look for differences of nearly equal numbers, constants cut to float16, and integer powers.
    """
    eps, limit = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).max) / 16
    points = np.concatenate([elementwise_points(subject, "float32"), EXTREMES[:, None], -EXTREMES[:, None]])
    z = apart(points, subject.cls.kinks, 1e-3).astype(np.float32)
    z = z if subject.elementwise else in_rows(z)

    def values(z: Array) -> tuple[Array, Array, Array]:
        wide = z.astype(np.float64)
        a = called(part, "forward", wide)
        jacobian = derived(part, "jacobian", wide)
        with np.errstate(all="ignore"):
            steepness = np.abs(jacobian).sum(axis=2) if jacobian.size else np.abs(a)
            extent = np.minimum(np.abs(wide).max(axis=1, keepdims=True), 1e4)
            allowed = 64 * eps * (np.abs(a) + extent * steepness + np.minimum(extent, 1.0))
        fits = np.abs(a) < limit
        return np.where(fits, called(part, "forward", z), 0), np.where(fits, a, 0), np.where(fits, allowed, 0)

    expect_agreement("forward in float32 is not close to float64", values, {"z": z})
    z = z[(np.abs(called(part, "forward", z.astype(np.float64))) < limit).all(axis=1)]
    for method, names in backward_methods(subject).items():
        if method not in {"jacobian", "vjp", "derivative"}:
            continue

        def derivatives(z: Array, method: str = method, names: tuple[str, ...] = names) -> tuple[Array, Array, Array]:
            wide, more = z.astype(np.float64), [np.ones_like(z)] * len(names)
            double = [array.astype(np.float64) for array in more]
            single, expected = derived(part, method, z, *more), derived(part, method, wide, *double)
            scale = np.abs(expected) + 1.0
            if expected.ndim == 2:
                extent = np.minimum(np.abs(wide).max(axis=1, keepdims=True), 100.0)
                scale += np.abs(expected) * extent
            below, above = (derived(part, method, wide * (1.0 + side * eps), *double) for side in (-1.0, 1.0))
            return single, expected, 512 * eps * scale + 2.0 * np.abs(above - below)  # what one rounding of z does

        expect_agreement(f"{method} in float32 is not close to float64", derivatives, {"z": z})
