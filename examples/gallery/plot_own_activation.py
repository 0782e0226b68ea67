"""
An activation of your own
=========================

Two methods are enough; no registration is needed.
"""

import attrs
import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit.interfaces import Elementwise
from nnkit.testing import check


@attrs.frozen(kw_only=True)
class Sine(Elementwise):
    """``a = sin(z)``."""

    def forward(self, z):
        """The activation."""
        return np.sin(z)

    def derivative(self, z, a):
        """The derivative."""
        return np.cos(z)


# %%
# The conformance kit compares the derivative with differences of the function, and checks shapes, dtypes and purity:

print(check(Sine()).ok)

# %%
# A periodic function from its samples, learned by a network with this activation and by one with ``tanh``:

rng = np.random.default_rng(0)
X = rng.uniform(-2.0, 2.0, (200, 1))
y = np.sin(6.0 * X[:, 0]) + 0.5 * np.cos(11.0 * X[:, 0])
at = np.linspace(-2.2, 2.2, 600)[:, None]
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.scatter(X, y, s=8, color="0.6", label="training data")
for name, activation in {"Sine": Sine, "tanh": "tanh"}.items():
    first = nnkit.Dense(30, activation, weight_initializer="normal(stddev=5)")
    network = nnkit.Network(
        [1, first, nnkit.Dense(1)], optimizer="levenberg_marquardt", seed=0
    )
    network.fit(X, y, epochs=60)
    axes.plot(at, network.predict(at), label=name)
axes.set(xlabel="input", ylabel="prediction", ylim=(-3, 3))
axes.legend()
