"""
An archive of activations
=========================

The callback ``archiver`` records what happens inside the network while it is trained.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(0)
X = rng.normal(size=(256, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
network = nnkit.Network(
    [2, 8, 1], hidden_activation="tanh", output_activation="sigmoid", loss="binary_crossentropy",
    optimizer="adam(learning_rate=0.03)", seed=0,
)  # fmt: skip
network.fit(
    X,
    y,
    epochs=160,
    batch_size=None,
    callbacks=["archiver(activation=40, parameters=40)"],
)
archive = network.archive

# %%
# How the activations of the eight hidden units are distributed over the rows of the data: the longer the training, the
# more of them are saturated, near -1 and 1.

steps = archive.steps("activation")
figure, panels = plt.subplots(
    1, len(steps), figsize=(9.5, 3.2), layout="constrained", sharey=True
)
for axes, step in zip(panels, steps, strict=True):
    axes.violinplot(
        archive.activation(step, layer=0), showextrema=False, widths=0.9
    )
    axes.set(title=f"after step {step}", xlabel="hidden unit")
panels[0].set_ylabel("activation")
