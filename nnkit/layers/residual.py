"""Layers around which the input is passed unchanged."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.interfaces import Example
from nnkit.layers._containers import Chain


@final
@attrs.frozen(kw_only=True)
class Residual(Chain):
    """``y = x + f_n(... f_1(x))``; the layers within it have as many outputs as inputs.

    Args:
        layers: Names, specs or instances of layers, not widths.

    Source:
        He, Zhang, Ren & Sun (2016), "Deep Residual Learning for Image Recognition".

    Example:
        >>> inner = [{"name": "dense", "units": 8, "activation": "relu"}, "dense(units=3)"]
        >>> net = nnkit.Network([3, {"name": "residual", "layers": inner}, 1], seed=0)
        >>> list(net.arrays)
        ['0.0.weight', '0.0.bias', '0.1.weight', '0.1.bias', '1.weight', '1.bias']
    """

    skips = True
    variants = (
        {"layers": ({"name": "dense", "units": 5, "activation": "tanh"}, {"name": "dense", "units": 3})},
        {"layers": ("layer_norm", {"name": "activation", "activation": "tanh"})},
    )
    examples = (
        Example(
            inputs={"parameters": {}, "x": [[1.0, -3.0]]},
            expected=[[4.0, -8.0]],
            source="by hand: x and 2 x + 1",
            hyperparameters={"layers": ("rescale(scale=2.0)", "rescale(offset=1.0)")},
        ),
    )
