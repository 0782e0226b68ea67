"""The objective: one number and its derivatives as functions of the flat vector."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nnkit.arrays import Array, FloatDType
from nnkit.core.chunks import MEMORY, jacobian_rows, pieces
from nnkit.core.coupling import batch_loss, check_memory, check_uncoupled, refuse_coupled, spread
from nnkit.core.curvature import (
    curvature_product,
    missing_squares,
    residual_product,
    residual_seeds,
    residual_width,
    sums_squares,
)
from nnkit.core.evaluation import chunk_rows, penalty, predict
from nnkit.core.model import Model
from nnkit.core.rows import open_pass, parameter_rows
from nnkit.core.shares import shares_of
from nnkit.core.step import GradientStep, Vectors, bind_forward, bind_gradient, bind_layers
from nnkit.core.tangents import gradient_tangent, penalty_tangent
from nnkit.core.workspace import Pool
from nnkit.errors import NotOfferedError, ShapeError

__all__ = ["Objective"]

Method = TypeVar("Method", bound=Callable[..., Any])


def silent(method: Method) -> Method:
    """Let a trial step run into infinity without numpy's warnings: the result says it."""

    @functools.wraps(method)
    def quiet(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return method(*args, **kwargs)

    return quiet  # type: ignore[return-value]


class Objective:
    """The weighted mean loss over fixed data plus the penalties, as a function of the trainable ``theta`` ``(P,)``.

    ``value(theta) = sum_n weight[n] loss[n] / sum_n weight[n] + sum penalties``. Layers are in inference
    mode, so the function is deterministic. ``theta`` is never written to, and what is returned is new.

    Where the loss is a sum of squares (it has ``residual``), so is the objective:
    ``value == 0.5 * r @ r`` with ``r = residual(theta)``: first the samples' residuals, sample by sample, each times
    the square root of its share of the weight; then those of the regularized arrays.

    With ``total_weight`` the objective is that of one shard: losses are divided by the weight of all data, and the
    penalties enter with the shard's share of it. Values, gradients, ``J^T J``, ``J^T r`` and Hessian-vector products of
    the shards then sum to those of the whole. A shard may be empty, or without weight.

    A copy, or an unpickled objective, equals a new one of the same data.

    A loss that couples rows computes its own weighted value of all rows, which takes the place of the mean.

    Args:
        model: The structure.
        buffers: Arrays of layers that are not trained.
        X: Inputs ``(N, D)``.
        target: As the loss takes them.
        weight: ``(N,)`` of any scale, or ``None`` for equal weights.
        total_weight: The sum of all weights of the whole data; ``None`` when these are all.
        frozen: The values of the frozen arrays, the network's parameters behind the first ``P``.
        memory: Bytes that Jacobians may take at a time, beside arguments and results.

    Raises:
        DataError: When ``total_weight`` is less than the weight of these data, or the loss couples rows and all of
            them do not fit into ``memory``.
        NotOfferedError: When the loss couples rows and these are one shard.

    Example:
        ``scipy.optimize.minimize(objective.value_and_gradient, theta, jac=True)`` works as it stands, and so does
        ``scipy.optimize.least_squares(objective.residual, theta, jac=objective.jacobian)``.
    """

    def __init__(
        self,
        model: Model,
        buffers: Array,
        X: Array,
        target: Array,
        weight: Array | None,
        *,
        total_weight: float | None = None,
        frozen: Array | None = None,
        memory: int = MEMORY,
    ) -> None:
        self.model = model
        self.X, self.target = X, target
        self.weight, self.total_weight = weight, total_weight
        self._coupled = model.loss.rows_coupled
        if self._coupled and total_weight is not None:
            refuse_coupled(model.loss, "share of one shard: pass all of the data, without total_weight")
        self._checked = False
        self.memory = memory
        self.buffers = buffers.copy()
        self.shares = shares_of(len(X), weight, total_weight)
        self.share = 1.0 if total_weight is None else float(self.shares.sum())
        dtype = X.dtype
        size, rest = model.trained.size, np.empty(0, dtype=dtype) if frozen is None else frozen
        if rest.shape != (model.layout.size - size,):
            raise ShapeError(
                f"frozen has shape {rest.shape}; expected ({model.layout.size - size},): parameters[{size}:]"
            )
        self._all = np.concatenate([np.zeros(size, dtype=dtype), rest.astype(dtype)])
        self._theta = self._all[:size]
        self._gradient = np.zeros(size, dtype=dtype)
        self._rows = max(1, min(len(X), chunk_rows(model)))
        if self._coupled:
            # The backward pass needs the outputs and gradients of every layer of all rows.
            columns = 2 * (model.inputs + sum(model.widths)) + model.target_columns
            check_memory(model, len(X), columns, X.dtype.itemsize, "the objective", memory)
            self._rows = len(X)
        self._pool = Pool(self._rows, dtype)
        self._vectors = Vectors(self._all, self._gradient, self.buffers)
        self._steps: dict[int, GradientStep] = {}
        self._losses: dict[int, Callable[[Array, Array], Array]] = {}
        self._shares = self.shares.astype(dtype, copy=False)
        # A loss that couples rows reduces the weights of the user itself.
        raw = np.ones(len(X), dtype) if weight is None else weight.astype(dtype)
        self._loss_weights = raw if self._coupled else self._shares
        self._roots = np.sqrt(self.shares).astype(dtype, copy=False)

    def __reduce__(self) -> tuple[Callable[..., Objective], tuple[Any, ...]]:
        make = functools.partial(type(self), total_weight=self.total_weight, frozen=self.frozen, memory=self.memory)
        return make, (self.model, self.buffers, self.X, self.target, self.weight)

    @property
    def size(self) -> int:
        """``P``, the number of trainable parameters."""
        return self.model.trained.size

    @property
    def frozen(self) -> Array:
        """The values of the frozen arrays."""
        return self._all[self.size :]

    @property
    def dtype(self) -> FloatDType:
        """The dtype of parameters and results."""
        return self._theta.dtype

    @property
    def residual_size(self) -> int:
        """``R``, the length of ``residual``.

        Raises:
            NotOfferedError: As ``residual``.
        """
        self._check_squares()
        return len(self.X) * self._width() + sum(slot.size for slot, _ in self.model.penalties)

    # -- any loss ------------------------------------------------------------------------------

    @silent
    def value(self, theta: npt.ArrayLike) -> float:
        """The objective at ``theta``: one forward pass."""
        self._take(theta)
        if self._coupled:
            prediction = predict(self.model, self._forward_only(), self.X)
            return batch_loss(self.model.loss, prediction, self.target, self._loss_weights) + self._penalty()
        total = 0.0
        for piece in pieces(len(self.X), self._rows):
            total += float(self._loss(piece)(self.X[piece], self.target[piece]) @ self._shares[piece])
        return total + self._penalty()

    def gradient(self, theta: npt.ArrayLike) -> Array:
        """Its gradient at ``theta``, ``(P,)``."""
        return self.value_and_gradient(theta)[1]

    @silent
    def value_and_gradient(self, theta: npt.ArrayLike) -> tuple[float, Array]:
        """Both, from one pass over the data."""
        self._take(theta)
        total = 0.0
        gradient = np.zeros_like(self._gradient)
        for piece in pieces(len(self.X), self._rows):
            weights = self._loss_weights[piece]
            total += self._step(piece.stop - piece.start)(self.X[piece], self.target[piece], weights)
            gradient += self._gradient
        for slot, part in self.model.penalties:
            weights = self._theta[slot.place].reshape(slot.spec.shape)
            gradient[slot.place] += self.share * part.gradient(weights).ravel()
        return total + self._penalty(), gradient

    @silent
    def hvp(self, theta: npt.ArrayLike, v: npt.ArrayLike) -> Array:
        """The Hessian at ``theta`` times ``v``, ``(P,)``: about the price of two gradients.

        Exact, forward over reverse through every layer. Where an activation has no ``vjp_derivative``, a loss or
        regularizer no ``curvature``, or a layer no tangents, the pass of that part alone is differenced and
        extrapolated to a step of zero, good to about ten digits where the part is smooth.
        """
        self._take(theta)
        along = np.array(v, dtype=self._theta.dtype)
        if along.shape != self._theta.shape:
            raise ShapeError(f"v has shape {along.shape}; expected {self._theta.shape}")
        total = self.share * penalty_tangent(self.model, self._all, along)
        for piece in pieces(len(self.X), len(self.X) if self._coupled else self._hvp_rows()):
            total += gradient_tangent(
                self.model,
                self._all,
                self._vectors.buffers,
                along,
                self.X[piece],
                self.target[piece],
                self._loss_weights[piece],
            )
        return total

    # -- sums of squares -----------------------------------------------------------------------

    @silent
    def residual(self, theta: npt.ArrayLike) -> Array:
        """``r`` of shape ``(R,)`` with ``value == 0.5 * r @ r``.

        Raises:
            NotOfferedError: When the loss or a regularizer is no sum of squares; names it.
        """
        self._check_squares()
        self._take(theta)
        predict: dict[int, Any] = {}
        parts = [np.empty(0, dtype=self._theta.dtype)]
        for piece in pieces(len(self.X), self._rows):
            count = piece.stop - piece.start
            if count not in predict:
                predict[count] = bind_forward(self.model, self._forward_only(), self._pool, count)
            found = self.model.loss.residual(predict[count](self.X[piece]), self.target[piece])
            parts.append((self._roots[piece, None] * found).ravel())
        for slot, part in self.model.penalties:
            weights = self._theta[slot.place].reshape(slot.spec.shape)
            parts.append(np.sqrt(self.share) * part.residual(weights).ravel())
        return np.concatenate(parts).astype(self._theta.dtype, copy=False)

    @silent
    def jacobian(self, theta: npt.ArrayLike) -> Array:
        """``dr/dtheta``, ``(R, P)``: rows in the order of ``residual``.

        Raises:
            NotOfferedError: As ``residual``.
        """
        self._check_squares()
        self._take(theta)
        width = self._width()
        count = len(self.X) * width
        priced = sum(slot.size for slot, _ in self.model.penalties)
        out = np.empty((count + priced, self.size), dtype=self._theta.dtype)
        by_sample = out[:count].reshape(len(self.X), width, self.size)
        for piece in pieces(len(self.X), self._jacobian_rows(width)):
            self._sample_rows(piece, by_sample[piece])
        out[count:] = 0.0
        for slot, slope in self._penalty_slopes():
            rows = np.arange(count, count + slot.size)
            out[rows, np.arange(slot.place.start, slot.place.stop)] = slope
            count += slot.size
        return out

    def samples(self) -> Iterator[slice]:
        """All samples, as many at a time as ``sample_jacobian`` can take within ``memory``."""
        return pieces(len(self.X), self._jacobian_rows(self._width()))

    @silent
    def sample_jacobian(self, theta: npt.ArrayLike, samples: slice) -> Array:
        """``dr/dtheta`` of some samples alone, ``(n, R, P)``: for sums over a Jacobian that need not be held.

        Raises:
            NotOfferedError: As ``residual``.
        """
        self._check_squares()
        self._take(theta)
        out = np.empty((len(self.X[samples]), self._width(), self.size), dtype=self._theta.dtype)
        self._sample_rows(samples, out)
        return out

    @silent
    def gauss_newton(self, theta: npt.ArrayLike) -> tuple[Array, Array]:
        """The Gauss-Newton matrix ``(P, P)`` and the gradient ``(P,)``, accumulated in chunks.

        ``J^T J`` and ``J^T r`` where the loss is a sum of squares; otherwise ``J^T H J`` with the curvature ``H`` of
        the loss. Penalties enter with their second derivatives. At no time are there more than ``memory`` bytes
        of Jacobian rows; beside them stand the result and one more matrix of its size.

        Raises:
            NotOfferedError: When the loss has neither residual nor curvature, or a regularizer has none; names it.
        """
        refuse_coupled(self.model.loss, "Gauss-Newton matrix")
        self._take(theta)
        arguments = (self.model, self._all, self._vectors.buffers, self._data(), self.memory)
        if not len(self.X):
            matrix, gradient = np.zeros((self.size, self.size), dtype=self.dtype), self.gradient(theta)
        elif sums_squares(self.model.loss):
            matrix, gradient = residual_product(*arguments)
            for slot, part in self.model.penalties:
                weights = self._theta[slot.place].reshape(slot.spec.shape)
                gradient[slot.place] += self.share * part.gradient(weights).ravel()
        else:
            gradient = self.value_and_gradient(self._theta.copy())[1]
            matrix = curvature_product(*arguments)
        diagonal = matrix.reshape(-1)[:: self.size + 1]
        for slot, part in self.model.penalties:
            weights = self._theta[slot.place].reshape(slot.spec.shape)
            diagonal[slot.place] += self.share * part.curvature(weights).ravel()
        return matrix, gradient

    # -- inside --------------------------------------------------------------------------------

    def _take(self, theta: npt.ArrayLike) -> None:
        values = np.asarray(theta)
        if values.shape != self._theta.shape:
            frozen = ": the trainable parameters alone" if self.frozen.size else ""
            raise ShapeError(f"theta has shape {values.shape}; expected {self._theta.shape}{frozen}")
        np.copyto(self._theta, values, casting="unsafe")
        if not self._checked and len(self.X):
            rows = spread(len(self.X))
            prediction = predict(self.model, self._forward_only(), self.X[rows])
            check_uncoupled(self.model.loss, prediction, self.target[rows])
            self._checked = True

    def _data(self) -> tuple[Array, Array, Array]:
        return self.X, self.target, self._roots

    def _width(self) -> int:
        if not len(self.X):
            return 1  # whatever it would be: there are no samples
        return residual_width(self.model, self._all, self._vectors.buffers, self._data())

    def _sample_rows(self, samples: slice, out: Array) -> None:
        passed = open_pass(self.model, self._all, self._vectors.buffers, self.X[samples])
        parameter_rows(passed, residual_seeds(passed, self.target[samples], self._roots[samples]), out)

    def _forward_only(self) -> Vectors:
        return Vectors(self._all, None, self._vectors.buffers)

    def _jacobian_rows(self, seeds: int) -> int:
        return jacobian_rows(self.model, seeds, self._theta.itemsize, self.memory)

    def _hvp_rows(self) -> int:
        """Curvatures are ``(rows, K, K)``: few rows where there are many outputs."""
        return min(self._rows, max(1, self.memory // (4 * self._theta.itemsize * self.model.outputs**2)))

    def _penalty(self) -> float:
        return self.share * penalty(self.model, self._theta)

    def _penalty_slopes(self) -> list[tuple[Any, Array]]:
        """The diagonal of each penalty's residual Jacobian: its residual is linear in each weight alone."""
        return [
            (slot, np.sqrt(self.share) * part.residual(np.ones(slot.spec.shape, dtype=self._theta.dtype)).ravel())
            for slot, part in self.model.penalties
        ]

    def _check_squares(self) -> None:
        refuse_coupled(self.model.loss, "residual of each sample")
        if not sums_squares(self.model.loss):
            raise NotOfferedError(
                f"{missing_squares(self.model.loss)}, so the objective is not a sum of squares that least-squares "
                "methods can work on; gradient and hvp remain, and gauss_newton where there is a curvature"
            )
        for slot, part in self.model.penalties:
            if not part.offers("residual"):
                raise NotOfferedError(
                    f"the regularizer {type(part).__name__} of {slot.spec.name} in layer {slot.layer} offers no "
                    "residual, so the objective is not a sum of squares; l2 is one that does"
                )

    def _step(self, rows: int) -> GradientStep:
        if rows not in self._steps:
            self._steps[rows] = bind_gradient(
                self.model, self._vectors, self._pool, rows, scale=1.0, training=False, penalize=False
            )
        return self._steps[rows]

    def _loss(self, piece: slice) -> Callable[[Array, Array], Array]:
        """``(x, target) -> loss of each sample``, in inference."""
        rows = piece.stop - piece.start
        if rows not in self._losses:
            vectors, model = self._forward_only(), self.model
            forwards = [b.forward for b in bind_layers(model, vectors, self._pool, rows, training=False, rng=None)]

            def losses(x: Array, target: Array) -> Array:
                for forward in forwards:
                    x = forward(x)
                a = x if model.head is None else model.head.forward(x)
                return model.loss.fused_value(x, a, target) if model.fused else model.loss.value(a, target)

            self._losses[rows] = losses
        return self._losses[rows]
