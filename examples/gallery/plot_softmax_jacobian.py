"""
The Jacobian of softmax
=======================

An activation of a whole row has a matrix of derivatives, and the backward pass multiplies by it.
"""

import matplotlib.pyplot as plt
import numpy as np

from nnkit import plugins

softmax = plugins.create("activation", "softmax")
rows = {
    "undecided": [0.2, 0.0, -0.1, 0.1],
    "leaning": [2.0, 1.0, 0.0, -1.0],
    "sure": [8.0, 1.0, 0.0, -1.0],
}

# %%
# ``J[i, j] = a[i] * (delta[i, j] - a[j])``: columns sum to 0, because the activations sum to 1 whatever z is. Where the
# network is sure, all derivatives vanish.

figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.6), layout="constrained")
for axes, (name, z) in zip(panels, rows.items(), strict=True):
    row = np.array([z])
    a = softmax.forward(row)
    jacobian = np.round(softmax.jacobian(row, a)[0], 2) + 0.0
    image = axes.imshow(jacobian, cmap="RdBu_r", vmin=-0.25, vmax=0.25)
    for (i, j), value in np.ndenumerate(jacobian):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8)
    axes.set(
        title=f"{name}: a = {np.round(a[0], 2)}",
        xlabel="j of z[j]",
        ylabel="i of a[i]",
    )
    axes.title.set_fontsize(9)
figure.colorbar(image, ax=panels, label="da[i] / dz[j]", shrink=0.8)
