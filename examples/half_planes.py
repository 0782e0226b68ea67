"""Two half planes, one network: the worked experiment of the fourth document, with its plots.

A point has label 1 when it lies in either of two random half planes, so no line can part the labels;
see docs/origins.md. Run it with::

    python examples/half_planes.py
"""

import numpy as np

import nnkit
from nnkit import plot

rng = np.random.default_rng(5)
normals = rng.normal(size=(2, 2))


def draw(samples):
    """Normal points, and whether each lies in a half plane."""
    X = rng.normal(size=(samples, 2))
    return X, (X @ normals.T > 0).any(axis=1).astype(int)


training, test = draw(100_000), draw(100_000)
print(f"share of label 1: {test[1].mean():.3f}")

line = nnkit.Network([2, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
line.fit(*training, batch_size=64, epochs=2)
print(f"logistic regression: {line.score(*test, accuracy=True):.2%} of the test set right")

net = nnkit.Network(
    [nnkit.Standardize(), nnkit.Dense(8, "relu"), nnkit.Dense(4, "relu"), nnkit.Dense(1, "sigmoid")],
    loss="binary_crossentropy",
    optimizer="adam(learning_rate=0.01)",
    initializer="he_normal",
    seed=0,
)
history = net.fit(*training, batch_size=64, epochs=2, metrics=["accuracy"], callbacks=["history(steps=1)"])
print(f"network 8-4-1: {net.score(*test, accuracy=True):.2%} of the test set right")

shown = test[0][:600], test[1][:600]
plot.decision_regions(line.predict, *shown, "half-planes-line.png", title="Logistic regression")
plot.decision_regions(net.predict, *shown, "half-planes-network.png", title="Network 8-4-1")
means = np.array(history["batch_loss"][:3100]).reshape(-1, 50).mean(axis=1)
steps = history["batch_step"][49:3100:50]
figure = plot.learning_curve({"epoch": steps, "loss": means}, title="Loss, mean of 50 batches")
axes = figure.axes[0]
axes.set_xlabel("step")
axes.legend([f"training, {means[-1]:.4f} at the end"], frameon=False)
figure.savefig("half-planes-loss.png")
matrix = net.evaluate(*test, metrics=["confusion_matrix"])["confusion_matrix"]
plot.confusion_matrix(matrix, ["neither", "either"], "half-planes-confusion.png")
