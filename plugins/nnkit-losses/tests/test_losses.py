"""What these losses are for, beyond what the kit proves of every loss."""

import numpy as np
import pytest

import nnkit
from nnkit.losses.binary_crossentropy import BinaryCrossentropy
from nnkit_losses.dice import Dice
from nnkit_losses.focal import Focal
from nnkit_losses.tversky import Tversky

PREDICTION = np.random.default_rng(0).uniform(0.05, 0.95, (20, 3))
TARGET = np.random.default_rng(1).integers(0, 2, (20, 3)).astype(float)


def test_focal_without_focus_is_half_the_summed_crossentropy():
    expected = 3 * 0.5 * BinaryCrossentropy().value(PREDICTION, TARGET)
    np.testing.assert_allclose(Focal(gamma=0.0, alpha=0.5).value(PREDICTION, TARGET), expected, rtol=1e-12)


def test_focal_discounts_easy_outputs_by_the_power_of_gamma():
    easy, target = np.array([[0.9]]), np.array([[1.0]])
    ratio = Focal(gamma=2.0).value(easy, target) / Focal(gamma=0.0).value(easy, target)
    np.testing.assert_allclose(ratio, 0.01, rtol=1e-12)


def test_dice_of_hard_masks_is_one_minus_the_dice_coefficient():
    mask = (PREDICTION > 0.5).astype(float)
    both = (mask * TARGET).sum(axis=1)
    expected = 1 - (2 * both + 1) / (mask.sum(axis=1) + TARGET.sum(axis=1) + 1)
    np.testing.assert_allclose(Dice().value(mask, TARGET), expected, rtol=1e-12, atol=1e-15)


def test_tversky_charges_misses_and_false_alarms_apart():
    miss = Tversky(alpha=0.3, beta=0.7).value(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
    alarm = Tversky(alpha=0.3, beta=0.7).value(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose((miss, alarm), ([0.7 / 2.7], [0.3 / 2.3]), rtol=1e-12)


@pytest.mark.parametrize("name", ["focal", "dice", "tversky", "smooth_hinge", "squared_hinge"])
def test_each_name_trains_a_network(name):
    X = np.random.default_rng(2).normal(size=(120, 2))
    y = (X[:, :1] + X[:, 1:] > 0).astype(float)
    hinge = name.endswith("hinge")
    net = nnkit.Network(
        [2, 8, 1],
        output_activation="identity" if hinge else "sigmoid",
        loss=f"nnkit-losses/{name}",
        optimizer="adam(learning_rate=0.02)",
        seed=0,
    )
    history = net.fit(X, 2 * y - 1 if hinge else y, epochs=30, batch_size=20)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
