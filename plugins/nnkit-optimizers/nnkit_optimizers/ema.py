"""EMA: evaluate with an exponential moving average of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Block, Evaluate, State, Wrapper
from nnkit.interfaces.fields import part, real


@final
@attrs.frozen(kw_only=True)
class EMA(Wrapper):
    """``average = decay * average + (1 - decay) * theta`` after each step of ``optimizer``; ``average`` is evaluated.

    The average begins with the parameters after the first step. Training itself is that of ``optimizer``.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the steps.
        decay: Exponential decay rate of the average, in [0, 1). 0 evaluates with the parameters themselves.

    State:
        ``optimizer`` (that of the inner one), ``count`` (steps averaged) and ``average`` ``(P,)``.

    Source:
        Polyak & Juditsky (1992), "Acceleration of Stochastic Approximation by Averaging"; Tarvainen &
        Valpola (2017), "Mean teachers are better role models". Semantics of PyTorch's
        ``AveragedModel`` with ``get_ema_multi_avg_fn``.

    Example:
        >>> from nnkit.plugins import create
        >>> ema = create("optimizer", "ema(optimizer='sgd(learning_rate=1.0)', decay=0.75)")
        >>> theta, state = np.array([1.0]), ema.init(np.array([1.0]), [])
        >>> for _ in range(2):
        ...     theta = ema.update(theta, np.array([1.0]), state)
        >>> theta, ema.evaluation(theta, state)
        (array([-1.]), array([-0.25]))
    """

    coordinatewise = False
    variants = ({"optimizer": "adam", "decay": 0.9}, {"optimizer": "sgd(momentum=0.9)", "decay": 0.0})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    decay: float = real(0.999, ge=0.0, lt=1.0)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any) -> Array:
        """The path of the inner optimizer."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            parameters = optimizer.update(parameters.copy(), g, state)
            path.append(parameters)
        return np.array(path)

    @property
    def per_parameter(self) -> tuple[str, ...]:  # type: ignore[override]  # with those of the inner optimizer
        return ("average", *self.inner.per_parameter)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        return {"optimizer": self.inner.init(parameters, blocks), "count": 0, "average": parameters.copy()}

    def update(self, parameters: Array, gradient: Array, state: State) -> Array:
        parameters = self.inner.update(parameters, gradient, state["optimizer"])
        self._add(parameters, state)
        return parameters

    def step(self, evaluate: Evaluate, parameters: Array, state: State) -> tuple[Array, float]:
        parameters, value = self.inner.step(evaluate, parameters, state["optimizer"])
        self._add(parameters, state)
        return parameters, value

    def bind(self, parameters: Array, gradient: Array, state: State) -> Callable[[], None]:
        inner = self.inner.bind(parameters, gradient, state["optimizer"])

        def step() -> None:
            inner()
            self._add(parameters, state)

        return step

    def evaluation(self, parameters: Array, state: State) -> Array:
        return state["average"] if state["count"] else parameters

    def _add(self, parameters: Array, state: State) -> None:
        average = state["average"]
        share = average.dtype.type(1.0 - self.decay if state["count"] else 1.0)
        with np.errstate(all="ignore"):
            average += share * (parameters - average)
        state["count"] += 1
