"""Scaled conjugate gradients."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import ObjectiveLike
from nnkit.interfaces.fields import real
from nnkit.optimizers._conjugate import ConjugateSolver, Place, downhill

MOST_TRIALS = 60


@final
@attrs.frozen(kw_only=True)
class ScaledConjugateGradient(ConjugateSolver):
    """``theta += (-g @ p) / (p @ H p + scale * |p|^2) * p`` along conjugate directions ``p``, without a line search.

    ``H p`` is a difference of two gradients. ``scale`` rises until the value falls, and follows the ratio of actual and
    predicted drop, as the damping of Levenberg and Marquardt does. Full batch, any loss; a few vectors of memory.

    Args:
        sigma: Length of the difference that estimates ``H p``, above 0; at least the root of the rounding unit.
        scale: The initial scale, above 0.
        gradient_tolerance: Stop when no element of the gradient is larger, non-negative.
        value_tolerance: Stop when a step lowers the value by at most this fraction, non-negative.

    Source:
        Møller (1993), "A scaled conjugate gradient algorithm for fast supervised learning"; defaults of MATLAB's
        ``trainscg``.

    Example:
        >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
        >>> net = nnkit.Network([1, 6, 1], hidden_activation="tanh", optimizer="scaled_conjugate_gradient", seed=0)
        >>> net.fit(X, np.sin(3.0 * X), epochs=150)["loss"][-1] < 1e-3
        True
    """

    variants = ({"sigma": 1e-4, "scale": 1e-2},)

    sigma: float = real(5e-5, gt=0.0)
    scale: float = real(5e-7, gt=0.0)

    @staticmethod
    def reference(objective: ObjectiveLike, parameters: Array, max_steps: int, sigma: float, scale: float) -> Array:
        """Møller's algorithm, in his notation: the parameters after each step."""
        w, lam, path = parameters, scale, []
        r = p = -objective.gradient(w)
        for k in range(1, max_steps + 1):
            if p @ r <= 0.0:
                p = r
            mu, square = p @ r, p @ p
            sigma_k = max(sigma, 2.0**-26) / np.sqrt(square)
            curvature = p @ (objective.gradient(w + sigma_k * p) + r) / sigma_k
            for _ in range(MOST_TRIALS):
                delta = curvature + lam * square
                if delta <= 0.0:
                    lam, delta = 2.0 * (lam - delta / square), lam * square - delta
                new = w + mu / delta * p
                comparison = 2.0 * delta * (objective.value(w) - objective.value(new)) / mu**2
                if comparison > 0.0:
                    break
                lam = 4.0 * lam + delta * (1.0 - comparison) / square
            if comparison < 0.25:
                lam += delta * (1.0 - comparison) / square
            if comparison >= 0.75:
                lam /= 4.0
            before, r, w = r, -objective.gradient(new), new
            p = r if k % len(w) == 0 else r + (r @ r - r @ before) / mu * p
            path.append(w)
        return np.array(path)

    def begin(self, parameters: Array, groups: Array) -> dict[str, Any]:
        return {"direction": np.zeros(parameters.size), "scale": self.scale, "count": 0}

    def advance(self, objective: ObjectiveLike, place: Place, state: dict[str, Any]) -> Place | str:
        g, p, scale = place.gradient, downhill(place, state["direction"]), float(state["scale"])
        squares, slope = float(p @ p), float(p @ g)
        curvature = self._curvature(objective, place, p)
        for _ in range(MOST_TRIALS):
            delta = curvature + scale * squares
            if delta <= 0.0:  # make it positive
                scale = 2.0 * (scale - delta / squares)
                delta = curvature + scale * squares
            following = Place.of(objective, place.along(p, -slope / delta))
            ratio = 2.0 * delta * (place.value - following.value) / slope**2
            if following.value < place.value and np.isfinite(following.gradient).all():
                break
            if not np.any(following.theta != place.theta):
                return "no step is short enough to lower the value"
            scale = 4.0 * scale + (delta * (1.0 - ratio) / squares if math.isfinite(ratio) else 99.0 * delta / squares)
        else:
            return f"{MOST_TRIALS} trials find no lower value"
        if ratio >= 0.75:
            scale *= 0.25
        elif ratio < 0.25:
            scale += delta * (1.0 - ratio) / squares
        new, count = following.gradient, (state["count"] + 1) % max(g.size, 2)
        beta = float(new @ (new - g)) / -slope if count else 0.0
        state.update(direction=beta * p - new, scale=max(scale, 1e-100), count=count)
        return following

    def _curvature(self, objective: ObjectiveLike, place: Place, p: Array) -> float:
        """``p @ H p``, by the gradient at a small distance; 0 where it is not finite there."""
        sigma = max(self.sigma, math.sqrt(float(np.finfo(place.theta.dtype).eps))) / math.sqrt(float(p @ p))
        ahead = objective.gradient(place.along(p, sigma)).astype(np.float64)
        curvature = float(p @ (ahead - place.gradient)) / sigma
        return curvature if math.isfinite(curvature) else 0.0
