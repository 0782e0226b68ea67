"""Orthonormal columns, or rows."""

from __future__ import annotations

import math
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Example, Initializer
from nnkit.interfaces.fields import real


@final
@attrs.frozen(kw_only=True)
class Orthogonal(Initializer):
    """``W.T @ W = gain**2 * I`` where ``W`` is tall, ``W @ W.T = gain**2 * I`` where it is wide.

    Uniform over all such matrices (the Haar measure): the QR decomposition of a normal matrix, with signs
    that make the diagonal of R positive. Of more than two axes the first ones form the rows; a
    vector is one column.

    Args:
        gain: Length of each orthogonal column (or row), non-negative.

    Source:
        Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in
        deep linear neural networks"; Mezzadri (2007), "How to Generate Random Matrices from the
        Classical Compact Groups", for the signs.

    Example:
        >>> weight = Orthogonal(gain=2.0).sample((5, 3), 5, 3, np.random.default_rng(0), np.dtype(np.float64))
        >>> np.allclose(weight.T @ weight, 4.0 * np.eye(3), rtol=0.0, atol=1e-14)
        True
    """

    examples = (
        Example(
            inputs={"shape": [3, 2], "fan_in": 3, "fan_out": 2, "seed": 0},
            expected=[
                [0.14891146369604527, -0.29584641872980198],
                [0.75849921707185373, 0.64637184790442141],
                [-0.63443227667047828, 0.70333372644952424],
            ],
            source="Gram and Schmidt's process on the same normal draws, with mpmath to 40 digits",
        ),
    )
    variants = ({"gain": 2.0},)

    gain: float = real(1.0, ge=0.0)

    def sample(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator, dtype: np.dtype[Any]
    ) -> Array:
        columns = shape[-1] if len(shape) > 1 else 1
        rows = math.prod(shape[:-1] if len(shape) > 1 else shape)
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.where(np.diagonal(r) < 0.0, -self.gain, self.gain)
        return np.array((q if rows >= columns else q.T).reshape(shape), dtype=dtype, order="C")
