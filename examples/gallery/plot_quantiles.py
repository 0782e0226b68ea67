"""
Quantiles
=========

With the loss ``quantile`` a network predicts a quantile of the target instead of its mean.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(0)
X = rng.uniform(0.0, 4.0, (800, 1))
y = np.sin(2.0 * X[:, 0]) + rng.normal(size=800) * (0.05 + 0.2 * X[:, 0])

# %%
# The noise grows with the input, and so does the distance between the quantiles. One network is trained for each.

at = np.linspace(0.0, 4.0, 200)[:, None]
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
axes.scatter(X, y, s=6, color="0.7")
for level in (0.05, 0.5, 0.95):
    network = nnkit.Network(
        [1, 32, 1],
        hidden_activation="tanh",
        loss=f"quantile(level={level})",
        optimizer="adam(learning_rate=0.02)",
        seed=0,
    )
    network.fit(X, y, epochs=100)
    share = np.mean(y < network.predict(X)[:, 0])
    axes.plot(
        at,
        network.predict(at),
        label=f"level {level}: {share:.1%} of the data below",
    )
axes.set(xlabel="input", ylabel="target")
axes.legend()
