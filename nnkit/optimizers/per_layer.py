"""Different learning rates for different layers, in front of any optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import SpecError
from nnkit.interfaces import Block, State
from nnkit.interfaces.fields import as_float, part, refuse
from nnkit.optimizers._after_step import AfterStep


def _as_factors(rates: Any) -> Any:
    """A dict with the keys as text and the numbers as floats; anything else unchanged, for the validator to refuse."""
    if not isinstance(rates, Mapping):
        return rates
    return {str(name): as_float(factor) for name, factor in rates.items()}


def _check_factors(instance: object, attribute: attrs.Attribute[Any], rates: Any) -> None:
    if isinstance(rates, dict) and all(
        isinstance(factor, float) and math.isfinite(factor) and factor >= 0.0 for factor in rates.values()
    ):
        return
    expected = "a mapping from layers to finite non-negative factors, such as {'0': 0.1}"
    raise refuse(instance, attribute.name, rates, expected)


@final
@attrs.frozen(kw_only=True)
class PerLayer(AfterStep):
    """``theta += factor * (the step of optimizer)``, with a factor for each layer or array; 1 for all others.

    Where steps are proportional to the learning rate, this is the same optimizer with ``factor`` times the learning
    rate in that layer. A factor of 0 leaves the layer as it is.

    Args:
        optimizer: Name, spec or instance of the optimizer that makes the steps.
        rates: Factors of the learning rate, by layer (``"0"``) or by array (``"0.bias"``, which has precedence), with
            the names of ``network.arrays``; finite and non-negative.

    Raises:
        SpecError: When the network has no such layer or array, or ``optimizer`` evaluates with other parameters than
            it trains, whose average would be that of the steps without factors.

    State:
        ``optimizer`` (that of the inner one), and the blocks.

    Source:
        Howard & Ruder (2018), "Universal Language Model Fine-tuning for Text Classification", section 3.2;
        for optimizers of PyTorch, as its parameter groups.

    Example:
        >>> from nnkit.interfaces import one_block
        >>> from nnkit.plugins import create
        >>> slower = create("optimizer", "per_layer(optimizer='sgd(learning_rate=0.5)', rates={'0': 0.1})")
        >>> theta = np.zeros(2)
        >>> slower.update(theta, np.array([1.0, -2.0]), slower.init(theta, one_block(theta)))
        array([-0.05,  0.1 ])
    """

    variants = ({"optimizer": "adam", "rates": {"0": 0.3}}, {"optimizer": "sgd(momentum=0.9)", "rates": {"0": 1.5}})

    optimizer: Any = part("optimizer", "sgd", optional=False)
    rates: Mapping[str, float] = attrs.field(factory=dict, converter=_as_factors, validator=_check_factors)

    @staticmethod
    def reference(parameters: Array, gradients: Array, optimizer: Any, rates: Mapping[str, float]) -> Array:
        """One array: each step of the inner optimizer, times the factor."""
        state, path = optimizer.init(parameters, []), []
        for g in gradients:
            step = optimizer.update(parameters.copy(), g, state) - parameters
            parameters = parameters + rates.get("0", 1.0) * step
            path.append(parameters)
        return np.array(path)

    def init(self, parameters: Array, blocks: Sequence[Block]) -> State:
        names = {name for block in blocks for name in (block.name, block.name.rpartition(".")[0])}
        unknown = [name for name in self.rates if name not in names]
        if unknown:
            raise SpecError(
                f"PerLayer(rates={dict(self.rates)!r}): the network trains no {unknown[0]!r}; "
                f"it trains {', '.join(sorted(names))} (a frozen layer is not trained: leave it out of rates)"
            )
        return AfterStep.init(self, parameters, blocks)

    def change(self, new: Array, before: Array, block: Block) -> None:
        factor = self.rates.get(block.name, self.rates.get(block.name.rpartition(".")[0], 1.0))
        if factor == 0.0:
            new[...] = before
        elif factor != 1.0:
            step = new - before
            step *= factor
            np.add(before, step, out=new)
