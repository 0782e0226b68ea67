"""Conjugate gradients."""

from __future__ import annotations

from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.interfaces.fields import choice
from nnkit.optimizers._conjugate import ConjugateSolver, Place, downhill
from nnkit.optimizers._line_search import line_search


@final
@attrs.frozen(kw_only=True)
class ConjugateGradient(ConjugateSolver):
    """``direction = -g + beta * direction``, then the minimum along it; ``beta = g @ (g - g_before) / |g_before|^2``.

    Full batch, any loss; a few vectors of memory. A ``beta`` below 0, and every ``P``-th step, begin anew with the
    steepest descent. The line search satisfies the strong Wolfe conditions.

    Args:
        formula: Of ``beta``: ``"polak_ribiere"``, or ``"fletcher_reeves"``: ``|g|^2 / |g_before|^2``.
        gradient_tolerance: Stop when no element of the gradient is larger, non-negative.
        value_tolerance: Stop when a step lowers the value by at most this fraction, non-negative.

    Source:
        Fletcher & Reeves (1964), "Function minimization by conjugate gradients"; Polak & Ribière (1969), "Note sur la
        convergence de méthodes de directions conjuguées"; Nocedal & Wright (2006), "Numerical Optimization", 5.2.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer="conjugate_gradient", seed=0)
        >>> net.fit(X, np.sin(3.0 * X), epochs=150)["loss"][-1] < 1e-3
        True
    """

    variants = ({"formula": "fletcher_reeves"},)

    formula: str = choice("polak_ribiere", ("polak_ribiere", "fletcher_reeves"))

    @staticmethod
    def reference(objective: ObjectiveLike, parameters: Array, max_steps: int, formula: str) -> Array:
        """The parameters after each step: Nocedal & Wright, algorithm 5.4, with the trial lengths of their page 59."""
        place, path = Place.of(objective, parameters), []
        direction = -place.gradient
        square = float(direction @ direction)
        drop = -square * min(1.0, 1.0 / square) ** 0.5  # of the first order; the first move is of length 1 at most
        for step in range(1, max_steps + 1):
            g = place.gradient
            if direction @ g >= 0.0:
                direction = -g
            slope = float(direction @ g)
            trial = line_search(objective, place, direction, drop / slope)
            if trial is None:
                break
            place, drop = trial.place, trial.length * slope
            new = place.gradient
            beta = new @ new / (g @ g)
            if formula == "polak_ribiere":
                beta = max(beta - new @ g / (g @ g), 0.0)
            direction = -new if step % len(g) == 0 else beta * direction - new
            path.append(place.theta)
        return np.array(path)

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        return {"direction": np.zeros(parameters.size), "expected": 0.0, "count": 0}

    def advance(self, objective: ObjectiveLike, place: Place, state: dict[str, Any]) -> Place | str:
        g = place.gradient
        direction = downhill(place, state["direction"])
        for along in (direction, -g):
            slope = float(along @ g)
            # The same first-order drop as in the step before; a move of length 1 at most in the first.
            length = state["expected"] / slope if state["expected"] else min(1.0, 1.0 / -slope) ** 0.5
            trial = line_search(objective, place, along, length)
            if trial is not None:
                break
        else:
            return "the line search finds no lower value"
        new, squares = trial.place.gradient, float(g @ g)
        beta = float(new @ (new if self.formula == "fletcher_reeves" else new - g)) / squares
        count = (state["count"] + 1) % max(g.size, 2)
        following = -new + (max(beta, 0.0) if count else 0.0) * along
        state.update(direction=following, expected=trial.length * slope, count=count)
        return trial.place
