"""Layers one after the other."""

from __future__ import annotations

from typing import final

import attrs

from nnkit.interfaces import Example
from nnkit.layers._containers import Chain


@final
@attrs.frozen(kw_only=True)
class Sequential(Chain):
    """``y = f_n(... f_1(x))``: several layers as one, for a branch of ``concatenate`` or within ``residual``.

    Their arrays are named by position, ``"2.0.weight"`` for the first layer within layer 2 of a network;
    ``freeze("2.0")`` freezes it alone.

    Args:
        layers: Names, specs or instances of layers, not widths.

    Source:
        Chollet et al. (2015), Keras, ``keras.Sequential``.

    Example:
        >>> layer = nnkit.plugins.create("layer", {"name": "sequential", "layers": ["dense(units=4)", "layer_norm"]})
        >>> [spec.name for spec in layer.parameter_specs(3)]
        ['0.weight', '0.bias', '1.scale', '1.shift']
    """

    variants = (
        {"layers": ({"name": "dense", "units": 3, "activation": "tanh"}, {"name": "dense", "units": 2})},
        {"layers": ("standardize", "batch_norm", {"name": "dense", "units": 2})},
    )
    examples = (
        Example(
            inputs={"parameters": {}, "x": [[1.0, -3.0]]},
            expected=[[3.0, -5.0]],
            source="by hand: twice x, and 1 more",
            hyperparameters={"layers": ("rescale(scale=2.0)", "rescale(offset=1.0)")},
        ),
    )
