"""The data sets under examples/data are what their README says."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DATA = Path(__file__).parents[1] / "examples" / "data"


def test_digits_are_the_uci_optical_digits_as_scikit_learn_ships_them():
    pixels, labels = load_digits(return_X_y=True)
    with np.load(DATA / "digits.npz", allow_pickle=False) as stored:
        assert sorted(stored.files) == ["X", "y"]
        np.testing.assert_array_equal(pixels, stored["X"])
        np.testing.assert_array_equal(labels, stored["y"])
        assert stored["X"].dtype == stored["y"].dtype == np.uint8


def test_the_licence_and_the_authors_stand_beside_the_data():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    for attribution in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "creativecommons.org/licenses/by/4.0"):
        assert attribution in text
