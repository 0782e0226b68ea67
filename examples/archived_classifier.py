"""A binary classifier whose training is archived: every layer, gradient and parameter, step by step.

The task of the first of the four documents that nnkit grew out of; see docs/origins.md. Run it with::

    python examples/archived_classifier.py
"""

import numpy as np

import nnkit
from nnkit import plot

rng = np.random.default_rng(3)


def moons(samples):
    """Two half rings that a line cannot part, with noise; labels 0 and 1."""
    angle, label = rng.uniform(0.0, np.pi, samples), rng.integers(0, 2, samples)
    x = np.where(label, 1.0 - np.cos(angle), np.cos(angle)) - 0.5
    y = np.where(label, 0.4 - np.sin(angle), np.sin(angle)) - 0.2
    return np.c_[x, y] + rng.normal(0.0, 0.18, (samples, 2)), label


X, y = moons(1000)
validation = moons(400)

net = nnkit.Network(
    [2, 12, 8, 1],
    hidden_activation="tanh",
    output_activation="logistic",
    loss="binary_crossentropy",
    optimizer="sgd(learning_rate=0.5)",
    initializer="lecun_normal",
    seed=3,
)
# Seven targets, each with a frequency; cost and accuracy are also reported while the training runs.
archiver = {
    "name": "archiver",
    "parameters": 40,
    "gradient": 40,
    "activation": 400,
    "cost": 40,
    "accuracy": 40,
    "precision": 400,
    "verbose": ["precision"],
}
net.fit(
    X,
    y,
    epochs=75,
    batch_size=32,
    sampling="random_batch",
    validation_data=validation,
    metrics=["accuracy"],
    callbacks=[archiver],
)

# Everything archived can be asked for afterwards, by step and layer.
archive = net.archive
print(archive)
step = archive.steps("activation")[-1]
batch = X[archive.rows(step)]
then = nnkit.Network.from_archive(archive, step)
print(f"step {step}: the archived output is bit-identical to its network's prediction:", end=" ")
print(np.array_equal(archive.activation(step, layer=-1), then.predict(batch)))
print(f"first value that is not finite: {archive.first_nonfinite()}")
accuracy = net.score(*validation, accuracy=True)
print(f"validation accuracy {accuracy:.3f}, it was {archive.accuracy('validation')[40]:.3f} after 40 steps")

plot.distributions(archive.over_time("parameters"), "archived-parameters.png", quantity="parameters")
plot.distributions(archive.over_time("gradient"), "archived-gradients.png", quantity="gradient")
plot.decision_regions(net.predict, *validation, "archived-regions.png")
