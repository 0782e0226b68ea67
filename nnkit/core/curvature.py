"""``J^T J`` and ``J^T r`` over any number of rows, in chunks of bounded memory.

The Jacobian of a chunk is written once, parameter by parameter along memory (``(P, S, rows)``), so that
each factor of an outer product is a run of numbers and the product ``J^T J`` is one symmetric
rank-k update.
"""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array
from nnkit.core.chunks import jacobian_rows, pieces
from nnkit.core.model import Model
from nnkit.core.rows import OpenPass, open_pass, parameter_rows, seeds_through_head
from nnkit.errors import NotOfferedError, SpecError
from nnkit.interfaces import Loss

__all__ = [
    "curvature_product",
    "factor_seeds",
    "missing_squares",
    "residual_product",
    "residual_seeds",
    "residuals",
    "sums_squares",
]


def sums_squares(loss: Loss) -> bool:
    """Whether the loss offers its residuals and their Jacobian."""
    return loss.offers("residual") and loss.offers("residual_jacobian")


def missing_squares(loss: Loss) -> str:
    """What a loss lacks that does not, in words."""
    name = type(loss).__name__
    if loss.offers("residual"):
        return f"{name} offers residual but no residual_jacobian, dr[n, i] / dprediction[n, k] of shape (N, R, K)"
    return f"{name} offers no residual"


def residuals(passed: OpenPass, target: Array, root: Array) -> Array:
    """``r[n, i] = root[n] * loss.residual``, ``(N, R)``, with ``root`` the square root of each sample's weight."""
    scaled: Array = root[:, None] * passed.model.loss.residual(passed.prediction, target)
    return scaled


def residual_seeds(passed: OpenPass, target: Array, root: Array) -> Array:
    """``dr[n, i] / dz[n]``, ``(N, R, K)``."""
    seeds = passed.model.loss.residual_jacobian(passed.prediction, target)
    seeds = seeds * root[:, None, None]
    return seeds_through_head(passed, seeds)


def residual_product(
    model: Model, theta: Array, buffers: Array, data: tuple[Array, Array, Array], memory: int
) -> tuple[Array, Array]:
    """``J^T J`` ``(P, P)`` and ``J^T r`` ``(P,)`` of the residuals; ``data`` is inputs, targets, roots of weights."""
    X, target, root = data
    size = model.trained.size
    gradient = np.zeros(size, dtype=theta.dtype)
    width = residual_width(model, theta, buffers, data)
    chunk = min(len(X), jacobian_rows(model, width, theta.itemsize, memory))
    block, sums = np.empty(chunk * width * size, dtype=theta.dtype), _Sums(size, theta.dtype)
    for piece in pieces(len(X), chunk):
        passed = open_pass(model, theta, buffers, X[piece])
        by_column, rows = _rows_of(block, size, width, piece)
        parameter_rows(passed, residual_seeds(passed, target[piece], root[piece]), rows)
        sums.add(by_column)
        gradient += by_column @ residuals(passed, target[piece], root[piece]).T.ravel()
    return sums.total, gradient


def curvature_product(
    model: Model, theta: Array, buffers: Array, data: tuple[Array, Array, Array], memory: int
) -> Array:
    """``sum_n weight[n] J[n]^T H[n] J[n]``, ``(P, P)``: Gauss-Newton for any loss (Schraudolph, 2002).

    ``H`` is the loss' curvature in ``z`` where its fused form gives it, in the prediction otherwise. Directions in
    which it is negative are left out, so that the matrix is positive semidefinite.
    """
    X, target, root = data
    size, width = model.trained.size, model.outputs
    chunk = min(len(X), jacobian_rows(model, width, theta.itemsize, memory))
    block, sums = np.empty(chunk * width * size, dtype=theta.dtype), _Sums(size, theta.dtype)
    for piece in pieces(len(X), chunk):
        passed = open_pass(model, theta, buffers, X[piece])
        by_column, rows = _rows_of(block, size, width, piece)
        parameter_rows(passed, factor_seeds(passed, target[piece], root[piece]), rows)
        sums.add(by_column)
    return sums.total


def factor_seeds(passed: OpenPass, target: Array, root: Array) -> Array:
    """Directions in ``z`` ``(N, K, K)`` whose outer products sum to each sample's weighted curvature."""
    model, z, a = passed.model, passed.z, passed.prediction
    loss = model.loss
    fused = model.fused and loss.offers("fused_curvature")
    if not fused and not loss.offers("curvature"):
        raise NotOfferedError(
            f"{missing_squares(loss)}, and no curvature, so there is no Gauss-Newton matrix; gradient and hvp remain"
        )
    curvature = loss.fused_curvature(z, a, target) if fused else loss.curvature(a, target)
    values, vectors = np.linalg.eigh(curvature)
    length = np.sqrt(np.maximum(values, 0.0)) * root[:, None]
    seeds: Array = length[:, :, None] * np.swapaxes(vectors, 1, 2)
    return seeds if fused else seeds_through_head(passed, seeds)


def residual_width(model: Model, theta: Array, buffers: Array, data: tuple[Array, Array, Array]) -> int:
    """``R``, residuals of one sample: asked of the first."""
    X, target, _ = data
    return int(model.loss.residual(open_pass(model, theta, buffers, X[:1]).prediction, target[:1]).shape[1])


def _rows_of(block: Array, size: int, width: int, piece: slice) -> tuple[Array, Array]:
    """The same memory as ``(P, S * rows)`` for products and as ``(rows, S, P)`` for layers to write to."""
    count = piece.stop - piece.start
    cube = block[: size * width * count].reshape(size, width, count)
    return cube.reshape(size, width * count), cube.transpose(2, 1, 0)


class _Sums:
    """A running sum of ``A A^T``."""

    def __init__(self, size: int, dtype: np.dtype[np.generic]) -> None:
        try:
            self.total = np.zeros((size, size), dtype=dtype)
            self.one = np.empty_like(self.total)
        except MemoryError as error:
            raise SpecError(
                f"the matrix of all pairs of {size:,} parameters does not fit into memory; use an optimizer that makes "
                "single steps"
            ) from error

    def add(self, factor: Array) -> None:
        # numpy sees that both are one matrix, and does half the work.
        np.dot(factor, factor.T, out=self.one)
        self.total += self.one
