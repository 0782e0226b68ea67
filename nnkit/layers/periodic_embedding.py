"""Trained periodic embeddings of numbers."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Layer, Parameters, ParameterSpec
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
        turns = x.dtype.type(2.0 * np.pi) * parameters["frequency"][:, None]
        angle = x.T[:, :, None] * turns + parameters["phase"][:, None]  # (D, N, frequencies), of each column a matrix
        waves = np.cos(angle)
        own = np.matmul(waves, self._by_column(parameters["weight"])) + parameters["bias"][:, None]
        flat = own.transpose(1, 0, 2).reshape(len(x), x.shape[1] * self.dimensions)
        return np.concatenate([flat, x], axis=1), (x, angle, waves)

    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        x, angle, waves = cache
        own = np.ascontiguousarray(grad[:, : -x.shape[1]].reshape(*x.shape, self.dimensions).transpose(1, 0, 2))
        turn = np.matmul(own, self._by_column(parameters["weight"]).transpose(0, 2, 1))
        turn *= np.sin(angle)
        np.negative(turn, out=turn)
        pace = x.dtype.type(2.0 * np.pi) * parameters["frequency"][:, :, None]
        gradients = {
            "frequency": x.dtype.type(2.0 * np.pi) * np.matmul(x.T[:, None], turn)[:, 0],
            "phase": turn.sum(axis=1),
            "weight": np.matmul(waves.transpose(0, 2, 1), own).transpose(1, 0, 2).reshape(self.frequencies, -1),
            "bias": own.sum(axis=1),
        }
        return grad[:, -x.shape[1] :] + np.matmul(turn, pace)[:, :, 0].T, gradients

    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        x, angle, waves = cache
        own = grads[..., : -x.shape[1]].reshape(*grads.shape[:2], x.shape[1], self.dimensions)
        turn = np.einsum("nkdj,dfj,dnf->nkdf", own, self._by_column(parameters["weight"]), -np.sin(angle))
        turn_x = x.dtype.type(2.0 * np.pi) * turn
        weight = np.einsum("dnf,nkdj->nkfdj", waves, own)
        gradients = {
            "frequency": turn_x * x[:, None, :, None],
            "phase": turn,
            "weight": weight.reshape(*weight.shape[:3], x.shape[1] * self.dimensions),
            "bias": own,
        }
        return grads[..., -x.shape[1] :] + (turn_x * parameters["frequency"]).sum(axis=3), gradients

    def _by_column(self, weight: Array) -> Array:
        """The weight of each column, ``(D, frequencies, dimensions)``."""
        return np.ascontiguousarray(weight.reshape(self.frequencies, -1, self.dimensions).transpose(1, 0, 2))
