"""
The spread of an ensemble
=========================

Networks that differ only in their seed agree where there are data, and disagree elsewhere.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(0)
X = np.concatenate([rng.uniform(-2.0, -0.7, 40), rng.uniform(0.5, 2.0, 40)])[
    :, None
]
y = np.sin(3.0 * X[:, 0]) + rng.normal(0.0, 0.1, 80)
members = [
    nnkit.Network(
        [1, 40, 1],
        hidden_activation="tanh",
        optimizer="adam(learning_rate=0.03)",
        seed=seed,
    )
    for seed in range(8)
]
for member in members:
    member.fit(X, y, epochs=200)
ensemble = nnkit.Ensemble(members)

# %%
# The grey lines are the networks, the band is their mean with twice their standard deviation.

at = np.linspace(-3.0, 3.0, 300)[:, None]
mean, spread = ensemble.predict(at)[:, 0], ensemble.spread(at)[:, 0]
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for member in members:
    axes.plot(at, member.predict(at), color="0.8", linewidth=0.8)
axes.fill_between(at[:, 0], mean - 2 * spread, mean + 2 * spread, alpha=0.25)
axes.plot(at, mean, label="mean of eight networks")
axes.scatter(X, y, s=10, color="0.3", zorder=3, label="training data")
axes.set(xlabel="input", ylabel="prediction", ylim=(-2.5, 2.5))
axes.legend()
