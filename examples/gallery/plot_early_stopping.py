"""
Early stopping
==============

The training ends when the loss on the validation data has not improved for a number of epochs, and the best parameters
are restored.
"""

import matplotlib.pyplot as plt
import numpy as np

import nnkit

rng = np.random.default_rng(1)
X = rng.uniform(-3.0, 3.0, (60, 1))
y = np.sin(X[:, 0]) + rng.normal(0.0, 0.3, 60)


def network():
    """The same network twice: one is stopped, one is not."""
    return nnkit.Network(
        [1, 60, 60, 1],
        hidden_activation="tanh",
        optimizer="adam(learning_rate=0.01)",
        seed=0,
    )


stopped, complete = network(), network()
options = {"epochs": 1500, "validation_split": 0.4, "batch_size": None}
history = stopped.fit(X, y, callbacks=["early_stopping(patience=100)"], **options)
longer = complete.fit(X, y, **options)
print(stopped.stop_reason)

# %%
# On the left the loss on the validation data, on the right both networks.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.semilogy(
    longer["epoch"], longer["val_loss"], color="0.6", label="without early stopping"
)
left.semilogy(
    history["epoch"], history["val_loss"], color="C0", label="with early stopping"
)
left.set(xlabel="epoch", ylabel="loss on the validation data")
left.legend()
at = np.linspace(-3.0, 3.0, 300)[:, None]
right.scatter(X, y, s=12, color="0.4")
right.plot(at, complete.predict(at), color="0.6")
right.plot(at, stopped.predict(at), color="C0")
right.plot(at, np.sin(at), ":", color="C1", label="the function without noise")
right.set(xlabel="input", ylabel="prediction")
right.legend()
