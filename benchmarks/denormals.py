"""Milliseconds of an epoch of 64-64-10 after 100, 1,000 and 3,000 epochs, as numbers fall below the normal range.

Run at rest: ``python benchmarks/denormals.py``; compare ``NNKIT_PLUGINS=`` (plain) with ``NNKIT_PLUGINS=nnkit-numba``.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import nnkit

TURNS, EPOCHS = 15, 5


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1797, 64), dtype=np.float32)
    y = (x @ rng.standard_normal((64, 10))).argmax(axis=1)
    net = nnkit.Network(
        [64, 64, 10], output_activation="softmax", loss="sparse_categorical_crossentropy", optimizer="adam", seed=0
    )
    for target in (100, 1_000, 3_000):
        net.fit(x, y, epochs=target - net.epoch, batch_size=32)
        seconds = []
        for _ in range(TURNS):
            began = time.perf_counter()
            net.fit(x, y, epochs=EPOCHS, batch_size=32)
            seconds.append((time.perf_counter() - began) / EPOCHS)
        print(f"epoch {target}: median {1e3 * statistics.median(seconds):.3g} ms, least {1e3 * min(seconds):.3g} ms")


if __name__ == "__main__":
    main()
