"""Values, Jacobians and second derivatives of an activation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import called, expect_shape, quiet, silent
from nnkit.testing.checks.activation.passes import (
    derived,
    jacobian_slopes,
    matrices,
    needs_analytic,
    needs_elementwise,
    needs_mixing,
)
from nnkit.testing.derivatives import complex_step, element_slopes, expect_slope, gauss_legendre, steps_within
from nnkit.testing.failure import expect_agreement, expect_close, require, show
from nnkit.testing.record import (
    EXTREMES,
    SHAPES,
    Inputs,
    Subject,
    apart,
    check,
    elementwise_points,
    needs_offer,
    normal,
)

# -- values ----------------------------------------------------------------------------------


@check("ACT-001/shape", on=Inputs(("rows", "columns"), (*SHAPES, (0, 3), (1, 300), (300, 1))))
def shape(subject: Subject, part: Any, rows: int, columns: int) -> None:
    """The next layer is built for the declared shape; a wrong one breaks, or broadcasts, one layer later.

    forward returns an ndarray of exactly the shape of z, for any number of rows and columns.
    """
    size = rows, columns
    z = normal(subject, f"shape/{size}", size)
    show(z=z)
    a = part.forward(z.copy())
    require(isinstance(a, np.ndarray), "forward returns no array", got=type(a).__name__)
    expect_shape(f"forward of {size} has another shape", a, size)
    expect_shape("jacobian has the wrong shape", part.jacobian(z.copy(), a.copy()), (*size, columns))
    for name in ("vjp", "jvp"):
        expect_shape(f"{name} has the wrong shape", called(part, name, z, a, z), size)


def _expect_derivative(
    message: str, subject: Subject, method: str, of: str, z: Array, steps: Array | None = None, rtol: float = 1e-8
) -> None:
    """Raise ``CheckFailure`` unless the elementwise ``method`` is the derivative of ``of`` at each of the points z."""
    part, kinks = subject.make(), subject.cls.kinks

    def function(z: Array) -> Array:
        return called(part, of, z) if of == "forward" else derived(part, of, z)

    expected = element_slopes(function, z, steps_within(z, kinks) if steps is None else steps)
    allowed = expected.allowed(rtol)
    rough = {"z": z[np.isinf(allowed)][:4]}
    require(
        steps is not None or np.isfinite(allowed).mean() > 0.8,
        f"{of} is too rough to have a derivative at most points",
        inputs=rough,
    )
    expect_agreement(
        message,
        lambda z, value, atol: (derived(part, method, z), value, atol),
        {"z": z, "value": expected.value, "atol": allowed},
        hidden=("value", "atol"),
    )


@check("ACT-002/derivative-stencil", needs=needs_elementwise, scope="variant")
def derivative_stencil(subject: Subject) -> None:
    """A wrong derivative trains towards the wrong place, without any error.

    Differentiate the formula of `forward` again; look at factors, signs and the branch of each condition.
    """
    z = apart(elementwise_points(subject, "derivative"), subject.cls.kinks, 1e-4)
    _expect_derivative("derivative(z, a) is not the derivative of forward", subject, "derivative", "forward", z)


def _complex_forward(part: Any, z: Array) -> None:
    """Raise ``CheckFailure`` unless forward accepts complex ``z`` and agrees with the real one."""
    with quiet():
        result = part.forward(z + 0j)
    show(z=z)
    message = "forward(z) of complex z is not complex, so the declaration of `analytic` is wrong"
    require(np.iscomplexobj(result), message, got=result.dtype)
    message = "forward of complex z with zero imaginary part differs"
    expect_close(message, result.real, called(part, "forward", z), rtol=1e-12, atol=1e-14)


@check("ACT-003/derivative-complex-step", needs=(needs_elementwise, needs_analytic), scope="variant")
def derivative_complex_step(subject: Subject, part: Any) -> None:
    """A wrong derivative trains towards the wrong place, without any error.

    Differentiate the formula of `forward` again; if it is not analytic (abs, where, max), drop `analytic`.
    """
    points = elementwise_points(subject, "complex")
    _complex_forward(part, points)

    def compute(z: Array) -> tuple[Array, Array, Array]:
        with quiet():
            expected = complex_step(part.forward, z)
        return derived(part, "derivative", z), expected, 1e-10 * (np.abs(expected) + 1e-3 * (1.0 + np.abs(z)))

    expect_agreement("derivative(z, a) is not the complex-step derivative of forward", compute, {"z": points})


@check("ACT-030/jacobian-complex-step", needs=(needs_mixing, needs_analytic), scope="variant", on=matrices)
def jacobian_complex_step(subject: Subject, part: Any, z: Array) -> None:
    """A wrong derivative trains towards the wrong place, without any error.

    Let forward accept complex rows (shift by the real part's maximum), or drop `analytic`.
    """
    _complex_forward(part, z)
    jacobian = derived(part, "jacobian", z)
    for k in range(z.shape[1]):

        def along(column: Array, k: int = k) -> Array:
            complex_z = z + 0j
            complex_z[:, k] = column
            return np.asarray(part.forward(complex_z))

        with quiet():
            expected = complex_step(along, z[:, k])
        message = f"jacobian[:, :, {k}] is not the complex-step derivative of forward"
        expect_close(message, jacobian[:, :, k], expected, rtol=1e-10, atol=1e-12)


@check("ACT-004/extremes")
def extremes(subject: Subject, part: Any) -> None:
    """Untrained or diverging networks produce such numbers; one NaN ends the training.

    Use a form that saturates instead of overflowing, and check each branch at ±1e4.
    """
    (low, high) = subject.cls.range
    grows = {side: bool(np.abs(called(part, "forward", np.array([[side * 80.0]]))).max() > 1e30) for side in (-1, 1)}
    points = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    if not subject.elementwise:
        points = np.concatenate([np.hstack([points, np.zeros_like(points), points * 0.5]), np.tile(points, 3)])
    z = points.astype(subject.dtype)
    show(z=z)
    with silent("at ±1e4 it"):
        a = part.forward(z.copy())
        results = {"forward": a, "jacobian": part.jacobian(z.copy(), a.copy())}
        results |= {name: getattr(part, name)(z.copy(), a.copy(), np.ones_like(z)) for name in ("vjp", "jvp")}
    bounded = low > -np.inf and high < np.inf
    for name, result in results.items():
        for n, row in enumerate(result.reshape(len(z), -1)):
            show(z=z[n : n + 1])
            require(not np.isnan(row).any(), f"{name} is NaN", got=row)
            if not getattr(subject.cls, "log_simplex", False) and (bounded or not grows[int(np.sign(z[n, 0]))]):
                require(np.isfinite(row).all(), f"{name} overflows", got=row)


@check("ACT-005/integral", needs=needs_elementwise, scope="variant")
def integral(subject: Subject, part: Any) -> None:
    """A jump, or a branch that is wrong far out, has the right slope on both sides and the wrong value.

    Let the branches of `forward` meet; compare both of them at the point where one takes over.
    """
    kinks = subject.cls.kinks
    inner = np.linspace(-12.0, 12.0, 97)
    outer = np.concatenate([np.linspace(12.0, 60.0, 49), np.geomspace(60.0, 1e4, 40)[1:]])
    nodes = np.unique(np.concatenate([inner, outer, -outer, np.asarray(kinks, dtype=np.float64)]))
    low, high = nodes[:-1].copy(), nodes[1:].copy()
    for kink in kinks:
        low[low == kink] = np.nextafter(kink, np.inf) if kink else 1e-300
        high[high == kink] = np.nextafter(kink, -np.inf) if kink else -1e-300

    def rate(z: Array) -> Array:
        return derived(part, "derivative", z)

    with np.errstate(all="ignore"):
        coarse, fine = gauss_legendre(rate, low, high, 16), gauss_legendre(rate, low, high, 32)
        start, end = called(part, "forward", low[:, None])[:, 0], called(part, "forward", high[:, None])[:, 0]
        scale = np.abs(start) + np.abs(end) + np.abs(fine)
        steps = np.abs(np.diff(rate(np.stack([low, (low + high) / 2, high], axis=1)), axis=1)).sum(axis=1)
        rough = np.nan_to_num((high - low) * steps)
        allowed = 10.0 * np.abs(fine - coarse) + 1e-11 * scale + 1e-12 + 1e-3 * rough
        allowed[~np.isfinite(scale) | ~(np.abs(fine - coarse) <= 1e-3 * (scale + 1e-3))] = np.inf
        allowed[_turns(rate, low, high) > 8] = np.inf  # a quadrature of 32 points follows no more turns than that
        growth = end - start
    message = "forward(b) - forward(a) is not the integral of derivative from a to b"
    expect_close(message, growth, fine, atol=allowed, inputs={"a": low, "b": high}, rows=("a", "b"))


def _turns(rate: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """How often ``rate`` changes direction in each interval: for a fast wave, two rules may agree by chance."""
    share = np.linspace(0.0, 1.0, 64) ** 1.1  # uneven, so that no wave is sampled at the same phase each time
    values = rate(low[:, None] + (high - low)[:, None] * share)
    steps = np.diff(values, axis=1)
    steps[np.abs(steps) <= 1e-6 * np.abs(values).max(axis=1, keepdims=True)] = 0.0
    signs = np.sign(steps)
    return np.asarray((signs[:, 1:] * signs[:, :-1] < 0.0).sum(axis=1))


@check("ACT-006/far-derivative", needs=needs_elementwise, scope="variant")
def far_derivative(subject: Subject) -> None:
    """A wrong derivative trains towards the wrong place, without any error.

    Check the derivative where forward saturates, and each branch of a condition, at ±30 to ±1e4.
    """
    z = np.concatenate([EXTREMES, -EXTREMES])[:, None]
    z = z[(np.abs(called(subject.make(), "forward", z)) < 1e100).ravel()]
    message, steps = "derivative(z, a) is wrong far from zero", np.full(z.shape, 0.5)
    _expect_derivative(message, subject, "derivative", "forward", z, steps, rtol=1e-7)


@check("ACT-007/jacobian", scope="variant", on=matrices)
def jacobian(subject: Subject, part: Any, z: Array) -> None:
    """Every backward pass, prediction interval and second-order step is computed from the Jacobian.

    J[n, i, j] is da[n, i] / dz[n, j]: outputs by inputs. A transposed one passes for softmax and for no other.
    """

    def compute(z: Array) -> tuple[Array, Array, Array]:
        expected = jacobian_slopes(part, z, subject.cls.kinks)
        return derived(part, "jacobian", z), expected.value, expected.allowed()

    if z.shape[1] <= 5 and z.shape[0] <= 7:
        expect_agreement("jacobian(z, a) is not the Jacobian of forward", compute, {"z": z})


def _expect_product(subject: Subject, z: Array, method: str, other: str, subscripts: str) -> None:
    """Raise ``CheckFailure`` unless ``method`` is the product of the Jacobian with its argument ``other``."""
    part, tolerance = subject.make(), 200 * subject.eps

    def compute(z: Array, vector: Array) -> tuple[Array, Array]:
        return derived(part, method, z, vector), np.einsum(subscripts, derived(part, "jacobian", z), vector)

    inputs = {"z": z, "vector": normal(subject, f"{method}/{other}/{z.shape}", z.shape)}
    message = f"{method}(z, a, vector) is not the product of jacobian and vector"
    expect_agreement(message, compute, inputs, tolerance=tolerance, columns=subject.elementwise)
    zero = derived(part, method, z, np.zeros_like(z))
    require(not zero.any(), f"{method} of a zero {other} is not zero", inputs={"z": z}, got=zero)


@check("ACT-008/vjp-equals-jacobian", on=matrices)
def vjp_equals_jacobian(subject: Subject, z: Array) -> None:
    """Training uses vjp, analysis uses jacobian; they must be one function.

    vjp[n, j] = sum over i of grad[n, i] J[n, i, j]: the gradient stands on the left.
    """
    _expect_product(subject, z, "vjp", "gradient", "nij,ni->nj")


@check("ACT-009/jvp-equals-jacobian", on=matrices)
def jvp_equals_jacobian(subject: Subject, z: Array) -> None:
    """Sensitivities and Hessian-vector products are computed by jvp.

    jvp[n, i] = sum over j of J[n, i, j] tangent[n, j]: the tangent stands on the right.
    """
    _expect_product(subject, z, "jvp", "tangent", "nij,nj->ni")


# -- second derivatives ----------------------------------------------------------------------


@check("ACT-012/second-derivative", needs=(needs_elementwise, needs_offer("second_derivative")), scope="variant")
def second_derivative(subject: Subject) -> None:
    """Hessian-vector products are exact only if the second derivative is.

    Differentiate `derivative` once more; away from kinks it must be its slope.
    """
    z = apart(elementwise_points(subject, "second"), subject.cls.kinks, 1e-4)
    message = "second_derivative(z, a) is not the derivative of derivative"
    _expect_derivative(message, subject, "second_derivative", "derivative", z, steps_within(z, subject.cls.kinks))


@check("ACT-013/vjp-derivative", needs=needs_offer("vjp_derivative"), scope="variant", on=matrices)
def vjp_derivative(subject: Subject, part: Any, z: Array) -> None:
    """Hessian-vector products are exact only if the derivative of the backward pass is.

    vjp_derivative is d/dt vjp(z + t tangent, a(z + t tangent), grad) at t = 0, with grad constant.
    """
    grad, tangent = normal(subject, f"g/{z.shape}", z.shape), normal(subject, f"t/{z.shape}", z.shape)
    tangent = np.clip(tangent, -1.0, 1.0)
    expect_slope(
        "vjp_derivative is not the derivative of vjp along tangent",
        derived(part, "vjp_derivative", z, grad, tangent),
        lambda t: derived(part, "vjp", z + t * tangent, grad),
        float(steps_within(z, subject.cls.kinks).min(initial=0.1)),
        inputs={"z": z, "grad": grad, "tangent": tangent},
    )
