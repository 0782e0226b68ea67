"""Writes ``digits.npz`` from scikit-learn's copy of the UCI optical digits; needs scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

if __name__ == "__main__":
    pixels, labels = load_digits(return_X_y=True)
    path = Path(__file__).with_name("digits.npz")
    np.savez_compressed(path, X=pixels.astype(np.uint8), y=labels.astype(np.uint8))
    print(f"{path}: {path.stat().st_size} bytes")
