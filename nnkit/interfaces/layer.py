"""Layers: functions with parameters, and their backward passes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces.activation import Activation
from nnkit.interfaces.fields import flag
from nnkit.interfaces.part import Part, optional

__all__ = ["BoundLayer", "Layer", "ParameterSpec", "Parameters", "Workspace"]

Parameters: TypeAlias = Mapping[str, Array]
"""The arrays of one layer by name."""


@attrs.frozen(kw_only=True)
class ParameterSpec:
    """The declaration of one parameter array of a layer.

    Args:
        name: ``"weight"``, ``"bias"``, …; unique in the layer.
        shape: Its shape; a weight matrix is ``(fan_in, fan_out)``.
        fan_in: Inputs that feed one unit, for the initializer.
        fan_out: Units that one input feeds, for the initializer.
        role: ``"weight"`` (drawn by the network's initializer, regularized), ``"bias"`` (drawn by
            its bias initializer, not regularized), or ``"buffer"``: not trained, not part of the
            flat vector, saved with the network.
        initializer: A part or spec that overrides the network's own.
        regularizer: A part or spec that overrides the network's own.
        trainable: False for an array of a frozen layer within a container; the arrays of a frozen layer of the
            network are frozen whatever it declares.
    """

    name: str
    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    role: Literal["weight", "bias", "buffer"] = "weight"
    initializer: Any = None
    regularizer: Any = None
    trainable: bool = True


class Workspace(Protocol):
    """Arrays that live as long as the training: requested once, before the loop."""

    @property
    def rows(self) -> int:
        """Rows of a batch."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all arrays."""

    def take(self, name: str, columns: int) -> Array:
        """An array ``(rows, columns)`` of this layer's own, the same one for the same name.

        Its content is lost between batches: a layer that is bound for a shorter last batch, too, has the same memory.
        """

    def scratch(self, columns: int) -> Array:
        """An array ``(rows, columns)`` that any layer may write to between its own two lines."""


@attrs.frozen
class BoundLayer:
    """A layer with everything decided: ``forward(x) -> y`` and ``backward(grad) -> grad_x``.

    ``backward`` may write into ``grad`` and fills the gradients that the layer was bound to. It
    returns ``None`` where the gradient of the input is not needed.
    """

    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array | None]


@attrs.frozen(kw_only=True)
class Layer(Part):
    """A function ``(N, D_in) -> (N, D_out)`` with declared parameters and no hidden state.

    Args:
        trainable: False freezes the layer: none of its arrays changes, buffers included, and it works as in
            inference. See ``nnkit.Network.freeze``.

    Attributes:
        row_independent: A row of the output depends on the same row of the input alone (batch
            normalization in training is not).
        stochastic: Draws from ``rng`` in training.
        input_domain: ``"real"``, or ``"index"``: inputs are non-negative integers, the gradient of the input is 0.
        least_rows: Rows that a batch needs in training.
        sparse_inputs: As the first layer it reads sparse rows: of ``x`` it uses ``x @ weight``, ``x.T @ grad`` and
            ``x.dot`` with ``out``, nothing else.
    """

    kind = "layer"
    row_independent: ClassVar[bool] = True
    stochastic: ClassVar[bool] = False
    least_rows: ClassVar[int] = 1
    sparse_inputs: ClassVar[bool] = False
    input_domain: ClassVar[Literal["real", "index"]] = "real"

    trainable: bool = flag(default=True)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """The parameter arrays for ``inputs`` columns of input, in the order of the flat vector."""
        return ()

    def outputs(self, inputs: int) -> int:
        """Columns of the output for ``inputs`` columns of input."""
        return inputs

    def inputs_for(self, outputs: int) -> int:
        """Columns of input that give ``outputs`` columns of output; used for a layer named as ``hidden_activation``."""
        return outputs

    def accepts(self, inputs: int) -> str | None:
        """Why the layer cannot have ``inputs`` columns of input, as the end of a sentence; ``None`` where it can.

        Asked before any other method is called with this number.
        """
        return None

    def index_columns(self, inputs: int) -> Mapping[int, int | None]:
        """The columns of input that are indices, each with the number of categories (``None`` where it is unknown).

        Their values are checked before training and prediction: integers from 0 to this number less one.
        """
        return dict.fromkeys(range(inputs)) if self.input_domain == "index" else {}

    @property
    def children(self) -> Mapping[str, Layer]:
        """The layers within this one, by the name that stands in front of their arrays' names."""
        return {}

    def with_children(self, children: Mapping[str, Layer]) -> Layer:
        """The same layer with other layers within it, in the order of ``children``."""
        return self

    @abstractmethod
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        """``(y, cache)``: the output ``(N, D_out)``, and whatever ``backward`` needs.

        In training, arrays with the role ``"buffer"`` may be written to.
        """

    @abstractmethod
    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        """``(grad_x, grad_parameters)``: ``dL/dx (N, D_in)`` and the sums over rows ``dL/dparameter``."""

    @optional
    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        """Optional: many gradients at once, separate for each row; per-sample Jacobians use it.

        ``grads`` is ``(N, K, D_out)``; returns ``(N, K, D_in)`` and, by name, ``(N, K, *shape)``.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no backward_rows")

    def backward_rows_into(
        self, parameters: Parameters, cache: Any, grads: Array, out: Mapping[str, Array], *, needs_grad_x: bool
    ) -> Array | None:
        """In-place variant of ``backward_rows``: writes each ``(N, K, *shape)`` to ``out[name]``, in any memory order.

        Returns ``(N, K, D_in)``, or ``None`` where ``needs_grad_x`` is False.
        """
        grad_x, gradients = self.backward_rows(parameters, cache, grads)
        for name, view in out.items():
            np.copyto(view, gradients[name])
        return grad_x if needs_grad_x else None

    @optional
    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        """Optional: how ``forward`` changes along a direction in parameters and ``x``; for exact ``hvp``.

        Args:
            parameters: As in ``forward``.
            cache: What ``forward`` returned, in inference.
            directions: One for each trained parameter, of its shape.
            x_tangent: The direction in ``x``, ``(N, D_in)``.

        Returns:
            ``(y_tangent, tangent_cache)``: ``(N, D_out)``, and whatever ``backward_tangent`` needs.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no forward_tangent")

    @optional
    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        """Optional, together with ``forward_tangent``: how both results of ``backward`` change along it.

        ``grad_tangent`` is the direction in ``grad``. Raises ``NotOfferedError`` where a part lacks
        the second derivative; the core then takes differences of ``backward`` itself.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no backward_tangent")

    @optional
    def adapt_start(self, inputs: int) -> Any:
        """Optional: the state before any row, where buffers are set from all of the first training data.

        Together with ``adapt_add``, ``adapt_merge`` and ``adapt_finish``: rows come in windows, in one pass before the
        first step.
        """
        raise NotOfferedError(f"{type(self).__name__} does not adapt to the data")

    @optional
    def adapt_add(self, state: Any, x: Array, weight: Array | None) -> None:
        """Optional, with ``adapt_start``: add rows ``(N, D_in)`` to the state, in place.

        ``weight`` is ``(N,)`` and non-negative; integer weights act as repetitions.
        """
        raise NotOfferedError(f"{type(self).__name__} does not adapt to the data")

    @optional
    def adapt_merge(self, state: Any, other: Any) -> Any:
        """Optional, with ``adapt_start``: the state of the rows of both; neither is used afterwards."""
        raise NotOfferedError(f"{type(self).__name__} does not adapt to the data")

    @optional
    def adapt_finish(self, state: Any, parameters: Parameters) -> None:
        """Optional, with ``adapt_start``: write the buffers that the state gives; arrays without rows stay."""
        raise NotOfferedError(f"{type(self).__name__} does not adapt to the data")

    @optional
    def pack(
        self, following: Sequence[Layer], head: Activation | None, parameters: Sequence[Parameters], *, live: bool
    ) -> Callable[[Array], Array | None] | None:
        """Optional: the prediction of this layer and all that follow it as one function; for compiled counterparts.

        Args:
            following: The layers after this one, compiled counterparts where there are some.
            head: The output activation of the last layer.
            parameters: The arrays of each layer, this one's first, each in one piece.
            live: Whether their values may change; then each call reads them. Otherwise they do not change.

        Returns:
            ``x -> prediction``, in inference, a new array ``(N, K)`` for rows ``(N, D)``, C-contiguous and in the dtype
            of the parameters. It can be called from several threads at once. With ``live`` it returns ``None`` where a
            value of ``x`` is not finite; it may do so where sums overflow. ``None`` where not all layers have a place
            in it.
        """
        raise NotOfferedError(f"{type(self).__name__} offers no pack")

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array | None:
        """Random rows of the given shape such as this layer accepts and was adapted to; ``None`` for standard normal.

        A saved network predicts them again when it is loaded.
        """
        return None

    def preactivation(self, cache: Any) -> Array | None:
        """``z`` of a forward pass, ``(N, D_out)``; ``None`` for a layer without an activation."""
        return None

    def split(self) -> tuple[Layer, Activation | None]:
        """The layer without its output activation, and that activation.

        Lets the core compose the last activation with the loss.
        """
        return self, None

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
        """In-place variant of ``forward`` and ``backward``: everything decided and allocated before the loop.

        ``backward`` of the result writes to ``gradients`` (views of the flat gradient); where those
        are ``None``, only ``forward`` will be called. Where neither they nor ``needs_grad_x`` ask for a result,
        this default does not call the plain ``backward``. It serves any layer; a layer that is to be fast
        overrides it, and must stay equal.
        """
        cache: Any = None
        forward_plain, backward_plain = self.forward, self.backward
        needed = needs_grad_x or bool(gradients)

        def forward(x: Array) -> Array:
            nonlocal cache
            y, cache = forward_plain(parameters, x, training=training, rng=rng)
            return y

        def backward(grad: Array) -> Array | None:
            if not needed:
                return None
            grad_x, grad_parameters = backward_plain(parameters, cache, grad)
            for name, view in (gradients or {}).items():
                np.copyto(view, grad_parameters[name])
            return grad_x if needs_grad_x else None

        return BoundLayer(forward, backward)
