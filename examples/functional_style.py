"""Gradient descent in the functional style: a plain dict, and forward, backward, update in turn.

The task of the second of the four documents that nnkit grew out of: 30,000 epochs on 50 random
samples, and the loss on a logarithmic axis; see docs/origins.md. Run it with::

    python examples/functional_style.py
"""

import numpy as np

from nnkit import plot
from nnkit.functional import backward, forward, initialize_model, total_loss, update

EPOCHS, SKIP, SAMPLES, ETA = 30_000, 500, 50, 0.1
DIMENSIONS = [784, 15, 10]

rng = np.random.default_rng(0)
X, y = rng.standard_normal((SAMPLES, DIMENSIONS[0])), rng.random((SAMPLES, DIMENSIONS[-1]))

model = initialize_model(DIMENSIONS, seed=0)
for number, (weight, bias) in enumerate(zip(model["weights"], model["biases"], strict=True), start=1):
    print(f"Layer {number}:\tShape of W{number}: {weight.shape}\tShape of b{number}: {bias.shape}")
print("before forward:", ", ".join(model))
output, model = forward(X, model)
print("after forward:", ", ".join(model))
model = backward(y, model)
print("after backward:", ", ".join(model))
try:
    update(ETA, update(ETA, model))
except KeyError as error:
    print(f"out of turn: {error}")

model = initialize_model(DIMENSIONS, seed=0)
history: dict[str, list[float]] = {"epoch": [], "loss": []}
for epoch in range(EPOCHS):
    output, model = forward(X, model)
    if epoch % SKIP == 0:
        history["epoch"].append(epoch)
        history["loss"].append(total_loss(y, model))
    model = update(ETA, backward(y, model))
print(f"Loss: {history['loss'][0]:.4g} at the beginning, {history['loss'][-1]:.4g} after {history['epoch'][-1]} epochs")

figure = plot.learning_curve(history, title="Loss vs. epochs")
axes = figure.axes[0]
axes.set_yscale("log")
axes.yaxis.set_major_formatter("{x:g}")
axes.yaxis.set_minor_formatter("{x:g}")
axes.grid(visible=True, which="both", color="#E4E4E4")
axes.set_ylabel(r"$\mathcal{E}$, summed over samples and outputs")
figure.savefig("functional-loss.png")
