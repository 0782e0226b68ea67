"""Batch normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NotOfferedError
from nnkit.interfaces import BoundLayer, Example, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.fields import real
from nnkit.layers._normalizing import normalize_large


@final
@attrs.frozen(kw_only=True)
class BatchNorm(Layer):
    """``y = scale * (x - mean) / sqrt(variance + epsilon) + shift``, each column over the rows of the batch.

    In training, mean and (biased) variance are the batch's own, and the running ones move towards them:
    ``running += momentum * (batch - running)``, with the unbiased variance. In prediction the running
    ones are used. This is PyTorch's ``momentum``; Keras' 0.99 is 0.01 here. A batch of one row has no
    variance: it gives ``shift`` and leaves the running variance alone. Sample weights do not enter.

    ``scale`` and ``shift`` have the role of biases, so that they are not regularized.

    Args:
        momentum: Share of the present batch in the running statistics, in [0, 1].
        epsilon: Added to the variance, above 0.

    Raises:
        NotOfferedError: For gradients by row in training, where every row moves every other.

    Source:
        Ioffe & Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing
        Internal Covariate Shift".

    Example:
        >>> layer = BatchNorm(momentum=0.5, epsilon=1e-12)
        >>> parameters = {"scale": np.ones(1), "shift": np.zeros(1)}
        >>> parameters |= {"running_mean": np.zeros(1), "running_variance": np.ones(1)}
        >>> layer.forward(parameters, np.array([[1.0], [3.0]]), training=True, rng=None)[0]
        array([[-1.],
               [ 1.]])
        >>> float(parameters["running_mean"][0]), float(parameters["running_variance"][0])
        (1.0, 1.5)
    """

    row_independent = False
    least_rows = 2
    variants = ({"momentum": 0.9, "epsilon": 1e-3},)
    examples = (
        Example(
            inputs={
                "parameters": {
                    "scale": [2.0, 1.0],
                    "shift": [0.0, 5.0],
                    "running_mean": [0.0, 0.0],
                    "running_variance": [1.0, 1.0],
                },
                "x": [[1e30, 4.0], [-1e30, 2.0]],
                "training": True,
            },
            expected={"y": [[2.0, 6.0], [-2.0, 4.0]]},
            source="by hand: columns of deviation 1e30, whose square overflows in float32, and 1",
            hyperparameters={"epsilon": 1e-30},
        ),
    )

    momentum: float = real(0.1, ge=0.0, le=1.0)
    epsilon: float = real(1e-5, gt=0.0)

    @staticmethod
    def reference(
        parameters: Parameters,
        x: Array,
        *,
        training: bool,
        rng: np.random.Generator | None = None,
        momentum: float,
        epsilon: float,
    ) -> tuple[Array, dict[str, Array]]:
        """Column by column, each sum without rounding; ``y``, and the buffers after the pass."""
        y = np.empty_like(x)
        after = {name: parameters[name].astype(np.float64) for name in ("running_mean", "running_variance")}
        for j, column in enumerate(x.T.tolist()):
            mean = float(parameters["running_mean"][j])
            variance = float(parameters["running_variance"][j])
            if training:
                mean = math.fsum(column) / len(column)
                squares = math.fsum((value - mean) ** 2 for value in column)
                variance = squares / len(column)
                after["running_mean"][j] = (1.0 - momentum) * after["running_mean"][j] + momentum * mean
                if len(column) > 1:
                    old = (1.0 - momentum) * after["running_variance"][j]
                    after["running_variance"][j] = old + momentum * squares / (len(column) - 1)
            slope = float(parameters["scale"][j]) / math.sqrt(variance + epsilon)
            y[:, j] = [slope * (value - mean) + float(parameters["shift"][j]) for value in column]
        return y, after

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        def spec(name: str, role: Any, initializer: str) -> ParameterSpec:
            return ParameterSpec(name=name, shape=(inputs,), fan_in=1, fan_out=1, role=role, initializer=initializer)

        return (
            spec("scale", "bias", "ones"),
            spec("shift", "bias", "zeros"),
            spec("running_mean", "buffer", "zeros"),
            spec("running_variance", "buffer", "ones"),
        )

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite stays so, in silence
    def forward(
        self, parameters: Parameters, x: Array, *, training: bool, rng: np.random.Generator | None
    ) -> tuple[Array, Any]:
        if training:
            mean = x.mean(axis=0)
            variance = np.square(x - mean).mean(axis=0)
        else:
            mean, variance = parameters["running_mean"], parameters["running_variance"]
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = (x - mean) * inverse
        if training:
            if not np.isfinite(variance).all():
                normal, *statistics = normalize_large(x, self.epsilon, axis=0)
                inverse, mean, variance = (value[0] for value in statistics)
            self._follow(parameters, mean, variance, len(x))
        return normal * parameters["scale"] + parameters["shift"], (normal, inverse, training)

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, parameters: Parameters, cache: Any, grad: Array) -> tuple[Array, dict[str, Array]]:
        normal, inverse, training = cache
        gradients = {"scale": (grad * normal).sum(axis=0), "shift": grad.sum(axis=0)}
        through = grad - (gradients["shift"] + normal * gradients["scale"]) / len(grad) if training else grad
        return through * (parameters["scale"] * inverse), gradients

    @np.errstate(over="ignore", invalid="ignore")
    def backward_rows(self, parameters: Parameters, cache: Any, grads: Array) -> tuple[Array, dict[str, Array]]:
        normal, inverse, training = cache
        if training:
            raise NotOfferedError(
                "BatchNorm offers no gradients by row in training, where each row of the output depends on all rows"
                " of the batch; they exist in inference, where the running statistics are used"
            )
        gradients = {"scale": grads * normal[:, None, :], "shift": grads.copy()}
        return grads * (parameters["scale"] * inverse), gradients

    def _follow(self, parameters: Parameters, mean: Array, variance: Array, rows: int) -> None:
        """Move the running statistics towards the batch's."""
        running = parameters["running_mean"]
        running += self.momentum * (mean - running)
        if rows > 1:
            running = parameters["running_variance"]
            running += self.momentum * (variance * (rows / (rows - 1)) - running)

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
        scale, shift = parameters["scale"], parameters["shift"]
        mean, variance = parameters["running_mean"], parameters["running_variance"]
        normal, y = workspace.take("normal", inputs), workspace.take("y", inputs)
        work = workspace.scratch(inputs)
        rows, epsilon, follow = workspace.rows, self.epsilon, self._follow
        if training:
            mean, variance = np.empty((2, inputs), dtype=workspace.dtype)
        inverse = np.empty(inputs, dtype=workspace.dtype)
        ones = np.ones(rows, dtype=workspace.dtype)
        add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt

        def forward(x: Array) -> Array:
            if training:
                ones.dot(x, mean)
                divide(mean, rows, mean)
                subtract(x, mean, normal)
                multiply(normal, normal, work)
                ones.dot(work, variance)
                divide(variance, rows, variance)
                if not math.isfinite(variance.sum()):
                    normal[...], inverse[...], mean[...], variance[...] = normalize_large(x, epsilon, axis=0)
                    follow(parameters, mean, variance, rows)
                    multiply(normal, scale, y)
                    return add(y, shift, y)
                follow(parameters, mean, variance, rows)
            else:
                subtract(x, mean, normal)
            add(variance, epsilon, inverse)
            sqrt(inverse, inverse)
            divide(1.0, inverse, inverse)
            multiply(normal, inverse, normal)
            multiply(normal, scale, y)
            return add(y, shift, y)

        targets = gradients or {name: np.empty(inputs, dtype=workspace.dtype) for name in ("scale", "shift")}
        scale_grad, shift_grad = targets["scale"], targets["shift"]
        small = np.empty(inputs, dtype=workspace.dtype)

        def backward(grad: Array) -> Array | None:
            multiply(grad, normal, work)
            ones.dot(work, scale_grad)
            ones.dot(grad, shift_grad)
            if not needs_grad_x:
                return None
            if training:
                multiply(normal, scale_grad, work)
                add(work, shift_grad, work)
                divide(work, rows, work)
                subtract(grad, work, grad)
            multiply(scale, inverse, small)
            return multiply(grad, small, grad)

        return BoundLayer(forward, backward)
