"""
Levenberg-Marquardt against Adam
================================

A small network for a smooth function: the second-order method reaches in some dozen steps what Adam does not reach in
thousands.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(0)
X = rng.uniform(-1.0, 1.0, (400, 2))
y = np.sin(3.0 * X[:, 0]) * np.cos(2.0 * X[:, 1]) + X[:, 0] * X[:, 1] / 2.0

# %%
# Levenberg-Marquardt makes one step an epoch, on all data; Adam makes one for each batch of 32 rows.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 3.8), layout="constrained", sharey=True
)
for optimizer, epochs in (
    ("levenberg_marquardt", 100),
    ("adam(learning_rate=0.01)", 400),
):
    network = nnkit.Network(
        [2, 20, 1], hidden_activation="tanh", optimizer=optimizer, seed=0
    )
    losses, seconds, start = [], [], time.perf_counter()
    for _ in range(epochs // 10):
        losses += network.fit(X, y, epochs=10)["loss"][-10:]
        seconds += list(
            np.linspace(
                seconds[-1] if seconds else 0.0, time.perf_counter() - start, 11
            )[1:]
        )
    left.loglog(np.arange(1, epochs + 1), losses, label=optimizer)
    right.loglog(seconds, losses)
    print(f"{optimizer}: mean squared error {losses[-1]:.1e} after {epochs} epochs")
left.set(xlabel="epoch", ylabel="mean squared error")
right.set(xlabel="seconds")
left.legend()
