"""An activation as a layer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Parameters, Workspace
from nnkit.interfaces.fields import part
from nnkit.layers._activated import Activated


@final
@attrs.frozen(kw_only=True)
class ActivationLayer(Activated):
    """``a = activation(x)``: for where an activation stands apart, as after a normalization.

    Args:
        activation: Name, spec or instance; ``None`` is the identity.

    Raises:
        SpecError: When the activation is still a spec.

    Source:
        Chollet et al. (2015), Keras, ``keras.layers.Activation``.

    Example:
        >>> layer = nnkit.plugins.create("layer", "activation(activation='relu')")
        >>> layer.forward({}, np.array([[-1.0, 2.0]]), training=False, rng=None)[0]
        array([[0., 2.]])
    """

    variants = ({"activation": "tanh"}, {"activation": "log_softmax"})

    activation: Any = part("activation", kw_only=False)

    @staticmethod
    def reference(parameters: Parameters, x: Array, *, activation: Any) -> Array:
        """The activation, which is compared with values of its own."""
        y: Array = x if activation is None else activation.forward(x)
        return y

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        activation = self._resolved()
        a = x.copy() if activation is None else activation.forward(x)
        return a, (x, a)

    def preactivation(self, cache: Any) -> Array | None:
        z: Array = cache[0]
        return z

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        activation, (x, a) = self._resolved(), cache
        return grad.copy() if activation is None else activation.vjp(x, a, grad), {}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        columns = [self.backward(parameters, cache, grads[:, k])[0] for k in range(grads.shape[1])]
        return np.stack(columns, axis=1), {}

    def bind(
        self,
        parameters: Parameters,
        gradients: Mapping[str, Array] | None,
        workspace: Workspace,
        *,
        inputs: int,
        training: bool,
        needs_grad_x: bool,
        rng: np.random.Generator | None,
    ) -> BoundLayer:
        # Its own array also for the identity: what follows may write to its input, and the layer below
        # may still need that.
        activation = self._resolved()
        a = workspace.take("a", inputs)
        work = workspace.scratch(inputs)
        seen = a
        forward_into = None if activation is None else activation.forward_into
        vjp_into = None if activation is None else activation.vjp_into

        def forward(x: Array) -> Array:
            nonlocal seen
            seen = x
            if forward_into is None:
                np.copyto(a, x)
            else:
                forward_into(x, a, work)
            return a

        def backward(grad: Array) -> Array | None:
            if vjp_into is not None and needs_grad_x:
                vjp_into(seen, a, grad, grad, work)
            return grad if needs_grad_x else None

        return BoundLayer(forward, backward)
