"""The picture of a part shows what the part computes."""

import numpy as np
import pytest

from nnkit import plot, plugins
from nnkit.errors import PluginError, UnknownNameError
from nnkit.losses.huber import Huber
from nnkit.plot.part import drawable, loss_curves


def lines(axes):
    return [line.get_xydata() for line in axes.lines]


@pytest.mark.parametrize("spec", ["gelu", "leaky_relu(negative_slope=0.3)"])
def test_an_activation_is_drawn_with_its_derivative(spec):
    activation = plugins.create("activation", spec)
    (value,), (slope,) = (lines(axes) for axes in plot.part(spec).axes)
    z = value[:, :1]
    a = activation.forward(z)
    assert np.array_equal(value[:, 1:], a)
    drawn = np.isfinite(slope[:, 1])
    assert np.array_equal(slope[drawn, 1], activation.derivative(z, a)[drawn, 0])
    assert list(slope[~drawn, 0]) == pytest.approx(list(activation.kinks))  # a gap, not a climb, where it jumps


def test_a_softmax_is_drawn_with_the_jacobian_of_a_row():
    softmax = plugins.create("activation", "softmax")
    curves, picture, _ = plot.part(softmax).axes
    assert len(lines(curves)) == 3
    assert np.allclose(sum(line[:, 1] for line in lines(curves)), 1.0)
    jacobian = np.asarray(picture.images[0].get_array())
    assert np.allclose(jacobian.sum(axis=0), 0.0)
    assert np.array_equal(jacobian, jacobian.T)


@pytest.mark.parametrize("name", plugins.names("loss", load=True))
def test_a_loss_is_drawn_where_it_changes(name):
    loss = plugins.create("loss", name)
    if not drawable(loss):
        with pytest.raises(PluginError, match="has no picture"):
            plot.part(loss)
        return
    for curve in loss_curves(loss):
        values = loss.value(curve.prediction, curve.target)
        slopes = loss.gradient(curve.prediction, curve.target)[:, curve.column]
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0.05
        alone = curve.prediction.shape[1] == 1 or loss.prediction_domain == "real"  # no other column moves with it
        if alone and not loss.surrogate_gradient:
            smooth = np.abs(np.diff(slopes)) < 0.2 * np.ptp(slopes) + 1e-9
            rates, means = np.diff(values) / np.diff(curve.x), (slopes[1:] + slopes[:-1]) / 2
            assert np.allclose(rates[smooth], means[smooth], rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("kind", "spec", "labels"),
    [
        ("schedule", "cosine(steps=10)", ["learning rate"]),
        ("regularizer", "l1", ["penalty", "d penalty / d weight"]),
        ("initializer", "he_normal", ["weights"]),
    ],
)
def test_other_kinds_have_pictures(kind, spec, labels, tmp_path):
    figure = plot.part(spec, tmp_path / "part.svg", kind=kind)
    assert labels == [axes.get_ylabel() for axes in figure.axes]
    assert (tmp_path / "part.svg").stat().st_size > 1000


def test_an_initializer_shows_every_weight():
    (axes,) = plot.part(plugins.create("initializer", "uniform")).axes
    assert sum(bar.get_height() for bar in axes.patches) == 64 * 64


def test_a_part_without_a_picture_is_refused():
    with pytest.raises(PluginError, match="Adam has no picture; expected an activation"):
        plot.part(plugins.create("optimizer", "adam"))


def test_a_part_may_be_named_with_its_kind():
    by_name, by_instance = (lines(plot.part(loss, kind="loss").axes[0]) for loss in ("huber", Huber()))
    assert all(np.array_equal(*pair) for pair in zip(by_name, by_instance, strict=True))
    with pytest.raises(UnknownNameError, match="no activation is called 'huber'"):
        plot.part("huber")
