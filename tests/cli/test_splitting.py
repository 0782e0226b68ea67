"""Splits: a partition, in the shares asked for, the same for the same seed, each class in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.cli.sections import ExperimentError, read_section
from nnkit.cli.splitting import Split


@given(
    samples=st.integers(20, 300),
    test=st.floats(0.1, 0.45),
    validation=st.floats(0.1, 0.45),
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 5),
)
def test_every_row_is_in_one_part_and_every_class_in_its_share(samples, test, validation, seed, classes):
    labels = np.random.default_rng(seed).integers(0, classes, samples)
    parts = Split(test=test, validation=validation, seed=seed).parts(samples, labels)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.arange(samples), np.sort(together))
    assert (round(test * samples), round(validation * samples)) == (len(parts.test), len(parts.validation))
    for rows in (parts.test, parts.validation, parts.train):
        expected = np.bincount(labels, minlength=classes) * len(rows) / samples
        # Two cuts of a sequence that alternates between the classes: at most one row each is off, and one shared.
        assert np.abs(expected - np.bincount(labels[rows], minlength=classes)).max() <= 2 + classes / 2


def test_equal_classes_divide_exactly():
    labels = np.repeat(np.arange(10), 30)
    parts = Split(test=0.2, validation=0.1, seed=4).parts(300, labels)
    np.testing.assert_array_equal([6] * 10, np.bincount(labels[parts.test]))
    np.testing.assert_array_equal([3] * 10, np.bincount(labels[parts.validation]))


def test_the_seed_decides_and_without_stratify_the_labels_do_not():
    labels = np.arange(100) % 3

    def test_rows(**settings):
        return Split(**settings).parts(100, labels).test.tolist()

    assert test_rows(seed=1) == test_rows(seed=1)
    assert test_rows(seed=1) != test_rows(seed=2)
    plain = Split(seed=1, stratify=False)
    assert plain.parts(100, labels).test.tolist() == plain.parts(100, None).test.tolist()


def test_a_fifth_is_tested_unless_the_test_rows_are_elsewhere():
    assert (20, 0) == (len(Split().parts(100, None).test), len(Split().parts(100, None, test_elsewhere=True).test))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"test": 0.6, "validation": 0.5}, "leave no rows to train with"),
        ({"test": 1.0}, r"test must be a finite number in \[0, 1\) or None; got 1.0"),
        ({"seed": -1}, r"seed must be an integer in \[0, inf\); got -1"),
        ({"stratify": "yes"}, "stratify must be True or False; got 'yes'"),
        ({"tset": 0.5}, "has no key 'tset'; did you mean 'test'?"),
        (3, r"split is 3; expected a table of keys"),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(ExperimentError, match=said):
        read_section(Split, settings, "split")


@pytest.mark.parametrize("settings", [{"test": 0.01}, {"validation": 0.01}])
def test_a_part_that_would_be_empty_is_refused(settings):
    with pytest.raises(ExperimentError, match=r"part of 10 rows would be empty"):
        Split(**settings).parts(10, None)
