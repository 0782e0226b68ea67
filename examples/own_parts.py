"""A network made of parts from outside: own functions, own Jacobian, own optimizer; nothing is registered.

The idea of the third of the four documents that nnkit grew out of; see docs/origins.md. Run it with::

    python examples/own_parts.py
"""

import numpy as np

import nnkit
from nnkit import plot


def bent(z):
    """A hidden activation of one's own, element by element."""
    return z + np.sqrt(z * z + 1.0) - 1.0


def d_bent(z):
    """Its derivative, of the shape of ``z``."""
    return 1.0 + z / np.sqrt(z * z + 1.0)


def shares(z):
    """An output activation that mixes each row: squares of its entries, divided by their sum."""
    squares = z * z + 1e-3
    return squares / squares.sum(axis=1, keepdims=True)


def d_shares(z):
    """Its Jacobians, stacked: ``(n, m, m)``."""
    total = (z * z + 1e-3).sum(axis=1)[:, None, None]
    identity = np.eye(z.shape[1])
    return (identity - shares(z)[:, :, None]) * (2.0 * z)[:, None, :] / total


def surprise(prediction, target):
    """A loss: one number a sample, ``(n, 1)``."""
    return -np.sum(target * np.log(prediction), axis=1, keepdims=True)


def d_surprise(prediction, target):
    """Its derivative as stacked rows, ``(n, 1, m)``, ready for a product with the Jacobians."""
    return np.expand_dims(-target / prediction, 1)


class Momentum:
    """Any object with ``update(old_params, gradient)`` is an optimizer; it sees one flat vector."""

    def __init__(self, learning_rate=0.02, momentum=0.9):
        """Take the two numbers, and start at rest."""
        self.learning_rate, self.momentum, self.velocity = learning_rate, momentum, 0.0

    def update(self, old_params, gradient):
        """The new parameters."""
        self.velocity = self.momentum * self.velocity - self.learning_rate * gradient
        return old_params + self.velocity


rng = np.random.default_rng(1)
turn = rng.uniform(0.0, 3.5 * np.pi, 1500)
arm = rng.integers(0, 3, 1500)
phase = 0.45 * turn + 2.0 * np.pi * arm / 3.0
X = np.c_[np.cos(phase), np.sin(phase)] * (0.15 + turn / 12.0)[:, None] + rng.normal(0.0, 0.05, (1500, 2))

net = nnkit.Network(
    [2, 24, 16, 3],
    hidden_activation=(bent, d_bent),
    output_activation=(shares, d_shares),
    loss=(surprise, d_surprise),
    task="multiclass",
    optimizer=Momentum(),
    initializer="xavier_average",
    bias_initializer="xavier_average",
    seed=0,
)
losses = net.fit(X, nnkit.to_categorical(arm), batch_size=32, epochs=60)["loss"]
print(f"loss {losses[0]:.4f} in the first epoch, {losses[-1]:.4f} in the last")
print(f"accuracy {net.score(X, nnkit.to_categorical(arm), accuracy=True):.3f}")
print("first labels:", net.predict(X[:8], labels=True), "truth:", arm[:8])

vector = net.parameters
arrays = net.layout.restore(vector)
print(f"{vector.size} parameters in one vector, {len(arrays)} arrays that are views of it:", end=" ")
print(np.array_equal(vector, net.layout.flatten(arrays)))
plot.decision_regions(net.predict, X, arm, "own-parts.png")
