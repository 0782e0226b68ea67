"""Trained periodic embeddings of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import integer, real


@final
@attrs.frozen(kw_only=True)
class PeriodicEmbedding(Layer):
    """``y = [cos(2 pi frequency x + phase) @ weight + bias, x]``, where each column of ``x`` has arrays of its own.

    The ``dimensions`` columns of the first input come first, then those of the second, at last ``x`` itself. Dense
    layers learn functions with steps or several extremes of one input more easily from these than from the input alone.
    Inputs should be near unit scale. Frequencies and phases have the role of biases, so that they neither decay nor are
    regularized.

    Args:
        frequencies: Waves of each input column, a positive integer.
        dimensions: Trained columns of output for each input column, a positive integer.
        stddev: Of the first frequencies, above 0: how far the function of one input may bend at the start.

    Source:
        Gorishniy, Rubachev & Babenko (2022), "On Embeddings for Numerical Features in Tabular Deep Learning"; the form
        and defaults are "PBLD" of Holzmüller, Grinsztajn & Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs
        and Boosted Trees on Tabular Data".

    Example:
        >>> layer = PeriodicEmbedding(frequencies=1, dimensions=1)
        >>> arrays = {"frequency": [[0.25]], "phase": [[0.0]], "weight": [[2.0]], "bias": [[0.5]]}
        >>> arrays = {name: np.array(values) for name, values in arrays.items()}
        >>> layer.forward(arrays, np.array([[0.0], [2.0]]), training=False, rng=None)[0]
        array([[ 2.5,  0. ],
               [-1.5,  2. ]])
    """

    variants = ({"frequencies": 3, "dimensions": 1}, {"frequencies": 2, "dimensions": 2, "stddev": 1.0})
    examples = (
        Example(
            inputs={
                "parameters": {
                    "frequency": [[-0.8, -1.32, -0.25], [0.42, 1.14, 0.11]],
                    "phase": [[-0.55, -0.78, 0.75], [1.63, 0.27, -1.23]],
                    "weight": [[-0.96, 1.6, -0.63, -0.49], [0.2, -1.73, -0.71, 0.55], [-0.08, -1.16, -0.06, -0.59]],
                    "bias": [[0.41, 0.83], [-1.64, -0.26]],
                },
                "x": [[-0.98, -0.17], [-1.29, 0.02]],
            },
            expected=[
                [0.8764730630769594, 0.22696685289187934, -2.306798187073682, -0.25572062419280495, -0.98, -0.17],
                [-0.5934913906537158, 4.940029965186353, -2.240663096355856, 0.09358888095287421, -1.29, 0.02],
            ],
            source="pytabkit 1.8.0, PLREmbeddingsLayerCosBias with plr_act_name='linear' and plr_use_densenet=True",
            hyperparameters={"frequencies": 3, "dimensions": 2},
        ),
    )

    frequencies: int = integer(16, ge=1)
    dimensions: int = integer(3, ge=1)
    stddev: float = real(0.1, gt=0.0)

    @staticmethod
    def reference(parameters: Parameters, x: Array) -> Array:
        """Column by column and wave by wave."""
        columns = []
        for i, own in enumerate(x.T):
            waves = [
                np.cos(2.0 * np.pi * w * own + p)
                for w, p in zip(parameters["frequency"][i], parameters["phase"][i], strict=True)
            ]
            for j, bias in enumerate(parameters["bias"][i]):
                weights = parameters["weight"][:, i * len(parameters["bias"][i]) + j]
                columns.append(sum((w * wave for w, wave in zip(weights, waves, strict=True)), start=bias))
        return np.stack([*columns, *x.T], axis=1)

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        waves, columns = self.frequencies, self.dimensions
        end = 1.0 / math.sqrt(waves)
        starts = {
            "frequency": {"name": "normal", "stddev": self.stddev},
            "phase": {"name": "uniform", "low": -math.pi, "high": math.pi},
            "weight": {"name": "uniform", "low": -end, "high": end},
            "bias": {"name": "uniform", "low": -end, "high": end},
        }
        shapes = {"frequency": (inputs, waves), "phase": (inputs, waves), "weight": (waves, inputs * columns)}
        shapes["bias"] = (inputs, columns)
        return tuple(
            ParameterSpec(
                name=name,
                shape=shape,
                fan_in=waves if name in {"weight", "bias"} else 1,
                fan_out=shape[-1],
                role="weight" if name == "weight" else "bias",
                initializer=starts[name],
            )
            for name, shape in shapes.items()
        )

    def outputs(self, inputs: int) -> int:
        return inputs * (1 + self.dimensions)

    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        turns = x.dtype.type(2.0 * np.pi) * parameters["frequency"]
        columns = np.ascontiguousarray(x.T)[:, None]
        angle = turns[:, :, None] * columns + parameters["phase"][:, :, None]  # (D, frequencies, N)
        waves = np.cos(angle)
        own = np.matmul(self._by_column(parameters["weight"]).transpose(0, 2, 1), waves)
        own += parameters["bias"][:, :, None]
        flat = own.reshape(x.shape[1] * self.dimensions, len(x))
        return np.concatenate([flat.T, x], axis=1), (x, angle, waves)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        x, angle, waves = cache
        own = np.ascontiguousarray(grad[:, : -x.shape[1]].T).reshape(x.shape[1], self.dimensions, len(x))
        turn = np.matmul(self._by_column(parameters["weight"]), own)
        turn *= -np.sin(angle)
        two_pi = x.dtype.type(2.0 * np.pi)
        gradients = {
            "frequency": two_pi * np.matmul(turn, x.T[:, :, None])[:, :, 0],
            "phase": turn.sum(axis=2),
            "weight": np.matmul(waves, own.transpose(0, 2, 1)).transpose(1, 0, 2).reshape(self.frequencies, -1),
            "bias": own.sum(axis=2),
        }
        through = np.matmul(two_pi * parameters["frequency"][:, None], turn)[:, 0]
        return grad[:, -x.shape[1] :] + through.T, gradients

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x, angle, waves = cache
        own = grads[..., : -x.shape[1]].reshape(*grads.shape[:2], x.shape[1], self.dimensions)
        turn = np.einsum("nkdj,dfj,dfn->nkdf", own, self._by_column(parameters["weight"]), -np.sin(angle))
        turn_x = x.dtype.type(2.0 * np.pi) * turn
        weight = np.einsum("dfn,nkdj->nkfdj", waves, own)
        gradients = {
            "frequency": turn_x * x[:, None, :, None],
            "phase": turn,
            "weight": weight.reshape(*weight.shape[:3], x.shape[1] * self.dimensions),
            "bias": own,
        }
        return grads[..., -x.shape[1] :] + (turn_x * parameters["frequency"]).sum(axis=3), gradients

    def _by_column(self, weight: Array) -> Array:
        """The weight of each column, a view ``(D, frequencies, dimensions)``."""
        return weight.reshape(self.frequencies, -1, self.dimensions).transpose(1, 0, 2)

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
        waves, dimensions, rows = self.frequencies, self.dimensions, workspace.rows

        def take(name: str, size: int) -> Array:
            """A matrix for each column of ``x``, the rows of the batch side by side."""
            return workspace.take(name, inputs * size).reshape(inputs, size, rows)

        angle, own = take("angle", waves), take("own", dimensions)
        cosine = angle if gradients is None else take("cosine", waves)
        # Ones beside each column: one product adds the phase, another sums over the rows. They last, so the array is
        # no lent one, which a pass over another number of rows would overwrite.
        columns = np.ones((inputs, 2, rows), dtype=workspace.dtype)
        lines = np.empty((inputs, waves, 2), dtype=workspace.dtype)
        y = workspace.take("y", self.outputs(inputs))
        y_own, y_x = y[:, :-inputs].reshape(rows, inputs, dimensions), y[:, -inputs:]
        weight, bias = self._by_column(parameters["weight"]), parameters["bias"]
        two_pi = workspace.dtype.type(2.0 * np.pi)

        def forward(x: Array) -> Array:
            np.copyto(columns[:, 0], x.T)
            np.multiply(parameters["frequency"], two_pi, out=lines[:, :, 0])
            np.copyto(lines[:, :, 1], parameters["phase"])
            np.matmul(lines, columns, out=angle)
            np.cos(angle, out=cosine)
            np.matmul(weight.transpose(0, 2, 1), cosine, out=own)
            np.add(own.transpose(2, 0, 1), bias, out=y_own)
            np.copyto(y_x, x)
            return y

        out = {name: np.empty_like(array) for name, array in parameters.items()} | dict(gradients or {})
        grad_x = workspace.take("grad_x", inputs) if needs_grad_x else None
        through = np.empty((inputs, 1, rows), dtype=workspace.dtype)
        sums = np.empty_like(lines)
        turn = workspace.scratch(inputs * waves).reshape(angle.shape)

        def backward(grad: Array) -> Array | None:
            np.copyto(own, grad[:, :-inputs].reshape(rows, inputs, dimensions).transpose(1, 2, 0))
            np.matmul(own, columns[:, 1, :, None], out=out["bias"][:, :, None])
            np.matmul(cosine, own.transpose(0, 2, 1), out=self._by_column(out["weight"]))
            np.matmul(weight, own, out=turn)
            np.multiply(turn, np.sin(angle, out=angle), out=turn)
            np.matmul(turn, columns.transpose(0, 2, 1), out=sums)
            np.multiply(sums[:, :, 0], -two_pi, out=out["frequency"])
            np.negative(sums[:, :, 1], out=out["phase"])
            if grad_x is None:
                return None
            np.matmul(lines[:, None, :, 0], turn, out=through)
            return np.subtract(grad[:, -inputs:], through[:, 0].T, out=grad_x)

        return BoundLayer(forward, backward)
