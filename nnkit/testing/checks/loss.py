"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.errors import ShapeError
from nnkit.interfaces import Activation
from nnkit.testing.call import Call, quiet
from nnkit.testing.failure import close, fail, require, same
from nnkit.testing.figures import check_figures, has_figures
from nnkit.testing.numerics import Slope, one_sided, slope
from nnkit.testing.points import EXTREMES, normal, simplex
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject

SHELF = Shelf()

SIZES = ((1, 1), (2, 1), (7, 1), (1, 2), (2, 3), (7, 2), (3, 5), (7, 4))
"""``(N, K)``: every pairing of one, few and many."""

_WRONG_SLOPE = "A wrong gradient trains towards the wrong place, without any error."


# -- figures in the declared domains ---------------------------------------------------------


def predictions(subject: Subject, label: str, size: tuple[int, int]) -> Array:
    """Predictions well inside the declared domain."""
    domain = subject.cls.prediction_domain
    raw = normal(subject, f"prediction/{label}/{size}", size)
    if domain == "nonnegative":
        found = np.exp(raw)
    elif domain == "unit":
        found = 0.02 + 0.96 / (1.0 + np.exp(-1.5 * raw))
    elif domain in {"simplex", "log_simplex"}:
        found = simplex(subject, f"prediction/{label}/{size}", size, 0.1)
        found = np.log(found) if domain == "log_simplex" else found
    else:
        found = 1.5 * raw
    return np.asarray(found, dtype=subject.dtype)


def targets(subject: Subject, label: str, size: tuple[int, int], *, hard: bool = False) -> Array:
    """Targets in the declared domain; ``hard`` ones lie at its corners."""
    domain = subject.cls.target_domain
    rng = subject.rng(f"target/{label}/{size}")
    if domain == "index":
        return rng.integers(0, size[1], size[0])
    if domain == "sign":
        found = rng.choice([-1.0, 1.0], size)
    elif domain == "simplex":
        found = simplex(subject, f"target/{label}/{size}", size, 0.1)
        if hard:
            found = np.eye(size[1])[rng.integers(0, size[1], size[0])]
    elif domain == "unit":
        found = rng.integers(0, 2, size) if hard else rng.uniform(0.05, 0.95, size)
    elif domain == "nonnegative":
        found = rng.integers(0, 4, size) if hard else rng.gamma(2.0, 1.0, size)
    else:
        found = rng.normal(0.0, 1.5, size)
    return np.asarray(found, dtype=subject.dtype)


def pairs(subject: Subject, label: str) -> list[tuple[Array, Array]]:
    """Predictions and targets of every size, soft and hard, away from kinks."""
    found = []
    for size in SIZES:
        for hard in (False, True):
            p = predictions(subject, f"{label}/{hard}", size)
            t = targets(subject, f"{label}/{hard}", size, hard=hard)
            found.append((_apart(subject, p, t), t))
    return found


def _apart(subject: Subject, p: Array, t: Array, distance: float = 0.02) -> Array:
    if t.shape != p.shape:
        return p
    p = p.copy()
    kinks = subject.cls.kinks
    for field in ("delta", "epsilon", "margin", "threshold"):
        if hasattr(subject.cls(**subject.hyperparameters), field):
            value = getattr(subject.cls(**subject.hyperparameters), field)
            if isinstance(value, float):
                kinks = (*kinks, value, -value)
    for kink in sorted(set(kinks)):
        near = np.abs(p - t - kink) < distance
        p = np.where(near, t + p.dtype.type(kink + 2 * distance), p)
    return p.astype(subject.dtype)


def room(subject: Subject, p: Array, t: Array) -> Array:
    """How far each prediction may be moved without leaving its domain or crossing a kink, ``(N, K)``."""
    domain = subject.cls.prediction_domain
    step = np.full(p.shape, 0.1)
    if domain in {"unit", "simplex"}:
        step = np.minimum(step, 0.4 * np.minimum(np.abs(p), np.abs(1.0 - p) + 1e-3))
        if domain == "simplex":
            step = np.minimum(np.full(p.shape, 0.1), 0.4 * np.abs(p))
    elif domain == "nonnegative":
        step = np.minimum(step, 0.4 * np.abs(p))
    if t.shape == p.shape:
        for kink in subject.cls.kinks:
            step = np.minimum(step, 0.5 * np.abs(p - t - kink))
    found: Array = np.maximum(step, 1e-9)
    return found


def _value(loss: Any, p: Array, t: Array) -> Array:
    with quiet():
        return np.array(loss.value(p.copy(), t.copy()))


def _gradient(loss: Any, p: Array, t: Array) -> Array:
    with quiet():
        return np.array(loss.gradient(p.copy(), t.copy()))


def _slopes(function: Callable[[Array], Array], p: Array, step: Array) -> Slope:
    """``d function(p)[n, …] / dp[n, k]``: the derivative in each column, stacked on a last axis."""
    values, errors = [], []
    for k in range(p.shape[1]):
        direction = np.zeros(p.shape)
        direction[:, k] = step[:, k]
        found = slope(lambda s, d=direction: function(p + s * d), 1.0)  # type: ignore[misc]
        scale = step[:, k].reshape(-1, *[1] * (found.value.ndim - 1))
        values.append(found.value / scale)
        errors.append(found.error / scale)
    return Slope(np.stack(values, axis=-1), np.stack(errors, axis=-1))


def calls(subject: Subject) -> list[Call]:
    """The plain methods on one small batch."""
    loss = subject.make()
    size = (5, 3)
    p, t = predictions(subject, "calls", size), targets(subject, "calls", size, hard=True)
    if subject.cls.target_domain == "real":
        t = targets(subject, "calls", size)
    rows = frozenset({"prediction", "target"})
    both = {"prediction": p, "target": t}
    names = ["value", "gradient"]
    names += [name for name in ("residual", "residual_jacobian", "curvature") if loss.offers(name)]

    def plain(name: str) -> Callable[[Any, dict[str, Array]], Any]:
        return lambda part, x: getattr(part, name)(x["prediction"], x["target"])

    found = [Call(f"{name}(prediction, target)", plain(name), both, rows=rows) for name in names]
    activation = fused_activation(subject)
    if activation is not None:
        z = normal(subject, "calls/z", size, 2.0)
        with quiet():
            a: Array = np.array(activation.forward(z.copy()))
        given = {"z": z, "a": a, "target": t}

        def fused(name: str) -> Callable[[Any, dict[str, Array]], Any]:
            return lambda part, x: getattr(part, name)(x["z"], x["a"], x["target"])

        offered = [name for name in ("fused_value", "fused_gradient", "fused_curvature") if loss.offers(name)]
        found += [Call(f"{name}(z, a, target)", fused(name), given, rows=frozenset(given)) for name in offered]
    return found


# -- what applies ----------------------------------------------------------------------------


def fused_activation(subject: Subject) -> Any:
    """The output activation of the fused form, or ``None``."""
    name = subject.cls.fused_activation
    if name is None:
        return None
    if isinstance(name, Activation):
        return name
    from nnkit import plugins

    return plugins.create("activation", name)


def _offers(method: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if subject.offers(method) else f"it offers no {method}"

    return needs


def _fused(subject: Subject) -> str | None:
    return None if subject.cls.fused_activation is not None else "it has no fused form"


def _fused_curvature(subject: Subject) -> str | None:
    return _fused(subject) or _offers("fused_curvature")(subject)


def _declares(trait: str, words: str) -> Any:
    def needs(subject: Subject) -> str | None:
        return None if getattr(subject.cls, trait) else f"it does not declare {words}"

    return needs


# -- values and gradients --------------------------------------------------------------------


@SHELF.check(
    "LOSS-001/shape",
    why="The core takes the weighted mean of one value a sample; anything else is broadcast into nonsense.",
    fix="value gives (N,), gradient (N, K), for one row, one column and any others.",
)
def shape(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "shape"):
        rows, columns = p.shape
        told = {"prediction": p, "target": t}
        value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
        require(isinstance(value, np.ndarray), "value returns no array", inputs=told, got=type(value).__name__)
        require(value.shape == (rows,), "value has the wrong shape", inputs=told, got=value.shape, expected=(rows,))
        require(
            gradient.shape == p.shape, "gradient has the wrong shape", inputs=told, got=gradient.shape, expected=p.shape
        )
        require(np.isfinite(value).all(), "value is not finite", inputs=told, got=value)
        require(np.isfinite(gradient).all(), "gradient is not finite", inputs=told, got=gradient)
        if loss.offers("curvature"):
            found = loss.curvature(p.copy(), t.copy()).shape
            require(found == (rows, columns, columns), "curvature has the wrong shape", inputs=told, got=found)


@SHELF.check(
    "LOSS-002/gradient-stencil",
    why=_WRONG_SLOPE,
    fix="Differentiate `value` again: the factor of the mean over outputs, the sign, no 1/N.",
    scope="variant",
)
def gradient_stencil(subject: Subject) -> None:
    loss = subject.make()
    settled = total = 0
    for p, t in pairs(subject, "gradient"):
        expected = _slopes(lambda x, t=t: _value(loss, x, t), p, room(subject, p, t))  # type: ignore[misc]
        allowed = expected.allowed()
        settled, total = settled + int(np.isfinite(allowed).sum()), total + allowed.size
        off = close(_gradient(loss, p, t), expected.value, atol=allowed)
        if off is not None:
            n = off.index[0]
            one = slice(n, n + 1)
            small = close(_gradient(loss, p[one], t[one]), expected.value[one], atol=allowed[one])
            if small is not None:
                fail(
                    "gradient is not the derivative of value",
                    inputs={"prediction": p[one], "target": t[one]},
                    got=small.got,
                    expected=small.expected,
                )
            fail(
                f"gradient is not the derivative of value in a batch of {len(p)}",
                inputs={"prediction": p, "target": t},
                got=off.got,
                expected=off.expected,
            )
    require(settled > 0.8 * total, "value is too rough to have a gradient at most points")


@SHELF.check(
    "LOSS-003/per-sample",
    why="The core divides by the number of samples, once; a loss that does it too trains N times too slowly.",
    fix="Reduce over axis 1 only; no mean over axis 0, no division by len(prediction).",
)
def per_sample(subject: Subject) -> None:
    loss, tolerance = subject.make(), 64 * subject.eps
    names = ["value", "gradient"]
    names += [name for name in ("residual", "residual_jacobian", "curvature") if loss.offers(name)]
    for p, t in pairs(subject, "per-sample"):
        for name in names:
            whole = getattr(loss, name)(p.copy(), t.copy())
            apart = np.concatenate(
                [getattr(loss, name)(p[n : n + 1].copy(), t[n : n + 1].copy()) for n in range(len(p))]
            )
            off = close(whole, apart, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail(
                    f"{name} of {len(p)} samples together differs from {name} of each alone",
                    inputs={"prediction": p, "target": t},
                    got=off.got,
                    expected=off.expected,
                )


def _meet(subject: Subject, label: str, size: tuple[int, int], *, hard: bool) -> tuple[Array, Array] | None:
    """A prediction that is the target, in the prediction's terms."""
    cls: Any = subject.cls
    t = targets(subject, label, size, hard=hard)
    if cls.target_domain == "index":
        p = np.eye(size[1], dtype=subject.dtype)[t]
        hard = True
    else:
        p = t.copy()
    if cls.prediction_domain == "log_simplex":
        p = np.log(np.maximum(p, 1e-9))
    elif cls.prediction_domain == "simplex" and cls.target_domain not in {"simplex", "index"}:
        return None
    return p.astype(subject.dtype), t


@SHELF.check(
    "LOSS-004/minimum-at-target",
    why="A loss that is smaller elsewhere teaches the network to miss.",
    fix="Drop `minimum_at_target`, or look for the sign or the offset that moves the minimum.",
    needs=_declares("minimum_at_target", "a minimum at the target"),
)
def minimum_at_target(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for hard in (False, True):
            met = _meet(subject, "minimum", size, hard=hard)
            if met is None:
                continue
            p, t = met
            best = _value(loss, p, t).astype(np.float64)
            for trial in range(6):
                other = predictions(subject, f"minimum/{trial}", size)
                if trial % 2:
                    mix = other.dtype.type(0.05)
                    other = (1 - mix) * p + mix * other
                there = _value(loss, other, t).astype(np.float64)
                slack = 16 * subject.eps * (1.0 + np.abs(best) + np.abs(there))
                worse = np.flatnonzero(there < best - slack)
                if worse.size:
                    n = int(worse[0])
                    fail(
                        "value is smaller elsewhere than at the target",
                        inputs={"prediction": other[n : n + 1], "target": t[n : n + 1]},
                        got=there[n : n + 1],
                        expected=f"at least {float(best[n])!r}, the value at the target",
                    )


@SHELF.check(
    "LOSS-005/zero-at-target",
    why="A loss of zero is read as a perfect fit.",
    fix="Drop `zero_at_target`, or remove the constant that is left over.",
    needs=_declares("zero_at_target", "zero at the target"),
)
def zero_at_target(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for hard in (False, True):
            met = _meet(subject, "zero", size, hard=hard)
            if met is None or (subject.cls.prediction_domain == "log_simplex" and (hard or met[1].ndim == 1)):
                continue
            p, t = met
            off = close(_value(loss, p, t), np.zeros(size[0]), atol=64 * subject.eps)
            if off is not None:
                n = off.index[0] if off.index else 0
                told = {"prediction": p[n : n + 1], "target": t[n : n + 1]}
                fail("value at the target is not zero", inputs=told, got=off.got, expected=off.expected)


# -- least squares and second derivatives ----------------------------------------------------


@SHELF.check(
    "LOSS-006/residual",
    why="Levenberg-Marquardt and Bayesian regularization minimize the residuals instead of the value.",
    fix="value must be 0.5 * (residual**2).sum(1): a mean over K outputs needs residuals scaled by sqrt(2/K).",
    needs=_offers("residual"),
)
def residual(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "residual"):
        told = {"prediction": p, "target": t}
        r = loss.residual(p.copy(), t.copy())
        require(r.ndim == 2 and len(r) == len(p), "residual is not (N, R)", inputs=told, got=r.shape)
        off = close(
            0.5 * (r.astype(np.float64) ** 2).sum(axis=1),
            _value(loss, p, t),
            rtol=64 * subject.eps,
            atol=64 * subject.eps,
        )
        if off is not None:
            fail("half the squared residuals is not the value", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-007/residual-jacobian",
    why="The Gauss-Newton matrix is made of it.",
    fix="Offer residual and residual_jacobian together; [n, i, k] is dr[n, i] / dprediction[n, k].",
    needs=_offers("residual"),
    scope="variant",
)
def residual_jacobian(subject: Subject) -> None:
    loss = subject.make()
    require(loss.offers("residual_jacobian"), "it offers a residual without residual_jacobian")
    for p, t in pairs(subject, "residual-jacobian"):
        expected = _slopes(lambda x, t=t: np.array(loss.residual(x.copy(), t.copy())), p, room(subject, p, t))  # type: ignore[misc]
        got = loss.residual_jacobian(p.copy(), t.copy())
        off = close(got, expected.value, atol=expected.allowed())
        told = {"prediction": p, "target": t}
        if off is not None:
            fail("residual_jacobian is not the derivative of residual", inputs=told, got=off.got, expected=off.expected)
        through = np.einsum("ni,nik->nk", loss.residual(p.copy(), t.copy()), got)
        off = close(through, _gradient(loss, p, t), rtol=1e-11, atol=1e-11)
        if off is not None:
            fail("residual @ residual_jacobian is not the gradient", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-008/curvature",
    why="Hessian-vector products, Newton steps and Laplace intervals are made of it.",
    fix="curvature is the derivative of gradient: [n, i, j], symmetric, with the same factors.",
    needs=_offers("curvature"),
    scope="variant",
)
def curvature(subject: Subject) -> None:
    loss = subject.make()
    for p, t in pairs(subject, "curvature"):
        expected = _slopes(lambda x, t=t: _gradient(loss, x, t), p, room(subject, p, t))  # type: ignore[misc]
        off = close(loss.curvature(p.copy(), t.copy()), expected.value, atol=expected.allowed())
        if off is not None:
            told = {"prediction": p, "target": t}
            fail("curvature is not the derivative of gradient", inputs=told, got=off.got, expected=off.expected)


# -- the fused form --------------------------------------------------------------------------


def _logits(subject: Subject, label: str, activation: Any) -> list[tuple[Array, Array, Array]]:
    """``z``, ``a``, ``target`` of several sizes, moderate."""
    found = []
    for size in SIZES:
        for hard in (False, True):
            z = normal(subject, f"{label}/z/{size}/{hard}", size, 1.5)
            with quiet():
                a = np.array(activation.forward(z.copy()))
            found.append((z, a, targets(subject, f"{label}/{hard}", size, hard=hard)))
    return found


def _far_logits(subject: Subject, label: str, activation: Any) -> tuple[Array, Array, Array]:
    """``z``, ``a``, ``target`` where exponentials overflow and the activation saturates."""
    z = np.array([[1e4, -1e4, 0.5], [-50.0, 60.0, 3.0], [710.0, 0.0, -710.0]], dtype=subject.dtype)
    with quiet():
        a = np.array(activation.forward(z.copy()))
    return z, a, targets(subject, f"{label}/far", (3, 3), hard=True)


@SHELF.check(
    "LOSS-009/fused-equals-composition",
    why="The core uses the fused form wherever the two meet; it must be the same loss.",
    fix="fused_value(z, a, target) is value(activation(z), target); fused_gradient is its derivative in z.",
    needs=_fused,
)
def fused_equals_composition(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for method in ("fused_value", "fused_gradient"):
        require(loss.offers(method), f"it names a fused activation but offers no {method}")
    tolerance = 512 * subject.eps
    for z, a, t in _logits(subject, "fused", activation):
        told = {"z": z, "target": t}
        with quiet():
            value = loss.fused_value(z.copy(), a.copy(), t.copy())
            gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
            honest = activation.vjp(z.copy(), a.copy(), _gradient(loss, a, t))
        off = close(value, _value(loss, a, t), rtol=tolerance, atol=tolerance)
        if off is not None:
            fail("fused_value differs from value(activation(z))", inputs=told, got=off.got, expected=off.expected)
        off = close(gradient, honest, rtol=tolerance, atol=tolerance)
        if off is not None:
            fail("fused_gradient differs from the composed gradient", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-010/fused-at-extremes",
    why="The fused form is there for saturated outputs; it must stay right at logits of ±1e4.",
    fix="Compute from z with the largest element taken out (log-sum-exp, softplus), not from a.",
    needs=_fused,
)
def fused_at_extremes(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for columns in (1, 2, 3):
        sizes = np.concatenate([EXTREMES, -EXTREMES, [0.0, 15.0, -15.0]])
        z = np.zeros((len(sizes), columns))
        z[np.arange(len(sizes)), np.arange(len(sizes)) % columns] = sizes
        z[:, -1] -= 0.25
        z = z.astype(subject.dtype)
        with quiet():
            a = np.array(activation.forward(z.copy()))
        for hard in (False, True):
            t = targets(subject, f"extremes/{columns}", (len(sizes), columns), hard=hard)
            told = {"z": z, "target": t}
            with quiet() as noted:
                value = loss.fused_value(z.copy(), a.copy(), t.copy())
                gradient = loss.fused_gradient(z.copy(), a.copy(), t.copy())
            require(not noted.warned, "the fused form warns at ±1e4", inputs=told, got=noted.warned)
            for n in range(len(z)):
                one = {"z": z[n : n + 1], "target": t[n : n + 1]}
                require(np.isfinite(value[n]), "fused_value is not finite", inputs=one, got=value[n])
                require(np.isfinite(gradient[n]).all(), "fused_gradient is not finite", inputs=one, got=gradient[n])
            if subject.dtype != np.float64:
                continue

            def along(s: float, k: int, z: Array = z, t: Array = t) -> Array:
                moved = z.copy()
                moved[:, k] += s
                with quiet():
                    return np.array(loss.fused_value(moved.copy(), activation.forward(moved.copy()), t.copy()))

            for k in range(columns):
                found = slope(lambda s, k=k: along(s, k), 0.05)  # type: ignore[misc]
                off = close(gradient[:, k], found.value, atol=found.allowed(1e-7) + 1e-9 * (1 + np.abs(value)) * 0.1)
                if off is not None:
                    n = off.index[0]
                    fail(
                        f"fused_gradient[:, {k}] is not the derivative of fused_value",
                        inputs={"z": z[n : n + 1], "target": t[n : n + 1]},
                        got=off.got,
                        expected=off.expected,
                    )


@SHELF.check(
    "LOSS-011/fused-along-rays",
    why="A fused value that is capped, or jumps to another branch, has the right slope and the wrong value.",
    fix="Do not clip inside the fused form; let its branches meet.",
    needs=_fused,
    scope="variant",
)
def fused_along_rays(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.concatenate([-np.geomspace(1e4, 60, 12), np.linspace(-60, 60, 41)[1:-1], np.geomspace(60, 1e4, 12)])
    for columns in (1, 3):
        for trial in range(3):
            base = normal(subject, f"ray/base/{columns}/{trial}", (1, columns))
            direction = normal(subject, f"ray/direction/{columns}/{trial}", (1, columns))
            direction /= np.abs(direction).max()
            t = targets(subject, f"ray/{columns}/{trial}", (1, columns), hard=bool(trial % 2))

            def value(s: Array, base: Array = base, direction: Array = direction, t: Array = t) -> Array:
                z = base + s[:, None] * direction
                with quiet():
                    return np.array(
                        loss.fused_value(z.copy(), activation.forward(z.copy()), np.repeat(t, len(s), axis=0))
                    )

            def rate(s: Array, base: Array = base, direction: Array = direction, t: Array = t) -> Array:
                z = base + s[:, None] * direction
                with quiet():
                    g = np.array(
                        loss.fused_gradient(z.copy(), activation.forward(z.copy()), np.repeat(t, len(s), axis=0))
                    )
                found: Array = g @ direction[0]
                return found

            ends = value(edges)
            half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
            fine = (rate((middle[:, None] + half[:, None] * x).ravel()).reshape(len(half), -1) * w).sum(axis=1) * half
            quarter = np.concatenate([edges[:-1], middle])
            widths = np.concatenate([half, half]) / 2
            centers = quarter + widths
            split = (rate((centers[:, None] + widths[:, None] * x).ravel()).reshape(len(widths), -1) * w).sum(
                axis=1
            ) * widths
            doubled = split[: len(half)] + split[len(half) :]
            scale = np.abs(ends[1:]) + np.abs(ends[:-1]) + 1.0
            error = np.abs(doubled - fine)
            allowed = np.where(error > 1e-3 * scale, np.inf, 20 * error + 1e-11 * scale)
            off = close(np.diff(ends), doubled, atol=allowed)
            if off is not None:
                at = off.index[0]
                fail(
                    "fused_value does not grow by the integral of fused_gradient",
                    inputs={
                        "z from": base + edges[at] * direction,
                        "z to": base + edges[at + 1] * direction,
                        "target": t,
                    },
                    got=off.got,
                    expected=off.expected,
                )


@SHELF.check(
    "LOSS-012/fused-curvature",
    why="Newton-type steps through the fused form use it.",
    fix="fused_curvature is the derivative of fused_gradient in z: [n, i, j].",
    needs=_fused_curvature,
    scope="variant",
)
def fused_curvature(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    for z, a, t in _logits(subject, "fused-curvature", activation):

        def gradient(x: Array, t: Array = t) -> Array:
            with quiet():
                return np.array(loss.fused_gradient(x.copy(), activation.forward(x.copy()), t.copy()))

        expected = _slopes(gradient, z, np.full(z.shape, 0.1))
        with quiet():
            got = loss.fused_curvature(z.copy(), a.copy(), t.copy())
        off = close(got, expected.value, atol=expected.allowed())
        if off is not None:
            told = {"z": z, "target": t}
            fail(
                "fused_curvature is not the derivative of fused_gradient",
                inputs=told,
                got=off.got,
                expected=off.expected,
            )


# -- in-place twins --------------------------------------------------------------------------


@SHELF.check(
    "LOSS-013/evaluate-into",
    why="Training runs on the in-place twin; it must be the same loss.",
    fix="Fill every element of `values` and `grad`, whatever they held; leave prediction and target alone.",
)
def evaluate_into(subject: Subject) -> None:
    loss, tolerance = subject.make(), 32 * subject.eps
    for p, t in [*pairs(subject, "into"), _many(subject), _many(subject, (4001, 17))]:
        given, target = p.copy(), t.copy()
        values, grad = np.full(len(p), np.nan, subject.dtype), np.full_like(p, np.nan)
        told = {"prediction": p, "target": t}
        for _ in range(2):
            with quiet() as noted:
                loss.evaluate_into(given, target, values, grad)
            require(not noted.warned, "evaluate_into warns", inputs=told, got=noted.warned)
            for name, got, expected in (("values", values, _value(loss, p, t)), ("grad", grad, _gradient(loss, p, t))):
                off = close(got, expected, rtol=tolerance, atol=tolerance)
                if off is not None:
                    fail(
                        f"{name} of evaluate_into differs from the plain method",
                        inputs=told,
                        got=off.got,
                        expected=off.expected,
                    )
            require(same(given, p) is None, "evaluate_into writes to prediction", inputs=told)
            require(same(target, t) is None, "evaluate_into writes to target", inputs=told)


def _many(subject: Subject, size: tuple[int, int] = (67, 11)) -> tuple[Array, Array]:
    p, t = predictions(subject, "many", size), targets(subject, "many", size, hard=True)
    return _apart(subject, p, t), t


@SHELF.check(
    "LOSS-014/fused-into",
    why="Training runs on the in-place twin; it must be the same loss.",
    fix="Fill every element of `values` and `grad`; z may serve as scratch, a and target must stay.",
    needs=_fused,
)
def fused_into(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    tolerance = 64 * subject.eps
    moderate = _logits(subject, "fused-into", activation)
    for z, a, t in [*moderate, _far_logits(subject, "fused-into", activation)]:
        with quiet():
            value, gradient = (
                loss.fused_value(z.copy(), a.copy(), t.copy()),
                loss.fused_gradient(z.copy(), a.copy(), t.copy()),
            )
        kept, target = a.copy(), t.copy()
        values, grad = np.full(len(z), np.nan, subject.dtype), np.full_like(z, np.nan)
        told = {"z": z, "target": t}
        with quiet() as noted:
            loss.fused_into(z.copy(), kept, target, values, grad)
        require(not noted.warned, "fused_into warns", inputs=told, got=noted.warned)
        for name, got, expected in (("values", values, value), ("grad", grad, gradient)):
            off = close(got, expected, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail(
                    f"{name} of fused_into differs from the plain fused form",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
        require(same(kept, a) is None, "fused_into writes to a", inputs=told)
        require(same(target, t) is None, "fused_into writes to target", inputs=told)


@SHELF.check(
    "LOSS-025/fused-forward-into",
    why="Where it is offered, nobody else computes the output activation.",
    fix="Fill `a` with the activation of z, and `values` and `grad` as fused_into does; z may serve as scratch.",
    needs=lambda s: _fused(s) or _offers("fused_forward_into")(s),
)
def fused_forward_into(subject: Subject) -> None:
    loss, activation = subject.make(), fused_activation(subject)
    tolerance = 256 * subject.eps
    moderate = _logits(subject, "fused-forward", activation)
    for z, a, t in [*moderate, _far_logits(subject, "fused-forward", activation)]:
        given, values = np.full_like(z, np.nan), np.full(len(z), np.nan, subject.dtype)
        grad, target = np.full_like(z, np.nan), t.copy()
        with quiet() as noted:
            loss.fused_forward_into(z.copy(), given, target, values, grad)
        told = {"z": z, "target": t}
        require(not noted.warned, "fused_forward_into warns", inputs=told, got=noted.warned)
        require(same(target, t) is None, "fused_forward_into writes to target", inputs=told)
        with quiet():
            expected = loss.fused_value(z.copy(), a.copy(), t.copy()), loss.fused_gradient(z.copy(), a.copy(), t.copy())
        for name, got, right in (("a", given, a), ("values", values, expected[0]), ("grad", grad, expected[1])):
            off = close(got, right, rtol=tolerance, atol=tolerance)
            if off is not None:
                fail(
                    f"{name} of fused_forward_into differs",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )


# -- shapes, labels, ends --------------------------------------------------------------------


@SHELF.check(
    "LOSS-015/mismatch-refused",
    why="(N, 1) against (N,) is broadcast to (N, N) by numpy, and trains on nonsense without an error.",
    fix="Define value, gradient, residual and curvature in the class body: the interface then checks their shapes.",
    scope="variant",
)
def mismatch_refused(subject: Subject) -> None:
    loss = subject.make()
    names = ["value", "gradient", *(name for name in ("residual", "curvature") if loss.offers(name))]
    index = subject.cls.target_domain == "index"
    for size in ((4, 1), (4, 3), (3, 3)):
        p, t = predictions(subject, "mismatch", size), targets(subject, "mismatch", size, hard=True)
        wrong: list[tuple[Array, Array]] = [
            (p, t[:-1]),
            (p[:-1], t),
            (p[0], t),
            (p[:, 0], t[..., 0] if t.ndim > 1 else t),
        ]
        if index:
            wrong += [(p, t[:, None]), (p, np.eye(size[1])[t])]
        else:
            wrong += [(p, t[:1]), (p, t[0]), (p, t[:, 0]), (p, np.hstack([t, t])), (p[:, :1], np.hstack([t, t]))]
            wrong += [(p, t.reshape(1, *t.shape))]
            if size[1] > 1:
                wrong += [(p, t[:, :1]), (p[:, :1], t)]
        for bad_p, bad_t in wrong:
            for name in names:
                told = {"prediction": bad_p, "target": bad_t}
                try:
                    with quiet():
                        got = getattr(loss, name)(bad_p.copy(), bad_t.copy())
                except ShapeError:
                    continue
                except Exception as error:  # noqa: BLE001  # any other error is the wrong one
                    fail(
                        f"{name} refuses shapes {bad_p.shape} and {bad_t.shape} with the wrong error",
                        inputs=told,
                        got=f"{type(error).__name__}: {error}",
                        expected="nnkit.errors.ShapeError",
                    )
                fail(
                    f"{name} accepts prediction {bad_p.shape} with target {bad_t.shape}",
                    inputs=told,
                    got=f"a result of shape {np.shape(got)}",
                    expected="nnkit.errors.ShapeError",
                )


@SHELF.check(
    "LOSS-016/label-types",
    why="Labels come as whatever integer type the file had.",
    fix="Use the target as an index only after `.astype(np.intp, copy=False)`; never compute with it unsigned.",
    needs=lambda s: None if s.cls.target_domain == "index" else "its targets are no labels",
)
def label_types(subject: Subject) -> None:
    loss = subject.make()
    p, t = predictions(subject, "labels", (6, 4)), targets(subject, "labels", (6, 4))
    for dtype in (np.int64, np.int32, np.int16, np.int8, np.uint8):
        for name in ("value", "gradient"):
            with quiet():
                got, expected = getattr(loss, name)(p, t.astype(dtype)), getattr(loss, name)(p, t)
            off = same(got, expected)
            if off is not None:
                told = {"prediction": p, "target": t.astype(dtype)}
                fail(f"{name} differs for {np.dtype(dtype)} labels", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-017/ends-of-domain",
    why="Saturated outputs are exactly 0 or 1; one infinite loss ends the training.",
    fix="Clip at the dtype's eps before a logarithm or a division; keep large differences linear.",
)
def ends_of_domain(subject: Subject) -> None:
    loss, cls = subject.make(), subject.cls
    domain = cls.prediction_domain
    size = (8, 3)
    for hard in (False, True):
        t = targets(subject, "ends", size, hard=hard)
        if domain == "unit":
            ends = [np.zeros(size), np.ones(size), np.full(size, 1e-30), np.full(size, 1 - 1e-7)]
        elif domain == "simplex":
            ends = [
                np.eye(3)[np.arange(8) % 3],
                np.eye(3)[(np.arange(8) + 1) % 3],
                np.tile([1 - 2e-30, 1e-30, 1e-30], (8, 1)),
            ]
        elif domain == "log_simplex":
            ends = [np.tile([0.0, -1e4, -1e4], (8, 1)), np.tile([-800.0, 0.0, -90.0], (8, 1))]
        elif domain == "nonnegative":
            ends = [np.zeros(size), np.full(size, 1e4), np.full(size, 1e-30)]
        else:
            ends = [np.full(size, s * x) for x in (30.0, 90.0, 710.0, 1e4) for s in (1.0, -1.0)]
        for p in (end.astype(subject.dtype) for end in ends):
            told = {"prediction": p[:1], "target": t[:1]}
            with quiet() as noted:
                value, gradient = loss.value(p.copy(), t.copy()), loss.gradient(p.copy(), t.copy())
                values, grad = np.empty(len(p), subject.dtype), np.empty_like(p)
                loss.evaluate_into(p.copy(), t.copy(), values, grad)
            require(not noted.warned, "it warns at the ends of the domain", inputs=told, got=noted.warned)
            for name, result in (
                ("value", value),
                ("gradient", gradient),
                ("evaluate_into", values),
                ("evaluate_into", grad),
            ):
                require(np.isfinite(result).all(), f"{name} is not finite", inputs=told, got=result)


@SHELF.check(
    "LOSS-018/far-values",
    why="A branch that is wrong far from the target has the right slope on both sides and the wrong value.",
    fix="Let the branches of `value` meet; look at the constant of the outer one.",
    scope="variant",
)
def far_values(subject: Subject) -> None:
    loss = subject.make()
    domain = subject.cls.prediction_domain
    x, w = np.polynomial.legendre.leggauss(24)
    for columns in (1, 3):
        for trial in range(4):
            t = targets(subject, f"far/{columns}/{trial}", (1, columns), hard=bool(trial % 2))
            start = predictions(subject, f"far/a/{columns}/{trial}", (1, columns))
            if domain == "real":
                direction = normal(subject, f"far/d/{columns}/{trial}", (1, columns))
                direction /= np.abs(direction).max()
                edges = np.concatenate(
                    [-np.geomspace(1e4, 8, 18), np.linspace(-8, 8, 65)[1:-1], np.geomspace(8, 1e4, 18)]
                )
            else:
                direction = predictions(subject, f"far/b/{columns}/{trial}", (1, columns)) - start
                edges = np.linspace(0.0, 1.0, 9)
            kinks = subject.cls.kinks
            if t.shape == start.shape:
                crossing = [(t + kink - start) / np.where(direction == 0, 1.0, direction) for kink in kinks]
                inside = [s for s in np.concatenate(crossing).ravel() if edges[0] < s < edges[-1]] if crossing else []
                edges = np.unique(np.concatenate([edges, inside]))

            def at(s: Array, start: Array = start, direction: Array = direction) -> Array:
                moved: Array = start + s[:, None] * direction
                return moved

            def rate(s: Array, t: Array = t, direction: Array = direction, at: Any = at) -> Array:
                found: Array = _gradient(loss, at(s), np.repeat(t, len(s), axis=0)) @ direction[0]
                return found

            def area(low: Array, high: Array, rate: Any = rate) -> tuple[Array, Array]:
                half, middle = (high - low) / 2, (high + low) / 2
                found = rate((middle[:, None] + half[:, None] * x).ravel()).reshape(len(half), -1)
                return (found * w).sum(axis=1) * half, half * np.ptp(found, axis=1)

            ends = _value(loss, at(edges), np.repeat(t, len(edges), axis=0))
            low, high = edges[:-1], edges[1:]
            middle = (low + high) / 2
            once, rough = area(low, high)
            twice = area(low, middle)[0] + area(middle, high)[0]
            scale = np.abs(ends[1:]) + np.abs(ends[:-1]) + 1e-2
            error = np.abs(twice - once)
            allowed = np.where(~(error <= 1e-3 * scale), np.inf, 20 * error + 1e-11 * scale + 2e-3 * rough)
            off = close(np.diff(ends), twice, atol=allowed)
            if off is not None:
                n = off.index[0]
                fail(
                    "value does not grow by the integral of gradient",
                    inputs={"prediction from": at(low)[n : n + 1], "prediction to": at(high)[n : n + 1], "target": t},
                    got=off.got,
                    expected=off.expected,
                )


# -- declared traits -------------------------------------------------------------------------


@SHELF.check(
    "LOSS-019/convex",
    why="Solvers and users take a convex loss for one without false minima.",
    fix="Drop `convex` (set it to False), or look for the branch that bends down.",
    needs=_declares("convex", "convexity"),
)
def convex(subject: Subject) -> None:
    loss = subject.make()
    for size in SIZES:
        for trial in range(4):
            t = targets(subject, f"convex/{trial}", size, hard=bool(trial % 2))
            scale = 1.0 if subject.cls.prediction_domain != "real" else (1.0, 3.0, 10.0, 0.1)[trial]
            one = (predictions(subject, f"convex/one/{trial}", size) * scale).astype(subject.dtype)
            two = (predictions(subject, f"convex/two/{trial}", size) * scale).astype(subject.dtype)
            for share in (0.5, 0.1):
                middle = (1 - one.dtype.type(share)) * one + one.dtype.type(share) * two
                ends = (1 - share) * _value(loss, one, t).astype(np.float64) + share * _value(loss, two, t)
                there = _value(loss, middle, t).astype(np.float64)
                above = np.flatnonzero(there > ends + 64 * subject.eps * (1 + np.abs(ends) + np.abs(there)))
                if above.size:
                    n = int(above[0])
                    fail(
                        "value lies above its chord although it is declared convex",
                        inputs={"from": one[n : n + 1], "to": two[n : n + 1], "share": share, "target": t[n : n + 1]},
                        got=there[n : n + 1],
                        expected=f"at most {float(ends[n])!r}",
                    )


@SHELF.check(
    "LOSS-020/additive",
    why="Multi-output figures and per-output plots take the loss apart by column.",
    fix="Drop `additive` (set it to False), or look for what mixes the outputs.",
    needs=lambda s: None if s.cls.additive and s.cls.target_domain != "index" else "it is not declared additive",
)
def additive(subject: Subject) -> None:
    loss, tolerance = subject.make(), 256 * subject.eps
    for size in SIZES:
        if size[1] == 1:
            continue
        for trial in range(2):
            one, t = (
                predictions(subject, f"additive/{trial}", size),
                targets(subject, f"additive/{trial}", size, hard=True),
            )
            two, u = (
                predictions(subject, f"additive/other/{trial}", size),
                targets(subject, f"additive/o/{trial}", size, hard=True),
            )
            mixed, v = one.copy(), t.copy()
            mixed[:, 1:], v[:, 1:] = two[:, 1:], u[:, 1:]
            swapped, s = two.copy(), u.copy()
            swapped[:, 1:], s[:, 1:] = one[:, 1:], t[:, 1:]
            told = {"prediction": one, "target": t, "other columns of prediction": two, "and of target": u}
            off = close(
                _value(loss, mixed, v).astype(np.float64) + _value(loss, swapped, s),
                _value(loss, one, t).astype(np.float64) + _value(loss, two, u),
                rtol=tolerance,
                atol=tolerance,
            )
            if off is not None:
                fail(
                    "exchanging columns between two samples changes the sum",
                    inputs=told,
                    got=off.got,
                    expected=off.expected,
                )
            off = close(_gradient(loss, mixed, v)[:, 0], _gradient(loss, one, t)[:, 0], rtol=tolerance, atol=tolerance)
            if off is not None:
                fail("gradient of one output depends on the others", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-021/kinks",
    why="At a kink the gradient is a choice, and it must lie between the slopes that meet there.",
    fix="Return a subgradient at a kink (np.sign gives 0 between -1 and 1), and declare the kink where it is.",
    needs=lambda s: None if s.cls.kinks and s.cls.target_domain != "index" else "it declares no kinks",
    scope="variant",
)
def kinks(subject: Subject) -> None:
    loss = subject.make()
    for kink in subject.cls.kinks:
        for hard in (False, True):
            t = targets(subject, f"kink/{kink}", (3, 2), hard=hard)
            p = t + kink
            got = _gradient(loss, p, t)
            for k in range(2):
                direction = np.zeros(p.shape)
                direction[:, k] = 1.0
                sides = [
                    one_sided(lambda s, d=direction: _value(loss, p + s * d, t), 0.01, side)  # type: ignore[misc]  # noqa: B023
                    for side in (-1, 1)
                ]
                low = np.minimum(*(side.value for side in sides))
                high = np.maximum(*(side.value for side in sides))
                slack = sides[0].allowed() + sides[1].allowed() + 1e-6
                outside = np.flatnonzero((got[:, k] < low - slack) | (got[:, k] > high + slack))
                if outside.size:
                    n = int(outside[0])
                    fail(
                        f"gradient at the kink {kink} is no subgradient",
                        inputs={"prediction": p[n : n + 1], "target": t[n : n + 1]},
                        got=got[n, k],
                        expected=f"between {float(low[n]):.6g} and {float(high[n]):.6g}",
                    )


@SHELF.check(
    "LOSS-022/nan-stays-visible",
    why="A NaN that disappears in the loss hides the fault that made it.",
    fix="Use functions that hand NaN on (np.maximum does, np.fmax and np.nansum do not).",
    level="strict",
)
def nan_stays_visible(subject: Subject) -> None:
    loss, tolerance = subject.make(), 16 * subject.eps
    p, t = predictions(subject, "nan", (3, 2)), targets(subject, "nan", (3, 2), hard=True)
    clean, clean_gradient = _value(loss, p, t), _gradient(loss, p, t)
    columns = [int(t[1])] if t.ndim == 1 else [int(np.argmax(t[1]))]
    for k in columns:
        bad = p.copy()
        bad[1, k] = np.nan
        with quiet() as noted:
            value, gradient = loss.value(bad.copy(), t.copy()), loss.gradient(bad.copy(), t.copy())
        told = {"prediction": bad, "target": t}
        require(not noted.warned, "it warns when it is given NaN", inputs=told, got=noted.warned)
        if subject.cls.target_domain not in {"unit", "simplex"} or t[1, k] > 0:
            require(np.isnan(value[1]), "value hides a NaN", inputs=told, got=value, expected="NaN in row 1")
        for result, before in ((value, clean), (gradient, clean_gradient)):
            off = close(result[[0, 2]], before[[0, 2]], rtol=tolerance, atol=tolerance)
            require(off is None, "a NaN in one row changes other rows", inputs=told, got=result, expected=before)


@SHELF.check(
    "LOSS-023/float32-accuracy",
    why="Most training runs in float32; a formula that cancels there is right on paper only.",
    fix="Look for differences of nearly equal numbers and for constants cut to float16.",
    needs=lambda s: None if s.dtype == np.float32 else "it is about float32",
)
def float32_accuracy(subject: Subject) -> None:
    loss, eps = subject.make(), subject.eps
    for p, t in [*pairs(subject, "float32"), _many(subject)]:
        wide, target = p.astype(np.float64), t.astype(np.float64) if t.dtype.kind == "f" else t
        value, gradient = _value(loss, wide, target), _gradient(loss, wide, target)
        told = {"prediction": p, "target": t}
        reach = (np.abs(gradient) * np.maximum(np.abs(wide), 1.0)).sum(axis=1)
        off = close(_value(loss, p, t), value, atol=64 * eps * (1 + np.abs(value) + reach))
        if off is not None:
            fail("value in float32 is not close to float64", inputs=told, got=off.got, expected=off.expected)
        off = close(_gradient(loss, p, t), gradient, atol=512 * eps * (1 + np.abs(gradient).max(axis=1, keepdims=True)))
        if off is not None:
            fail("gradient in float32 is not close to float64", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-024/equivariant-columns",
    why="Which output stands in which column must not matter, unless the part says that it does.",
    fix="Treat all columns alike; no weight or special case for the first or the last one.",
    level="strict",
)
def equivariant_columns(subject: Subject) -> None:
    loss, tolerance = subject.make(), 256 * subject.eps
    for p, t in pairs(subject, "columns"):
        order = np.arange(p.shape[1])[::-1]
        moved = t[:, order] if t.ndim > 1 else (p.shape[1] - 1 - t)
        told = {"prediction": p, "target": t}
        off = close(_value(loss, p[:, order], moved), _value(loss, p, t), rtol=tolerance, atol=tolerance)
        if off is not None:
            fail("value changes when the columns are exchanged", inputs=told, got=off.got, expected=off.expected)
        off = close(
            _gradient(loss, p[:, order], moved), _gradient(loss, p, t)[:, order], rtol=tolerance, atol=tolerance
        )
        if off is not None:
            fail("gradient changes when the columns are exchanged", inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-026/large",
    why="Blocks, chunks and thresholds begin where tests have long stopped; data do not.",
    fix="Look at what is left over behind the last whole block, and at every condition on a size.",
    since="0.2",
    scope="variant",
)
def large(subject: Subject) -> None:
    loss = subject.make()
    for columns in (1, 2):
        p, t = predictions(subject, "large", (3001, columns)), targets(subject, "large", (3001, columns))
        for name, whole, of in (("value", _value(loss, p, t), _value), ("gradient", _gradient(loss, p, t), _gradient)):
            for n in (0, 1500, 3000):
                one = slice(n, n + 1)
                off = close(whole[one], of(loss, p[one], t[one]), rtol=64 * subject.eps, atol=64 * subject.eps)
                if off is not None:
                    told = {"samples": len(p), "row": n, "prediction": p[one], "target": t[one]}
                    message = f"{name} of a sample among 3001 is not that of the sample alone"
                    fail(message, inputs=told, got=off.got, expected=off.expected)
    for hard in (False, True):
        t = targets(subject, f"large/{hard}", (3, 151), hard=hard)
        p = _apart(subject, predictions(subject, f"large/{hard}", (3, 151)), t)
        way = normal(subject, f"large/way/{hard}", p.shape)
        way *= (room(subject, p, t).min() / np.abs(way).max()).astype(way.dtype)
        expected = slope(lambda s, p=p, t=t, way=way: _value(loss, p + s * way, t), 1.0)  # type: ignore[misc]
        off = close((_gradient(loss, p, t) * way).sum(axis=1), expected.value, atol=expected.allowed(1e-7))
        if off is not None:
            told = {"prediction": p, "target": t, "direction": way}
            message = "gradient of 151 outputs is not the derivative of value along a direction"
            fail(message, inputs=told, got=off.got, expected=off.expected)


@SHELF.check(
    "LOSS-REF/figures",
    why="A part may be the wrong function with the right derivative; figures from elsewhere show it.",
    fix="Compare the formula with its source; if the figure itself is wrong, mend the example or the reference.",
    needs=has_figures,
)
def figures(subject: Subject) -> None:
    points = [{"prediction": p, "target": t} for p, t in [*pairs(subject, "reference"), _many(subject)]]
    if subject.cls.prediction_domain == "real":
        points.append({"prediction": 20 * points[-1]["prediction"], "target": points[-1]["target"]})
    index = subject.cls.target_domain == "index"
    check_figures(subject, "value", points, whole=frozenset({"target"} if index else ()))
