"""A network that predicts something else than where it was saved is reported."""

import warnings

import numpy as np
import pytest
from files.networks import X, loaded, resealed, saved, trained
from files.resealing import members_of

from nnkit.errors import (
    PluginWarning,
)
from nnkit.files import probe

# -- The probe --------------------------------------------------------------------------------------


def moved(tree, arrays):
    arrays["probe.prediction"][0] += 1e-2


def test_a_network_that_predicts_something_else_is_reported():
    content = saved(trained())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(content)
    with pytest.warns(PluginWarning, match="no longer predicts.*eight rows.*all packages have the versions"):
        loaded(resealed(content, moved))

    def older(tree, arrays):
        moved(tree, arrays)
        tree["software"]["numpy"] = "1.0"

    with pytest.warns(PluginWarning, match=r"numpy 1.0 \(installed: 2.*install those versions"):
        loaded(resealed(content, older))


def test_the_probe_is_not_repeated_with_other_parts():
    back = loaded(resealed(saved(trained()), moved), overrides={"layers[0].activation": "relu"})
    assert "ReLU" in repr(back.layers[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_difference_of_rounding_is_not_reported(dtype):
    net = trained(dtype=dtype)
    content = saved(net)

    def change(tree, arrays):
        arrays["probe.prediction"] *= 1 + dtype(0.1 * probe.TOLERANCES[np.dtype(dtype)])

    loaded(resealed(content, change))


def test_the_probe_has_the_units_of_the_data_and_none_of_its_rows():
    rows = X * 1e-3 + 5e4
    net = trained([3, "standardize", 5, 1], X=rows)
    _, arrays = members_of(saved(net))
    inputs = next(array for array in arrays if array.shape == (8, 3))
    assert np.abs((inputs - rows.mean(axis=0)) / rows.std(axis=0)).max() < 5
    assert not np.isin(inputs, rows).any()
    np.testing.assert_array_equal(inputs, next(a for a in members_of(saved(net))[1] if a.shape == (8, 3)))


def test_the_parameters_of_a_file_are_read_where_they_stay():
    back = loaded(saved(trained()))
    assert back.parameters.flags.c_contiguous
    assert back.parameters.flags.writeable
