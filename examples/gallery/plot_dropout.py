"""
Dropout
=======

Without it, a wide network learns the noise of a small data set; with it, the function stays smooth.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(1)
X = np.sort(rng.uniform(-3.0, 3.0, 24))[:, None]
y = np.sin(X[:, 0]) + rng.normal(0.0, 0.4, 24)
at = np.linspace(-3.0, 3.0, 400)[:, None]

# %%
# In training each unit is left out with the given probability; in prediction none is.

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
axes.scatter(X, y, s=14, color="0.3", label="training data", zorder=3)
axes.plot(at, np.sin(at), ":", color="0.5", label="the function without noise")
for rate in (0.0, 0.5):
    layers = [
        1,
        nnkit.Dense(200, "relu"),
        nnkit.Dropout(rate),
        nnkit.Dense(200, "relu"),
        nnkit.Dropout(rate),
        nnkit.Dense(1),
    ]
    network = nnkit.Network(layers, optimizer="adam(learning_rate=3e-3)", seed=0)
    network.fit(X, y, epochs=1200, batch_size=None)
    axes.plot(at, network.predict(at), label=f"dropout(rate={rate})")
axes.set(xlabel="input", ylabel="prediction", ylim=(-2.2, 2.2))
axes.legend()
