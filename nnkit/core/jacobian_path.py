"""The full-Jacobian path: every activation goes back through its own Jacobian, with no shortcut.

Shortcuts (a part's own ``vjp``, its in-place variants, forms fused with the loss) are proved equal
to this. For teaching and for tests a model can be built on it alone.
"""

from __future__ import annotations

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Activation, Elementwise, Layer
from nnkit.interfaces.fields import part_fields

__all__ = ["JacobianPath", "is_on_jacobian_path", "on_jacobian_path"]


@attrs.frozen
class JacobianPath(Activation):
    """An activation whose backward is ``grad (N,1,D) @ J (N,D,D)`` and nothing else.

    The Jacobian of an elementwise part is diagonal; it is applied as such and never built.
    """

    inner: Activation

    def forward(self, z: Array) -> Array:
        return self.inner.forward(z)

    def jacobian(self, z: Array, a: Array) -> Array:
        return self.inner.jacobian(z, a)

    def vjp(self, z: Array, a: Array, grad: Array) -> Array:
        if isinstance(self.inner, Elementwise):
            scaled: Array = grad * self.inner.derivative(z, a)
            return scaled
        product: Array = np.matmul(grad[:, None, :], self.inner.jacobian(z, a))
        return product[:, 0, :]


def on_jacobian_path(layer: Layer) -> Layer:
    """The same layer with each of its activations, also of layers within it, on the full-Jacobian path."""
    if layer.children:
        layer = layer.with_children({name: on_jacobian_path(child) for name, child in layer.children.items()})
    wrapped = {
        name: JacobianPath(activation)
        for name, kind in part_fields(type(layer)).items()
        if kind == "activation" and isinstance(activation := getattr(layer, name), Activation)
    }
    return attrs.evolve(layer, **wrapped) if wrapped else layer  # type: ignore[arg-type]  # the layer's own fields


def is_on_jacobian_path(layer: Layer) -> bool:
    """Whether an activation of the layer, or of one within it, is on the full-Jacobian path."""
    own = any(isinstance(getattr(layer, name), JacobianPath) for name in part_fields(type(layer)))
    return own or any(map(is_on_jacobian_path, layer.children.values()))
