"""Trained vectors for categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Layer, Parameters, ParameterSpec
from nnkit.interfaces.fields import flag, integer, part


@final
@attrs.frozen(kw_only=True)
class Embedding(Layer):
    """``y = weight[x]``: each index in ``x`` is replaced by its row of ``weight``, ``dimensions`` columns each.

    The rows of all columns of ``x`` stand side by side; they share one ``weight``. Indices are integers from 0 to
    ``categories - 1``, also as floats. The gradient of ``x`` is 0. With ``other``, the index ``categories`` stands for
    values outside the categories: its output is the mean of all rows, so that it is learned although no sample of
    training has it.

    Args:
        categories: Number of categories, a positive integer.
        dimensions: Columns of output for each column of input, a positive integer.
        other: Whether the index ``categories`` is accepted, too.
        weight_initializer: Overrides the network's own.
        weight_regularizer: Overrides the network's own.

    Source:
        Bengio, Ducharme, Vincent & Jauvin (2003), "A Neural Probabilistic Language Model".

    Example:
        >>> weight = np.array([[0.1, 0.2], [0.3, 0.4]])
        >>> layer = Embedding(categories=2, dimensions=2)
        >>> layer.forward({"weight": weight}, np.array([[1.0, 0.0]]), training=False, rng=None)[0]
        array([[0.3, 0.4, 0.1, 0.2]])
    """

    input_domain = "index"
    variants = ({"categories": 4, "dimensions": 3}, {"categories": 3, "dimensions": 2, "other": True})
    examples = (
        Example(
            inputs={"parameters": {"weight": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]}, "x": [[2.0], [0.0], [2.0]]},
            expected=[[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]],
            source="by hand: rows 2, 0 and 2 of the weight; torch 2.13.0, torch.nn.functional.embedding",
            hyperparameters={"categories": 3},
        ),
        Example(
            inputs={"parameters": {"weight": [[1.0, 2.0], [3.0, 4.0], [5.0, 9.0]]}, "x": [[3.0], [1.0]]},
            expected=[[3.0, 5.0], [3.0, 4.0]],
            source="by hand: the mean of the rows of the weight, and row 1",
            hyperparameters={"categories": 3, "other": True},
        ),
    )

    categories: int = integer(2, ge=1, kw_only=False)
    dimensions: int = integer(2, ge=1, kw_only=False)
    other: bool = flag(False)
    weight_initializer: Any = part("initializer")
    weight_regularizer: Any = part("regularizer")

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        return (
            ParameterSpec(
                name="weight",
                shape=(self.categories, self.dimensions),
                fan_in=self.categories,
                fan_out=self.dimensions,
                initializer=self.weight_initializer,
                regularizer=self.weight_regularizer,
            ),
        )

    def outputs(self, inputs: int) -> int:
        return inputs * self.dimensions

    def index_columns(self, inputs: int) -> Mapping[int, int | None]:
        return dict.fromkeys(range(inputs), self.categories + self.other)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        indices = x.astype(np.intp)
        return self._rows(parameters["weight"], indices), (x, indices)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        x, indices = cache
        gradient = np.zeros((self.categories + self.other, self.dimensions), dtype=grad.dtype)
        np.add.at(gradient, indices.ravel(), grad.reshape(-1, self.dimensions))
        return np.zeros_like(x), {"weight": self._without_other(gradient)}

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x, indices = cache
        rows, seeds = grads.shape[:2]
        gradient = np.zeros((rows, seeds, self.categories + self.other, self.dimensions), dtype=grads.dtype)
        split = grads.reshape(rows, seeds, x.shape[1], self.dimensions)
        for column in range(x.shape[1]):
            gradient[np.arange(rows), :, indices[:, column]] += split[:, :, column]
        return np.zeros((rows, seeds, x.shape[1]), dtype=grads.dtype), {"weight": self._without_other(gradient)}

    def forward_tangent(
        self, parameters: Parameters, cache: Any, directions: Parameters, x_tangent: Array
    ) -> tuple[Array, Any]:
        return self._rows(directions["weight"], cache[1]), None

    def backward_tangent(
        self,
        parameters: Parameters,
        cache: Any,
        directions: Parameters,
        tangent_cache: Any,
        grad: Array,
        grad_tangent: Array,
    ) -> tuple[Array, dict[str, Array]]:
        return self.backward(parameters, cache, grad_tangent)

    def typical_inputs(self, parameters: Parameters, shape: tuple[int, int], rng: np.random.Generator) -> Array:
        return rng.integers(0, self.categories + self.other, size=shape).astype(np.float64)

    def _rows(self, weight: Array, indices: Array) -> Array:
        if self.other and (indices == self.categories).any():
            weight = np.concatenate([weight, weight.mean(axis=0, keepdims=True)])
        rows: Array = weight[indices].reshape(len(indices), self.outputs(indices.shape[1]))
        return rows

    def _without_other(self, gradient: Array) -> Array:
        """The gradient of the weight, from that of its rows and of their mean."""
        return gradient[..., :-1, :] + gradient[..., -1:, :] / self.categories if self.other else gradient
