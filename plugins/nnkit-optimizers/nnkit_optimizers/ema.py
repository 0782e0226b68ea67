"""EMA: evaluate with an exponential moving average of the parameters."""

from __future__ import annotations

from typing import Any, final

import attrs

from nnkit.arrays import Array
from nnkit.interfaces import State
from nnkit.interfaces.fields import part, real
from nnkit_optimizers._averaging import Averaging, inner_path, move


@final
@attrs.frozen(kw_only=True)
class EMA(Averaging):
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

    reference = staticmethod(inner_path)
    variants = ({"optimizer": "adam", "decay": 0.9}, {"optimizer": "sgd(momentum=0.9)", "decay": 0.0})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    decay: float = real(0.999, ge=0.0, lt=1.0)

    def add(self, parameters: Array, state: State) -> None:
        move(state["average"], parameters, 1.0 - self.decay if state["count"] else 1.0)
        state["count"] += 1
