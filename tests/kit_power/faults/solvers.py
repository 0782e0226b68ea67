"""Faults of solvers."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class
from kit_power.sound import Damped, Kept

from nnkit.interfaces import Example, Solver, SolverStep


class _Bowl:
    """``0.5 (theta - 1)**2``."""

    def value(self, theta):
        return float(0.5 * ((theta - 1) ** 2).sum())

    def gauss_newton(self, theta):
        return np.eye(theta.size, dtype=theta.dtype), theta - 1


class _Wrapped:
    def __init__(self, objective, **change):
        self.objective, self.change = objective, change

    def __getattr__(self, name):
        return self.change.get(name) or getattr(self.objective, name)


plant(
    "wrong sign",
    Damped,
    "climbs",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s,
        _Wrapped(obj, gauss_newton=lambda t: (obj.gauss_newton(t)[0], -obj.gradient(t))),
        p,
        max_steps=max_steps,
        on_step=on_step,
    ),
)
plant(
    "swallowed",
    Damped,
    "ignores-stop",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s, obj, p, max_steps=max_steps, on_step=lambda r: (on_step(r), False)[1]
    ),
)
plant(
    "swallowed",
    Damped,
    "more-steps",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(s, obj, p, max_steps=max_steps + 3, on_step=on_step),
)
plant(
    "wrong factor",
    Damped,
    "reports-half",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s, obj, p, max_steps=max_steps, on_step=lambda r: on_step(attrs.evolve(r, value=r.value / 2))
    ),
)
plant(
    "swallowed",
    Damped,
    "no-reason",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s, obj, p, max_steps=max_steps, on_step=lambda r: on_step(attrs.evolve(r, reason=None))
    ),
)


def _writes_start(s, obj, p, *, max_steps, on_step):
    p[...] = Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step)
    return p.copy()


def _returns_start(s, obj, p, *, max_steps, on_step):
    Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step)
    return p.copy()


plant("aliasing", Damped, "writes-start", solve=_writes_start)
plant("not descending", Damped, "returns-start", solve=_returns_start)


@attrs.frozen(kw_only=True)
class Bold(Solver):
    """Gauss-Newton with full steps and an inverse."""

    monotone = True

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta = parameters.copy()
        for step in range(1, max_steps + 1):
            hessian, gradient = objective.gauss_newton(theta)
            theta = theta - np.linalg.inv(hessian) @ gradient
            reason = "max_steps" if step == max_steps else None
            if on_step(SolverStep(step=step, parameters=theta, value=objective.value(theta), reason=reason)):
                break
        return theta


@attrs.frozen(kw_only=True)
class Creeps(Solver):
    """Gradient descent with a tiny step."""

    monotone = True

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta = parameters.copy()
        for step in range(1, max_steps + 1):
            theta = theta - theta.dtype.type(1e-4) * objective.gradient(theta)
            reason = "max_steps" if step == max_steps else None
            if on_step(SolverStep(step=step, parameters=theta, value=objective.value(theta), reason=reason)):
                break
        return theta


plant_class("swallowed", Bold)
plant_class("not descending", Creeps)

plant(
    "wrong function",
    Damped,
    "figures",
    figures=True,
    examples=(
        Example(
            inputs={"objective": _Bowl(), "parameters": [2.0], "max_steps": 1},
            expected=[0.5],
            source="by hand, of another solver",
            method="solve",
        ),
    ),
)

plant(
    "wrong function",
    Damped,
    "reference",
    figures=True,
    examples=(),
    reference=staticmethod(lambda objective, parameters, max_steps: np.tile(parameters, (max_steps, 1))),
)


# -- what is reported ------------------------------------------------------------------------
def _through(change):
    """Damped, its reports changed on their way."""

    def solve(self, objective, parameters, *, max_steps, on_step):
        return Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=lambda r: on_step(change(r)))

    return solve


plant("order", Damped, "counts-from-zero", solve=_through(lambda r: attrs.evolve(r, step=r.step - 1)))
plant("swallowed", Damped, "reason-always", solve=_through(lambda r: attrs.evolve(r, reason=r.reason or "running")))
plant(
    "wrong factor", Damped, "reports-mean", solve=_through(lambda r: attrs.evolve(r, value=r.value / r.parameters.size))
)
plant("wrong sign", Damped, "reports-negative", solve=_through(lambda r: attrs.evolve(r, value=-r.value)))


def _late(self, objective, parameters, *, max_steps, on_step):
    last = [objective.value(parameters)]

    def tell(report):
        now, last[0] = last[0], report.value
        return on_step(attrs.evolve(report, value=now))

    return Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=tell)


plant("wrong factor", Damped, "value-of-the-step-before", solve=_late)


def _tells_trials(self, objective, parameters, *, max_steps, on_step):
    def tell(report):
        on_step(attrs.evolve(report, reason=None))
        return on_step(report)

    return Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=tell)


plant("order", Damped, "reports-twice", solve=_tells_trials)


def _stops_late(self, objective, parameters, *, max_steps, on_step):
    asked = [False]

    def tell(report):
        before, asked[0] = asked[0], bool(on_step(report))
        return before

    return Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=tell)


plant("swallowed", Damped, "stops-one-late", solve=_stops_late)
plant(
    "small sizes",
    Damped,
    "one-step-short",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(s, obj, p, max_steps=max_steps - 1, on_step=on_step),
)


def _needs_a_step(self, objective, parameters, *, max_steps, on_step):
    reports = []
    Damped.solve(self, objective, parameters, max_steps=max_steps, on_step=lambda r: (reports.append(r), on_step(r))[1])
    return reports[-1].parameters.copy()


plant("small sizes", Damped, "fails-without-steps", solve=_needs_a_step)
plant(
    "dtype",
    Damped,
    "double",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step).astype(
        np.float64
    ),
)
plant(
    "aliasing",
    Damped,
    "returns-what-it-got",
    solve=lambda s, obj, p, *, max_steps, on_step: (
        p if max_steps == 5 else Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step)
    ),
)


# -- where it goes ---------------------------------------------------------------------------
@attrs.frozen(kw_only=True)
class LastNotBest(Solver):
    """Gradient descent with momentum that returns where it stands, not the best that it saw."""

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta, velocity = parameters.copy(), np.zeros_like(parameters)
        for step in range(1, max_steps + 1):
            velocity = theta.dtype.type(0.9) * velocity - theta.dtype.type(2e-3) * objective.gradient(theta)
            theta = theta + velocity
            reason = "max_steps" if step == max_steps else None
            if on_step(SolverStep(step=step, parameters=theta, value=objective.value(theta), reason=reason)):
                break
        return theta


@attrs.frozen(kw_only=True)
class SatisfiedSoon(Solver):
    """Converged as soon as a step gains less than a hundredth."""

    monotone = True

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta, value = parameters.copy(), objective.value(parameters)
        for step in range(1, max_steps + 1):
            gradient, length = objective.gradient(theta), 1.0
            while objective.value(theta - theta.dtype.type(length) * gradient) > value and length > 1e-12:
                length /= 2
            theta = theta - theta.dtype.type(length) * gradient
            before, value = value, objective.value(theta)
            reason = "converged" if before - value < 0.01 * before else ("max_steps" if step == max_steps else None)
            if on_step(SolverStep(step=step, parameters=theta, value=value, reason=reason)) or reason:
                break
        return theta


@attrs.frozen(kw_only=True)
class Inverts(Solver):
    """Levenberg-Marquardt with the damping left out as soon as a step was good."""

    monotone = True

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta, value, damping = parameters.copy(), objective.value(parameters), 1e-2
        number = theta.dtype.type
        for step in range(1, max_steps + 1):
            hessian, gradient = objective.gauss_newton(theta)
            for _ in range(20):
                move = np.linalg.inv(hessian + number(damping) * np.eye(theta.size, dtype=theta.dtype)) @ gradient
                found = objective.value(theta - move)
                if found <= value:
                    theta, value, damping = theta - move, found, 0.0
                    break
                damping = max(10 * damping, 1e-3)
            reason = "max_steps" if step == max_steps else None
            if on_step(SolverStep(step=step, parameters=theta, value=value, reason=reason)):
                break
        return theta


@attrs.frozen(kw_only=True)
class TakesNaN(Solver):
    """Accepts a step unless the value rises, and NaN does not rise."""

    monotone = True

    def solve(self, objective, parameters, *, max_steps, on_step):
        theta, value = parameters.copy(), objective.value(parameters)
        for step in range(1, max_steps + 1):
            hessian, gradient = objective.gauss_newton(theta)
            with np.errstate(all="ignore"):
                move = gradient / hessian.diagonal()
                found = objective.value(theta - move)
            if not found > value:
                theta, value = theta - move, found
            reason = "max_steps" if step == max_steps else None
            if on_step(SolverStep(step=step, parameters=theta, value=value, reason=reason)):
                break
        return theta


for _class, _family in (
    (LastNotBest, "not descending"),
    (SatisfiedSoon, "not descending"),
    (Inverts, "swallowed"),
    (TakesNaN, "swallowed"),
):
    plant_class(_family, _class)


def _diagonal(obj):
    return _Wrapped(obj, gauss_newton=lambda t: (np.eye(t.size, dtype=t.dtype), obj.gradient(t)))


plant(
    "not descending",
    Damped,
    "forgets-the-curvature",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s, _diagonal(obj), p, max_steps=max_steps, on_step=on_step
    ),
)
plant(
    "wrong factor",
    Damped,
    "gradient-of-the-mean",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s,
        _Wrapped(obj, gauss_newton=lambda t: (obj.gauss_newton(t)[0], obj.gradient(t) / obj.residual(t).size ** 2)),
        p,
        max_steps=max_steps,
        on_step=on_step,
    ),
)


# -- what else it does -----------------------------------------------------------------------
def _restarts(s, obj, p, *, max_steps, on_step):
    jitter = np.random.standard_normal(p.shape).astype(p.dtype)
    return Damped.solve(s, obj, p + p.dtype.type(1e-3) * jitter, max_steps=max_steps, on_step=on_step)


def _prints(s, obj, p, *, max_steps, on_step):
    found = Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step)
    print("done")
    return found


def _leaves_settings(s, obj, p, *, max_steps, on_step):
    np.seterr(all="ignore")
    return Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step)


_SEEN = {}


def _remembers(s, obj, p, *, max_steps, on_step):
    damping = _SEEN.get("damping", s.damping)
    _SEEN["damping"] = damping / 2
    return Kept.solve_from(s, obj, p, {"damping": damping}, max_steps=max_steps, on_step=on_step)


plant("global random", Damped, "jitters-the-start", solve=_restarts)
plant("global settings", Damped, "prints", solve=_prints)
plant("global settings", Damped, "leaves-settings", solve=_leaves_settings)
plant("lost state", Damped, "damping-in-the-module", solve=_remembers)


# -- taken up again --------------------------------------------------------------------------
def _solve_from(before=lambda state: state, after=lambda report: report):
    def solve_from(self, objective, parameters, state, *, max_steps, on_step):
        return Kept.solve_from(
            self, objective, parameters, before(state), max_steps=max_steps, on_step=lambda r: on_step(after(r))
        )

    return solve_from


plant("lost state", Kept, "begins-anew", solve_from=_solve_from(before=lambda state: {}))
plant("lost state", Kept, "reports-no-state", solve_from=_solve_from(after=lambda r: attrs.evolve(r, state={})))
plant(
    "lost state",
    Kept,
    "rounds-the-damping",
    solve_from=_solve_from(after=lambda r: attrs.evolve(r, state={"damping": round(r.state["damping"], 3)})),
)


def _writes_state(self, objective, parameters, state, *, max_steps, on_step):
    def tell(report):
        state.update(report.state)
        return on_step(report)

    return Kept.solve_from(self, objective, parameters, dict(state), max_steps=max_steps, on_step=tell)


plant("lost state", Kept, "writes-to-the-state", solve_from=_writes_state)
plant(
    "lost state",
    Kept,
    "object-in-state",
    solve_from=_solve_from(after=lambda r: attrs.evolve(r, state={**r.state, "trust": [r.parameters]})),
)


def _below_everything(objective):
    """NaN counts as a value below all others."""

    def value(theta):
        found = objective.value(theta)
        return found if found == found else -1.0  # noqa: PLR0124  # NaN

    return _Wrapped(objective, value=value)


plant(
    "swallowed",
    Damped,
    "accepts-nan",
    solve=lambda s, obj, p, *, max_steps, on_step: Damped.solve(
        s, _below_everything(obj), p, max_steps=max_steps, on_step=on_step
    ),
)
plant(
    "swallowed",
    Damped,
    "silent-at-rest",
    solve=lambda s, obj, p, *, max_steps, on_step: (
        Damped.solve(s, obj, p, max_steps=max_steps, on_step=on_step) if obj.gradient(p).any() else p.copy()
    ),
)
plant("hyperparameters", Kept, "begins-with-its-own-damping", begin=lambda s, p, groups: {"damping": 1e-2})


def _from_its_own_place(self, objective, parameters, state, *, max_steps, on_step):
    def tell(report):
        return on_step(attrs.evolve(report, state={**report.state, "theta": report.parameters}))

    return Kept.solve_from(self, objective, state.get("theta", parameters), state, max_steps=max_steps, on_step=tell)


plant(
    "lost state",
    Kept,
    "forgets-changed-parameters",
    begin=lambda s, p, groups: {"damping": s.damping, "theta": p},
    solve_from=_from_its_own_place,
)
plant(
    "lost state",
    Kept,
    "state-grows",
    begin=lambda s, p, groups: {"damping": s.damping, "trail": np.zeros(0)},
    solve_from=_solve_from(after=lambda r: attrs.evolve(r, state={**r.state, "trail": np.zeros(r.step)})),
)
