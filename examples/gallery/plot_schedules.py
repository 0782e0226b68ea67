"""
Schedules of the learning rate
==============================

A learning rate is a number or a schedule; a schedule is a part with a name like any other.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit
from nnkit import plugins

schedules = {
    "constant": "constant(learning_rate=0.05)",
    "cosine": "cosine(learning_rate=0.05, steps=800)",
    "one_cycle": "one_cycle(learning_rate=0.05, steps=800)",
    "step": "step(learning_rate=0.05, every=250)",
}
rng = np.random.default_rng(0)
X = rng.uniform(-1.0, 1.0, (640, 2))
y = np.sin(4.0 * X[:, 0]) * X[:, 1] + rng.normal(0.0, 0.1, 640)

# %%
# The rate at each step, and what the network learns with it in 40 epochs of 20 steps.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for name, spec in schedules.items():
    schedule = plugins.create("schedule", spec)
    left.plot([schedule.rate(step) for step in range(800)], label=name)
    network = nnkit.Network(
        [2, 32, 1], optimizer={"name": "adam", "learning_rate": schedule}, seed=0
    )
    history = network.fit(X, y, epochs=40, batch_size=32)
    right.semilogy(history["epoch"], history["loss"], label=name)
left.set(xlabel="step", ylabel="learning rate")
right.set(xlabel="epoch", ylabel="training loss")
left.legend()
