"""Checks of activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import Mismatch, close, fail, hold, require, same
from nnkit.testing.figures import check_figures, has_figures
from nnkit.testing.numerics import Slope, complex_step, gauss_legendre, one_sided, slope
from nnkit.testing.points import EXTREMES, SHAPES, apart, elementwise_points, normal
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject

SHELF = Shelf()

_WRONG_SLOPE = "A wrong derivative trains towards the wrong place, without any error."


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    part = subject.make()
    z = normal(subject, "calls/z", (5, 4), 2.0)
    with quiet():
        a = np.array(part.forward(z.copy()))
    grad, tangent = normal(subject, "calls/grad", z.shape), normal(subject, "calls/tangent", z.shape)
    every = frozenset
    found = [
        Call("forward(z)", lambda p, x: p.forward(x["z"]), {"z": z}, rows=every({"z"})),
        Call("jacobian(z, a)", lambda p, x: p.jacobian(x["z"], x["a"]), {"z": z, "a": a}, rows=every({"z", "a"})),
        Call(
            "vjp(z, a, grad)",
            lambda p, x: p.vjp(x["z"], x["a"], x["grad"]),
            {"z": z, "a": a, "grad": grad},
            rows=every({"z", "a", "grad"}),
        ),
        Call(
            "jvp(z, a, tangent)",
            lambda p, x: p.jvp(x["z"], x["a"], x["tangent"]),
            {"z": z, "a": a, "tangent": tangent},
            rows=every({"z", "a", "tangent"}),
        ),
    ]
    if subject.elementwise:
        found.append(
            Call(
                "derivative(z, a)", lambda p, x: p.derivative(x["z"], x["a"]), {"z": z, "a": a}, rows=every({"z", "a"})
            )
        )
        if part.offers("second_derivative"):
            found.append(
                Call(
                    "second_derivative(z, a)",
                    lambda p, x: p.second_derivative(x["z"], x["a"]),
                    {"z": z, "a": a},
                    rows=every({"z", "a"}),
                )
            )
    if part.offers("vjp_derivative"):
        found.append(
            Call(
                "vjp_derivative(z, a, grad, tangent)",
                lambda p, x: p.vjp_derivative(x["z"], x["a"], x["grad"], x["tangent"]),
                {"z": z, "a": a, "grad": grad, "tangent": tangent},
                rows=every({"z", "a", "grad", "tangent"}),
            )
        )
    return found


# -- what applies ----------------------------------------------------------------------------


def _elementwise(subject: Subject) -> str | None:
    return None if subject.elementwise else "it mixes the elements of a row"


def _mixing(subject: Subject) -> str | None:
    return "it is elementwise" if subject.elementwise else None


def _declares(trait: str, words: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if getattr(subject.cls, trait) else f"it does not declare {words}"

    return needs


def _offers(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


def _elementwise_and_analytic(subject: Subject) -> str | None:
    return _elementwise(subject) or _declares("analytic", "analytic")(subject)


def _second(subject: Subject) -> str | None:
    return _elementwise(subject) or _offers("second_derivative")(subject)


# -- helpers ---------------------------------------------------------------------------------


def _forward(part: Any, z: Array) -> Array:
    with quiet():
        return np.array(part.forward(z.copy()))


def _method(part: Any, name: str, z: Array, a: Array, *more: Array) -> Array:
    with quiet():
        return np.array(getattr(part, name)(z.copy(), a.copy(), *(array.copy() for array in more)))


def _steps(z: Array, kinks: tuple[float, ...]) -> Array:
    """How far each point may be moved: a tenth, and never across a kink."""
    step = np.full(z.shape, 0.1)
    for kink in kinks:
        step = np.minimum(step, 0.5 * np.abs(z - kink))
    return step


def _slopes(function: Any, z: Array, kinks: tuple[float, ...], steps: Array | None = None) -> Slope:
    """The derivative of an elementwise function at each point, and its error."""
    step = _steps(z, kinks) if steps is None else steps
    found = slope(lambda t: function(z + t * step), 1.0)
    with np.errstate(all="ignore"):
        return Slope(found.value / step, found.error / step)


def _matrices(subject: Subject, label: str) -> list[Array]:
    return [
        apart(normal(subject, f"{label}/{shape}", shape, 2.0), subject.cls.kinks, 0.05).astype(subject.dtype)
        for shape in SHAPES
    ]


def _jacobian_slopes(part: Any, z: Array, kinks: tuple[float, ...]) -> Slope:
    """``da[n, i] / dz[n, j]`` by stencil, ``(N, D, D)``."""
    columns = []
    for j in range(z.shape[1]):
        direction = np.zeros_like(z)
        direction[:, j] = 1.0
        step = float(_steps(z, kinks).min(initial=0.1))
        found = slope(lambda t, d=direction, s=step: _forward(part, z + (t * s) * d), 1.0)  # type: ignore[misc]
        columns.append(Slope(found.value / step, found.error / step))
    return Slope(np.stack([c.value for c in columns], axis=2), np.stack([c.error for c in columns], axis=2))


# -- values ----------------------------------------------------------------------------------


@SHELF.check(
    "ACT-001/shape",
    why="A layer hands on what it is given; a wrong shape breaks, or broadcasts, one layer later.",
    fix="forward returns an ndarray of exactly the shape of z, for any number of rows and columns.",
)
def shape(subject: Subject) -> None:
    part = subject.make()
    for size in (*SHAPES, (0, 3), (1, 300), (300, 1)):
        z = normal(subject, f"shape/{size}", size)
        a = part.forward(z.copy())
        require(isinstance(a, np.ndarray), "forward returns no array", inputs={"z": z}, got=type(a).__name__)
        require(a.shape == size, f"forward of {size} has another shape", inputs={"z": z}, got=a.shape, expected=size)
        jacobian = part.jacobian(z.copy(), a.copy())
        expected = (*size, size[1])
        require(
            jacobian.shape == expected,
            "jacobian has the wrong shape",
            inputs={"z": z},
            got=jacobian.shape,
            expected=expected,
        )
        for name in ("vjp", "jvp"):
            found = _method(part, name, z, a, z)
            require(found.shape == size, f"{name} has the wrong shape", inputs={"z": z}, got=found.shape, expected=size)


@SHELF.check(
    "ACT-002/derivative-stencil",
    why=_WRONG_SLOPE,
    fix="Differentiate the formula of `forward` again; look at factors, signs and the branch of each condition.",
    needs=_elementwise,
    scope="variant",
)
def derivative_stencil(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    points = elementwise_points(subject, "derivative")
    z = apart(points, kinks, 1e-4)
    expected = _slopes(lambda x: _forward(part, x), z, kinks)

    def compare(z: Array, value: Array, allowed: Array) -> Mismatch | None:
        return close(_method(part, "derivative", z, _forward(part, z)), value, atol=allowed)

    allowed = expected.allowed()
    require(
        np.isfinite(allowed).mean() > 0.8,
        "forward is too rough to have a derivative at most points",
        inputs={"z": z[np.isinf(allowed)][:4]},
    )
    _hold_slope("derivative(z, a) is not the derivative of forward", compare, z, expected.value, allowed)


def _hold_slope(message: str, compare: Any, z: Array, value: Array, allowed: Array) -> None:
    """``hold``, showing only z."""
    found = compare(z, value, allowed)
    if found is None:
        return
    at = slice(found.index[0], found.index[0] + 1)
    smaller = compare(z[at], value[at], allowed[at])
    if smaller is not None:
        fail(message, inputs={"z": z[at]}, got=smaller.got, expected=smaller.expected)
    fail(f"{message}, in a batch of {len(z)} rows", inputs={"z": z}, got=found.got, expected=found.expected)


@SHELF.check(
    "ACT-003/derivative-complex-step",
    why=_WRONG_SLOPE,
    fix="Differentiate the formula of `forward` again; if it is not analytic (abs, where, max), drop `analytic`.",
    needs=_elementwise_and_analytic,
    scope="variant",
)
def derivative_complex_step(subject: Subject) -> None:
    part = subject.make()
    z = elementwise_points(subject, "complex")
    with quiet():
        given = part.forward(z + 0j)
    require(np.iscomplexobj(given), "forward(z) of complex z is not complex, so `analytic` is untrue", got=given.dtype)
    real = close(given.real, _forward(part, z), rtol=1e-12, atol=1e-14)
    if real is not None:
        fail(
            "forward of complex z with zero imaginary part differs",
            inputs={"z": z},
            got=real.got,
            expected=real.expected,
        )
    with quiet():
        expected = complex_step(part.forward, z)

    def compare(z: Array, value: Array, allowed: Array) -> Mismatch | None:
        return close(_method(part, "derivative", z, _forward(part, z)), value, atol=allowed)

    scale = np.abs(expected) + EPS_SCALE * (1.0 + np.abs(z))
    _hold_slope("derivative(z, a) is not the complex-step derivative of forward", compare, z, expected, 1e-10 * scale)


EPS_SCALE = 1e-3


@SHELF.check(
    "ACT-004/extremes",
    why="Untrained or diverging networks produce such numbers; one NaN ends the training.",
    fix="Use a form that saturates instead of overflowing, and check each branch at ±1e4.",
)
def extremes(subject: Subject) -> None:
    part, cls = subject.make(), subject.cls
    grows = {side: bool(np.abs(_forward(part, np.array([[side * 80.0]]))).max() > 1e30) for side in (-1.0, 1.0)}
    points = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    if not subject.elementwise:
        points = np.concatenate([np.hstack([points, np.zeros_like(points), points * 0.5]), np.tile(points, 3)])
    z = points.astype(subject.dtype)
    with quiet() as noted:
        a = part.forward(z.copy())
        jacobian = part.jacobian(z.copy(), a.copy())
        back = part.vjp(z.copy(), a.copy(), np.ones_like(z))
        along = part.jvp(z.copy(), a.copy(), np.ones_like(z))
    require(not noted.warned, "it warns at ±1e4", inputs={"z": z}, got=noted.warned)
    low, high = cls.range
    for name, result in (("forward", a), ("jacobian", jacobian), ("vjp", back), ("jvp", along)):
        rows = result.reshape(len(z), -1)
        for n in range(len(z)):
            require(not np.isnan(rows[n]).any(), f"{name} is NaN", inputs={"z": z[n : n + 1]}, got=rows[n])
            may_overflow = grows[float(np.sign(z[n, 0]))] and not (low > -np.inf and high < np.inf)
            log_simplex = getattr(cls, "log_simplex", False)
            if not may_overflow and not log_simplex:
                require(np.isfinite(rows[n]).all(), f"{name} overflows", inputs={"z": z[n : n + 1]}, got=rows[n])


@SHELF.check(
    "ACT-005/integral",
    why="A jump, or a branch that is wrong far out, has the right slope on both sides and the wrong value.",
    fix="Let the branches of `forward` meet; compare both of them at the point where one takes over.",
    needs=_elementwise,
    scope="variant",
)
def integral(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    inner = np.linspace(-12.0, 12.0, 97)
    outer = np.concatenate([np.linspace(12.0, 60.0, 49), np.geomspace(60.0, 1e4, 40)[1:]])
    nodes = np.unique(np.concatenate([inner, outer, -outer, np.asarray(kinks, dtype=np.float64)]))
    low, high = nodes[:-1].copy(), nodes[1:].copy()
    for kink in kinks:
        low[low == kink] = np.nextafter(kink, np.inf) if kink else 1e-300
        high[high == kink] = np.nextafter(kink, -np.inf) if kink else -1e-300

    def rate(z: Array) -> Array:
        return _method(part, "derivative", z, _forward(part, z))

    with np.errstate(all="ignore"):
        coarse, fine = gauss_legendre(rate, low, high, 16), gauss_legendre(rate, low, high, 32)
        start, end = _forward(part, low[:, None])[:, 0], _forward(part, high[:, None])[:, 0]
        scale = np.abs(start) + np.abs(end) + np.abs(fine)
        rough = (high - low) * np.abs(np.diff(rate(np.stack([low, (low + high) / 2, high], axis=1)), axis=1)).sum(
            axis=1
        )
        allowed = 10.0 * np.abs(fine - coarse) + 1e-11 * scale + 1e-12 + 1e-3 * np.nan_to_num(rough)
        allowed[~np.isfinite(scale) | ~(np.abs(fine - coarse) <= 1e-3 * (scale + 1e-3))] = np.inf
        found = close(end - start, fine, atol=allowed)
    if found is not None:
        at = found.index[0]
        fail(
            "forward(b) - forward(a) is not the integral of derivative from a to b",
            inputs={"a": low[at], "b": high[at]},
            got=found.got,
            expected=found.expected,
        )


@SHELF.check(
    "ACT-006/far-derivative",
    why=_WRONG_SLOPE,
    fix="Check the derivative where forward saturates, and each branch of a condition, at ±30 to ±1e4.",
    needs=_elementwise,
    scope="variant",
)
def far_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    value = _forward(part, z)
    sane = (np.abs(value) < 1e100).ravel()
    z = z[sane]
    expected = _slopes(lambda x: _forward(part, x), z, kinks, np.full(z.shape, 0.5))

    def compare(z: Array, value: Array, allowed: Array) -> Mismatch | None:
        return close(_method(part, "derivative", z, _forward(part, z)), value, atol=allowed)

    _hold_slope("derivative(z, a) is wrong far from zero", compare, z, expected.value, expected.allowed(1e-7))


@SHELF.check(
    "ACT-007/jacobian",
    why="The Jacobian is what every backward pass, prediction interval and second-order step stands on.",
    fix="J[n, i, j] is da[n, i] / dz[n, j]: outputs by inputs. A transposed one passes for softmax and for no other.",
    scope="variant",
)
def jacobian(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    for z in _matrices(subject, "jacobian"):
        if z.shape[1] > 5 or z.shape[0] > 7:
            continue
        expected = _jacobian_slopes(part, z, kinks)

        def compare(z: Array, value: Array, allowed: Array) -> Mismatch | None:
            return close(_method(part, "jacobian", z, _forward(part, z)), value, atol=allowed)

        _hold_slope("jacobian(z, a) is not the Jacobian of forward", compare, z, expected.value, expected.allowed())


@SHELF.check(
    "ACT-008/vjp-equals-jacobian",
    why="Training goes through vjp, analysis through jacobian; they must be one function.",
    fix="vjp[n, j] = sum over i of grad[n, i] J[n, i, j]: the gradient stands on the left.",
)
def vjp_equals_jacobian(subject: Subject) -> None:
    part, tolerance = subject.make(), 200 * subject.eps
    for z in _matrices(subject, "vjp"):
        grad = normal(subject, f"vjp/grad/{z.shape}", z.shape)

        def compare(z: Array, grad: Array) -> Mismatch | None:
            a = _forward(part, z)
            expected = np.einsum("ni,nij->nj", grad, _method(part, "jacobian", z, a))
            return close(_method(part, "vjp", z, a, grad), expected, rtol=tolerance, atol=tolerance)

        hold("vjp(z, a, grad) is not grad @ jacobian", compare, {"z": z, "grad": grad}, columns=subject.elementwise)
        found = _method(part, "vjp", z, _forward(part, z), np.zeros_like(z))
        require(not found.any(), "vjp of a zero gradient is not zero", inputs={"z": z}, got=found)


@SHELF.check(
    "ACT-009/jvp-equals-jacobian",
    why="Sensitivities and Hessian-vector products go through jvp.",
    fix="jvp[n, i] = sum over j of J[n, i, j] tangent[n, j]: the tangent stands on the right.",
)
def jvp_equals_jacobian(subject: Subject) -> None:
    part, tolerance = subject.make(), 200 * subject.eps
    for z in _matrices(subject, "jvp"):
        tangent = normal(subject, f"jvp/tangent/{z.shape}", z.shape)

        def compare(z: Array, tangent: Array) -> Mismatch | None:
            a = _forward(part, z)
            expected = np.einsum("nij,nj->ni", _method(part, "jacobian", z, a), tangent)
            return close(_method(part, "jvp", z, a, tangent), expected, rtol=tolerance, atol=tolerance)

        told = {"z": z, "tangent": tangent}
        hold("jvp(z, a, tangent) is not jacobian @ tangent", compare, told, columns=subject.elementwise)


@SHELF.check(
    "ACT-010/forward-into",
    why="Training runs on the in-place twins; they must be the same function, also when out is z itself.",
    fix="Write every element of `out`; read z before writing when they are one array; expect rubbish in `work`.",
)
def forward_into(subject: Subject) -> None:
    part, tolerance = subject.make(), 16 * subject.eps
    for z in [*_matrices(subject, "forward_into"), _wide(subject), _large(subject)]:
        expected = _forward(part, z)
        for aliased in (False, True):
            given = z.copy()
            out = given if aliased else np.full_like(z, np.nan)
            work = np.full_like(z, np.nan)
            with quiet() as noted:
                part.forward_into(given, out, work)
            how = "with out=z" if aliased else "with another out"
            require(not noted.warned, f"forward_into {how} warns", inputs={"z": z}, got=noted.warned)
            found = close(out, expected, rtol=tolerance, atol=tolerance)
            if found is not None:
                fail(
                    f"forward_into {how} differs from forward", inputs={"z": z}, got=found.got, expected=found.expected
                )
            if not aliased:
                changed = same(given, z)
                require(changed is None, "forward_into writes to z", inputs={"z": z}, got=given, expected=z)


def _large(subject: Subject) -> Array:
    """More elements than a block of any in-place twin holds (65,536), not a multiple of anything."""
    return normal(subject, "large", (4001, 17), 2.0)


def _wide(subject: Subject) -> Array:
    """Many values at once, extremes among them."""
    points = np.concatenate([EXTREMES, -EXTREMES, elementwise_points(subject, "wide").ravel()])
    return points[: points.size // 4 * 4].reshape(-1, 4).astype(subject.dtype)


@SHELF.check(
    "ACT-011/vjp-into",
    why="Training runs on the in-place twins; they must be the same function, also when out is grad itself.",
    fix="Write every element of `out`; read grad before writing; leave z and a alone; expect rubbish in `work`.",
)
def vjp_into(subject: Subject) -> None:
    part, tolerance = subject.make(), 32 * subject.eps
    for z in [*_matrices(subject, "vjp_into"), _wide(subject), _large(subject)]:
        a = _forward(part, z)
        if not np.isfinite(a).all():
            z = np.clip(z, -80, 80)  # noqa: PLW2901  # an exponential: 0 * inf would hide the rest
            a = _forward(part, z)
        grad = normal(subject, f"vjp_into/grad/{z.shape}", z.shape)
        expected = _method(part, "vjp", z, a, grad)
        for aliased in (False, True):
            given_a = a.copy()
            given_z = z.copy() if subject.cls.uses_z else given_a
            given = grad.copy()
            out = given if aliased else np.full_like(grad, np.nan)
            with quiet() as noted:
                part.vjp_into(given_z, given_a, given, out, np.full_like(grad, np.nan))
            how = "with out=grad" if aliased else "with another out"
            told = {"z": z, "grad": grad}
            require(not noted.warned, f"vjp_into {how} warns", inputs=told, got=noted.warned)
            found = close(out, expected, rtol=tolerance, atol=tolerance)
            if found is not None:
                fail(f"vjp_into {how} differs from vjp", inputs=told, got=found.got, expected=found.expected)
            require(same(given_a, a) is None, f"vjp_into {how} writes to a", inputs=told)
            if subject.cls.uses_z:
                require(same(given_z, z) is None, f"vjp_into {how} writes to z", inputs=told)
            if not aliased:
                require(same(given, grad) is None, "vjp_into writes to grad", inputs=told)


# -- second derivatives ----------------------------------------------------------------------


@SHELF.check(
    "ACT-012/second-derivative",
    why="Hessian-vector products are exact only if the second derivative is.",
    fix="Differentiate `derivative` once more; away from kinks it must be its slope.",
    needs=_second,
    scope="variant",
)
def second_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = apart(elementwise_points(subject, "second"), kinks, 1e-4)
    expected = _slopes(lambda x: _method(part, "derivative", x, _forward(part, x)), z, kinks)

    def compare(z: Array, value: Array, allowed: Array) -> Mismatch | None:
        return close(_method(part, "second_derivative", z, _forward(part, z)), value, atol=allowed)

    message = "second_derivative(z, a) is not the derivative of derivative"
    _hold_slope(message, compare, z, expected.value, expected.allowed())


@SHELF.check(
    "ACT-013/vjp-derivative",
    why="Hessian-vector products are exact only if the derivative of the backward pass is.",
    fix="vjp_derivative is d/dt vjp(z + t tangent, a(z + t tangent), grad) at t = 0, with grad held.",
    needs=_offers("vjp_derivative"),
    scope="variant",
)
def vjp_derivative(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    for z in _matrices(subject, "vjp_derivative"):
        grad, tangent = normal(subject, f"g/{z.shape}", z.shape), normal(subject, f"t/{z.shape}", z.shape)
        tangent = np.clip(tangent, -1.0, 1.0)
        step = float(_steps(z, kinks).min(initial=0.1))

        def along(t: float, z: Array = z, grad: Array = grad, tangent: Array = tangent, step: float = step) -> Array:
            moved = z + t * step * tangent
            return _method(part, "vjp", moved, _forward(part, moved), grad)

        expected = slope(along, 1.0)
        value, error = expected.value / step, Slope(expected.value / step, expected.error / step).allowed()
        found = close(_method(part, "vjp_derivative", z, _forward(part, z), grad, tangent), value, atol=error)
        if found is not None:
            fail(
                "vjp_derivative is not the derivative of vjp along tangent",
                inputs={"z": z, "grad": grad, "tangent": tangent},
                got=found.got,
                expected=found.expected,
            )


# -- what depends on what --------------------------------------------------------------------


@SHELF.check(
    "ACT-014/locality",
    why="An elementwise part that looks at its neighbours has a Jacobian that nobody computes.",
    fix="Use elementwise operations only; no mean, norm, maximum or sort over any axis.",
    needs=_elementwise,
)
def locality(subject: Subject) -> None:
    part, tolerance = subject.make(), 16 * subject.eps
    for size in ((2, 3), (7, 5), (1, 300)):
        z = normal(subject, f"locality/{size}", size, 2.0)
        a = _forward(part, z)
        d = _method(part, "derivative", z, a)
        for n, i in ((0, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, size[1] // 2)):
            for value in (100.0, -3.7, 0.0):
                other = z.copy()
                other[n, i] = value
                found = _forward(part, other)
                rate = _method(part, "derivative", other, found)
                for name, result, before in (("forward", found, a), ("derivative", rate, d)):
                    kept = result.copy()
                    kept[n, i] = before[n, i]
                    off = close(kept, before, rtol=tolerance, atol=tolerance)
                    if off is not None:
                        fail(
                            f"{name} of one element changes with z[{n}, {i}]",
                            inputs={"z": z, f"z[{n}, {i}] becomes": value},
                            got=off.got,
                            expected=off.expected,
                        )
        one = np.array(
            [[float(_forward(part, z[n : n + 1, i : i + 1])[0, 0]) for i in range(z.shape[1])] for n in range(len(z))]
        )
        off = close(a, one, rtol=tolerance, atol=tolerance)
        if off is not None:
            fail(
                "forward of an array differs from forward of its elements one by one",
                inputs={"z": z},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
    "ACT-015/backward-stands-alone",
    why="Many forward passes may lie between a forward pass and its backward pass.",
    fix="Use the z and a that backward is given; remember nothing from forward.",
)
def backward_stands_alone(subject: Subject) -> None:
    part = subject.make()
    z, other = normal(subject, "alone/z", (3, 4), 2.0), normal(subject, "alone/other", (5, 2), 2.0)
    a, grad = _forward(part, z), normal(subject, "alone/grad", (3, 4))
    names = ["jacobian", "vjp", "jvp"] + (["derivative"] if subject.elementwise else [])
    for name in names:
        more = (grad,) if name in {"vjp", "jvp"} else ()
        _forward(part, z)
        first = _method(part, name, z, a, *more)
        _forward(part, other)
        second = _method(part, name, z, a, *more)
        third = _method(subject.make(), name, z, a, *more)
        for found in (second, third):
            off = same(found, first)
            if off is not None:
                fail(
                    f"{name}(z, a) depends on what was forwarded last",
                    inputs={"z": z},
                    got=off.got,
                    expected=off.expected,
                )


@SHELF.check(
    "ACT-016/uses-z",
    why="With uses_z = False the network lets a overwrite z; a part that still reads z then reads the wrong numbers.",
    fix="Write the derivative in terms of a alone, or leave uses_z True.",
    needs=lambda s: "it declares uses_z" if s.cls.uses_z else None,
)
def uses_z(subject: Subject) -> None:
    part = subject.make()
    for z in [*_matrices(subject, "uses_z"), np.clip(_wide(subject), -60, 60)]:
        a = _forward(part, z)
        more = normal(subject, f"uses_z/{z.shape}", z.shape)
        names = ["jacobian", "vjp", "jvp", *(["derivative"] if subject.elementwise else [])]
        names += [name for name in ("second_derivative", "vjp_derivative") if part.offers(name)]
        for name in names:
            extra = {"vjp": (more,), "jvp": (more,), "vjp_derivative": (more, more)}.get(name, ())
            if name == "second_derivative" and not subject.elementwise:
                continue
            expected = _method(part, name, z, a, *extra)
            for instead in (a, np.full_like(z, np.nan)):
                off = same(_method(part, name, instead, a, *extra), expected)
                if off is not None:
                    fail(
                        f"{name} reads z although uses_z is False", inputs={"z": z}, got=off.got, expected=off.expected
                    )


@SHELF.check(
    "ACT-017/nan-stays-visible",
    why="A NaN that disappears in an activation hides the fault that made it.",
    fix="Use functions that hand NaN on (np.maximum does, np.where(z > 0, z, 0) and np.fmax do not).",
)
def nan_stays_visible(subject: Subject) -> None:
    part = subject.make()
    for size in ((1, 1), (3, 4)):
        z = normal(subject, f"nan/{size}", size, 2.0)
        clean = _forward(part, z)
        n, i = size[0] // 2, size[1] // 2
        z[n, i] = np.nan
        with quiet() as noted:
            a = part.forward(z.copy())
        require(not noted.warned, "forward warns when it is given NaN", inputs={"z": z}, got=noted.warned)
        seen = np.isnan(a[n, i]) if subject.elementwise else np.isnan(a[n]).any()
        require(seen, "forward hides a NaN", inputs={"z": z}, got=a, expected=f"NaN in row {n}")
        others = np.delete(np.arange(size[0]), n)
        off = close(a[others], clean[others], rtol=16 * subject.eps, atol=16 * subject.eps)
        require(off is None, "a NaN in one row changes other rows", inputs={"z": z}, got=a)
        into, work = z.copy(), np.zeros_like(z)
        with quiet() as noted:
            part.forward_into(into, into, work)
        seen = np.isnan(into[n, i]) if subject.elementwise else np.isnan(into[n]).any()
        require(seen, "forward_into hides a NaN", inputs={"z": z}, got=into, expected=f"NaN in row {n}")
        require(not noted.warned, "forward_into warns when it is given NaN", inputs={"z": z}, got=noted.warned)


@SHELF.check(
    "ACT-018/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Look for differences of nearly equal numbers, constants cut to float16, and integer powers.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    part, eps = subject.make(), float(np.finfo(np.float32).eps)
    points = np.concatenate([elementwise_points(subject, "float32"), EXTREMES[:, None], -EXTREMES[:, None]])
    z = apart(points, subject.cls.kinks, 1e-3).astype(np.float32)
    if not subject.elementwise:
        z = z[: len(z) // 4 * 4].reshape(-1, 4)
    wide = z.astype(np.float64)
    a64, a32 = _forward(part, wide), _forward(part, z)
    grad = np.ones_like(z)
    names = ["jacobian", "vjp"] + (["derivative"] if subject.elementwise else [])
    with np.errstate(all="ignore"):
        j64 = _method(part, "jacobian", wide, a64)
        steep = np.abs(j64).sum(axis=2) if j64.size else np.abs(a64)
        extent = np.minimum(np.abs(wide).max(axis=1, keepdims=True), 1e4)
        allowed = 64 * eps * (np.abs(a64) + extent * steep + np.minimum(extent, 1.0))
    fits = np.abs(a64) < float(np.finfo(np.float32).max) / 16
    off = close(np.where(fits, a32, 0), np.where(fits, a64, 0), atol=np.where(fits, allowed, 0))
    if off is not None:
        n = off.index[0]
        fail(
            "forward in float32 is not close to float64", inputs={"z": z[n : n + 1]}, got=off.got, expected=off.expected
        )
    row = fits.all(axis=1)
    for name in names:
        more32, more64 = ((grad,), (grad.astype(np.float64),)) if name == "vjp" else ((), ())
        d32 = _method(part, name, z[row], a32[row], *(m[row] for m in more32))
        d64 = _method(part, name, wide[row], a64[row], *(m[row] for m in more64))
        scale = (
            np.abs(d64)
            + 1.0
            + (np.abs(d64) * np.minimum(extent[row], 100.0)).reshape(d64.shape[0], *[-1] + [1] * (d64.ndim - 2))
            if d64.ndim == 2
            else np.abs(d64) + 1.0
        )
        off = close(d32, d64, atol=512 * eps * scale)
        if off is not None:
            n = off.index[0]
            fail(
                f"{name} in float32 is not close to float64",
                inputs={"z": z[row][n : n + 1]},
                got=off.got,
                expected=off.expected,
            )


# -- declared traits -------------------------------------------------------------------------


def _samples(subject: Subject) -> Array:
    """Points for traits: every element of the grid, near the kinks, and extremes; by rows where rows matter."""
    kinks = np.asarray(subject.cls.kinks, dtype=np.float64)
    points = np.concatenate([elementwise_points(subject, "traits").ravel(), EXTREMES, -EXTREMES, kinks])
    if subject.elementwise:
        return points[:, None].astype(subject.dtype)
    return np.concatenate(
        [
            points[: points.size // 4 * 4].reshape(-1, 4),
            subject.rng("traits/rows").normal(0.0, 3.0, (20, 4)),
            np.zeros((1, 4)),
        ]
    ).astype(subject.dtype)


@SHELF.check(
    "ACT-019/kinks",
    why="At a kink the derivative is a choice, and it must be one of the two slopes that meet there.",
    fix="Return the slope from the left or from the right at a kink, and declare the kink where it is.",
    needs=lambda s: _elementwise(s) or _declares("kinks", "kinks")(s),
    scope="variant",
)
def kinks(subject: Subject) -> None:
    part = subject.make()
    declared = subject.cls.kinks
    for kink in declared:
        z = np.array([[kink]])
        gaps = [abs(kink - other) for other in declared if other != kink]
        step = min([0.1, *(0.5 * gap for gap in gaps)])
        got = _method(part, "derivative", z, _forward(part, z))
        sides = []
        for side in (-1, 1):
            near = z + side * 1e-9 * max(abs(kink), 1.0)
            limit, value = _forward(part, near), _forward(part, z)
            if close(value, limit, atol=1e-6 * (1 + np.abs(value)), rtol=0) is None:
                sides.append(one_sided(lambda t: _forward(part, z + t), step, side))  # noqa: B023  # used at once
            else:
                sides.append(one_sided(lambda t: _forward(part, near + t), step, side))  # noqa: B023  # used at once
        right = [close(got, side.value, atol=side.allowed() + 1e-6) is None for side in sides]
        require(
            any(right),
            f"derivative at the kink {kink} is neither of the one-sided slopes",
            inputs={"z": z},
            got=got,
            expected=f"{float(sides[0].value[0, 0]):.6g} or {float(sides[1].value[0, 0]):.6g}",
        )


@SHELF.check(
    "ACT-020/undeclared-kinks",
    why="Stencils, Hessians and solvers step around declared kinks; at others they compute nonsense.",
    fix="Declare the place in `kinks`, or make the branches of the derivative meet.",
    needs=_elementwise,
    scope="variant",
)
def undeclared_kinks(subject: Subject) -> None:
    part, declared = subject.make(), subject.cls.kinks
    for center in (0.0, *range(-7, 8), *(k / 2 for k in range(-13, 14, 2))):
        if any(abs(center - kink) < 1e-3 for kink in declared):
            continue
        z = np.array([[center - 1e-7], [center + 1e-7], [center - 2e-7], [center + 2e-7], [center]], dtype=np.float64)
        d = _method(part, "derivative", z, _forward(part, z))[:, 0]
        jump, drift = abs(d[1] - d[0]), abs(d[0] - d[2]) + abs(d[3] - d[1])
        require(
            jump <= 1e-4 * (1.0 + abs(d[0])) + 10.0 * drift,
            f"the derivative jumps at {center:g}, which is not declared",
            inputs={"z": z[:2]},
            got=d[:2],
            expected=f"kinks with {center:g} in it",
        )


@SHELF.check(
    "ACT-021/range",
    why="Losses and plots rely on the declared range: a logarithm of a negative number is NaN.",
    fix="Widen `range`, or keep forward inside it also at the extremes.",
    needs=lambda s: None if np.isfinite(s.cls.range).any() else "it declares no bound",
)
def declared_range(subject: Subject) -> None:
    z = _samples(subject)
    a = _forward(subject.make(), z).astype(np.float64)
    low, high = subject.cls.range
    slack = 4 * subject.eps * max(abs(x) for x in (low, high) if np.isfinite(x))
    for n in range(len(z)):
        inside = ((a[n] >= low - slack) & (a[n] <= high + slack)).all()
        require(inside, "forward leaves its range", inputs={"z": z[n : n + 1]}, got=a[n], expected=f"[{low}, {high}]")


@SHELF.check(
    "ACT-022/monotonic",
    why="Plots, calibration and inversion rely on it.",
    fix="Drop `monotonic`, or look for the branch that falls.",
    needs=lambda s: _elementwise(s) or _declares("monotonic", "monotonic")(s),
)
def monotonic(subject: Subject) -> None:
    part = subject.make()
    z = np.sort(_samples(subject), axis=0)
    a = _forward(part, z).astype(np.float64)[:, 0]
    with np.errstate(invalid="ignore"):
        falls = np.flatnonzero(np.diff(a) < -8 * subject.eps * (np.abs(a[1:]) + np.abs(a[:-1])))
    if falls.size:
        at = slice(int(falls[0]), int(falls[0]) + 2)
        fail("forward falls although it is declared monotonic", inputs={"z": z[at]}, got=a[at], expected="not falling")


@SHELF.check(
    "ACT-023/parity",
    why="Sign symmetry is used where weights are drawn and where networks are compared.",
    fix='Drop `parity`, or make forward(-z) equal to -forward(z) ("odd") or forward(z) ("even").',
    needs=_declares("parity", "parity"),
)
def parity(subject: Subject) -> None:
    part = subject.make()
    z = _samples(subject)
    require(subject.cls.parity in {"odd", "even"}, "parity is neither 'odd' nor 'even'", got=subject.cls.parity)
    sign = -1.0 if subject.cls.parity == "odd" else 1.0

    def compare(z: Array) -> Mismatch | None:
        return close(_forward(part, -z), sign * _forward(part, z), rtol=16 * subject.eps, atol=4 * subject.eps)

    hold(f"forward is not {subject.cls.parity}", compare, {"z": z})


@SHELF.check(
    "ACT-024/fixed-points",
    why="They anchor the function: a wrong one shifts every value.",
    fix="Remove the point from `fixed_points`, or mend the constant that moves it.",
    needs=_declares("fixed_points", "fixed points"),
)
def fixed_points(subject: Subject) -> None:
    part = subject.make()
    z = np.asarray(subject.cls.fixed_points, dtype=subject.dtype)[:, None]

    def compare(z: Array) -> Mismatch | None:
        return close(_forward(part, z), z, rtol=16 * subject.eps, atol=16 * subject.eps)

    hold("a declared fixed point moves", compare, {"z": z})


@SHELF.check(
    "ACT-025/shift-invariant",
    why="Stable forms subtract the largest element of a row; that is only allowed if it changes nothing.",
    fix="Drop `shift_invariant`, or look for what the shift reaches.",
    needs=_declares("shift_invariant", "shift invariance"),
)
def shift_invariant(subject: Subject) -> None:
    part = subject.make()
    for z in _matrices(subject, "shift"):
        for by in (1.5, -7.0, 50.0):
            tolerance = 8 * subject.eps * (abs(by) + 4.0)

            def compare(z: Array, by: float = by, tolerance: float = tolerance) -> Mismatch | None:
                return close(
                    _forward(part, z + z.dtype.type(by)), _forward(part, z), rtol=2 * tolerance, atol=2 * tolerance
                )

            hold(f"forward changes when {by:g} is added to a row", compare, {"z": z})


@SHELF.check(
    "ACT-026/simplex",
    why="Cross-entropy reads the rows as probabilities.",
    fix="Divide by the sum of the same row, after the exponential.",
    needs=_declares("simplex", "a simplex"),
)
def on_simplex(subject: Subject) -> None:
    part = subject.make()
    for z in [*_matrices(subject, "simplex"), _samples(subject)]:
        a = _forward(part, z).astype(np.float64)
        require(
            (a >= 0).all() and (a <= 1 + 8 * subject.eps).all(), "an element is no probability", inputs={"z": z}, got=a
        )
        off = close(a.sum(axis=1), np.ones(len(a)), atol=8 * subject.eps * (z.shape[1] + 2))
        if off is not None:
            n = off.index[0]
            fail("a row does not sum to 1", inputs={"z": z[n : n + 1]}, got=off.got, expected=off.expected)


@SHELF.check(
    "ACT-027/log-simplex",
    why="Losses read the rows as logarithms of probabilities.",
    fix="Subtract the logarithm of the sum of exponentials of the same row.",
    needs=_declares("log_simplex", "a simplex of logarithms"),
)
def on_log_simplex(subject: Subject) -> None:
    part = subject.make()
    for z in [*_matrices(subject, "log_simplex"), _samples(subject)]:
        a = _forward(part, z).astype(np.float64)
        require((a <= 4 * subject.eps).all(), "an element is above 0", inputs={"z": z}, got=a)
        off = close(np.exp(a).sum(axis=1), np.ones(len(a)), atol=64 * subject.eps * (z.shape[1] + 2))
        if off is not None:
            n = off.index[0]
            fail(
                "the exponentials of a row do not sum to 1",
                inputs={"z": z[n : n + 1]},
                got=off.got,
                expected=off.expected,
            )


@SHELF.check(
    "ACT-028/equivariant-columns",
    why="Which unit stands in which column must not matter, unless the part says that it does.",
    fix="Treat all columns alike; no weight, ramp or special case for the first or the last one.",
    level="strict",
)
def equivariant_columns(subject: Subject) -> None:
    part = subject.make()
    for z in _matrices(subject, "columns"):
        order = subject.rng(f"columns/{z.shape}").permutation(z.shape[1])
        for moved in (order, np.arange(z.shape[1])[::-1]):

            def compare(z: Array, moved: Array = moved) -> Mismatch | None:
                return close(
                    _forward(part, z[:, moved]),
                    _forward(part, z)[:, moved],
                    rtol=64 * subject.eps,
                    atol=64 * subject.eps,
                )

            hold("forward of exchanged columns is not the exchanged forward", compare, {"z": z})


@SHELF.check(
    "ACT-029/largest-numbers",
    why="A diverged network holds such numbers before it holds infinity.",
    fix="Saturate before multiplying: np.clip, or the smaller of two forms.",
    level="advisory",
)
def largest_numbers(subject: Subject) -> None:
    part, ceiling = subject.make(), float(np.finfo(subject.dtype).max)
    huge = np.array([[1e30], [-1e30], [ceiling], [-ceiling]], dtype=subject.dtype)
    if not subject.elementwise:
        huge = np.hstack([huge, np.zeros_like(huge), -huge])
    with quiet() as noted:
        a = part.forward(huge.copy())
        part.vjp(huge.copy(), a.copy(), np.ones_like(huge))
    require(not noted.warned, "it warns at the largest numbers of the dtype", inputs={"z": huge}, got=noted.warned)
    require(not np.isnan(a).any(), "forward is NaN at the largest numbers of the dtype", inputs={"z": huge}, got=a)


@SHELF.check(
    "ACT-030/jacobian-complex-step",
    why=_WRONG_SLOPE,
    fix="Let forward take complex rows (shift by the real part's maximum), or drop `analytic`.",
    since="0.2",
    needs=lambda s: _mixing(s) or _declares("analytic", "analytic")(s),
    scope="variant",
)
def jacobian_complex_step(subject: Subject) -> None:
    part = subject.make()
    for z in _matrices(subject, "complex-rows"):
        a = _forward(part, z)
        with quiet():
            given = part.forward(z + 0j)
        told = {"z": z}
        require(np.iscomplexobj(given), "forward(z) of complex z is not complex", inputs=told, got=given.dtype)
        off = close(given.real, a, rtol=1e-12, atol=1e-14)
        if off is not None:
            fail(
                "forward of complex z with zero imaginary part differs", inputs=told, got=off.got, expected=off.expected
            )
        got = _method(part, "jacobian", z, a)
        for k in range(z.shape[1]):

            def along(column: Array, k: int = k, z: Array = z) -> Array:
                moved = z + 0j
                moved[:, k] = column
                with quiet():
                    return np.asarray(part.forward(moved))

            expected = complex_step(along, z[:, k])
            off = close(got[:, :, k], expected, rtol=1e-10, atol=1e-12)
            if off is not None:
                message = f"jacobian[:, :, {k}] is not the complex-step derivative of forward"
                fail(message, inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "ACT-031/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; networks do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
    since="0.2",
    scope="variant",
)
def large(subject: Subject) -> None:
    part, kinks = subject.make(), subject.cls.kinks
    z = apart(normal(subject, "large/tall", (3001, 2), 2.0), kinks, 0.02)
    grad = normal(subject, "large/tall/grad", z.shape)
    a = _forward(part, z)
    back = _method(part, "vjp", z, a, grad)
    for n in (0, 1500, 3000):
        one = slice(n, n + 1)
        told = {"rows": len(z), "row": n, "z": z[one]}
        for name, got, alone in (
            ("forward", a[one], _forward(part, z[one])),
            ("vjp", back[one], _method(part, "vjp", z[one], a[one], grad[one])),
        ):
            off = close(got, alone, rtol=64 * subject.eps, atol=64 * subject.eps)
            if off is not None:
                fail(
                    f"{name} of a row among 3001 is not that of the row alone",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
    z = apart(normal(subject, "large/wide", (3, 301), 2.0), kinks, 0.02)
    grad, way = normal(subject, "large/wide/grad", z.shape), normal(subject, "large/wide/way", z.shape)
    way /= np.abs(way).max()
    got = (_method(part, "vjp", z, _forward(part, z), grad) * way).sum(axis=1)
    expected = slope(lambda t: (grad * _forward(part, z + t * way)).sum(axis=1), 0.019)
    off = close(got, expected.value, atol=expected.allowed(1e-7) + 1e-9)
    if off is not None:
        message = "vjp of 301 columns is not the derivative of forward along a direction"
        fail(message, inputs={"z": z, "grad": grad, "direction": way}, got=off.got, expected=off.expected)


@SHELF.check(
    "ACT-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=has_figures,
)
def figures(subject: Subject) -> None:
    points = np.concatenate([elementwise_points(subject, "reference").ravel(), [25.0, -25.0, 60.0, -60.0]])
    z = points[:, None] if subject.elementwise else points[: points.size // 4 * 4].reshape(-1, 4)
    narrow = normal(subject, "reference/narrow", (3, 1), 2.0)
    check_figures(subject, "forward", [{"z": z.astype(subject.dtype)}, {"z": narrow}])
