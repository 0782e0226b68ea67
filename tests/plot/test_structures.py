"""Diagrams of networks, and regions over a training."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from nnkit import Network
from nnkit.errors import DataError
from nnkit.plot import animated_regions, decision_regions, network

X = np.random.default_rng(0).normal(size=(40, 2))
y = (X[:, 0] > 0).astype(int)


def lines(figure):
    return [c for c in figure.axes[0].collections if type(c).__name__ == "LineCollection"]


def test_lines_are_as_wide_as_weights_and_numbers_are_the_weights():
    net = Network([2, 3, 1], seed=0)
    figure = network(net)
    hidden, output = lines(figure)
    weight = net.arrays["0.weight"]
    widths = np.array(hidden.get_linewidths()).reshape(2, 3)
    np.testing.assert_allclose(np.abs(weight) / np.abs(weight).max(), (widths - 0.2) / 3.3, atol=1e-12)
    blue = hidden.get_colors()[:, 2] > 0.5
    np.testing.assert_array_equal(weight.ravel() >= 0.0, blue)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {f"{value:.2f}" for value in [*weight.ravel(), *net.arrays["1.weight"].ravel()]} <= set(texts)
    assert len(output.get_linewidths()) == 3


def test_wide_layers_are_cut_and_counted_and_names_are_beside_their_units():
    net = Network([2, 64, "layer_norm", 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    net.fit(X, np.array(["cat", "dog"])[y], epochs=1)
    figure = network(net, most=5)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "Dense, ReLU\n64 units\n59 more" in texts
    assert "dog" in texts
    assert "cat" not in texts  # the output is the probability of the second class
    assert [10, 5, 5] == [len(c.get_linewidths() if i != 1 else c.get_segments()) for i, c in enumerate(lines(figure))]
    with pytest.raises(DataError, match="expected at least 2"):
        network(net, most=1)
    with pytest.raises(DataError, match="the number of inputs is not known yet"):
        network(Network(hidden=[3]))


def test_an_animation_shows_steps_of_the_archive(tmp_path):
    net = Network([2, 4, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    net.fit(X, y, epochs=4, callbacks=["archiver(parameters=1)"])
    film = animated_regions(net.archive, X, y, tmp_path / "film.gif", pictures=3, seconds=0.1, labels=["no", "yes"])
    steps = net.archive.steps("parameters")
    assert (steps[0], steps[-1], 3) == (film.steps[0], film.steps[-1], len(film.frames))
    with Image.open(tmp_path / "film.gif") as image:
        assert 3 == image.n_frames
    film.save(tmp_path / "film.html")
    page = (tmp_path / "film.html").read_text()
    embedded = re.search(r'"(iVBOR[^"]*)"\]', page)[1]
    assert base64.b64decode(embedded) == film.frames[-1]
    assert "http" not in page
    last = Image.open(io.BytesIO(film.frames[-1])).convert("RGB")
    figure = decision_regions(net.predict, X, y)
    assert "of 40 right" in figure.axes[0].get_title()
    assert np.asarray(last).std() > 10
    assert film._repr_html_().startswith("<img")
    with pytest.raises(DataError, match=r"an animation is written to \.gif or \.html"):
        film.save(tmp_path / "film.mp4")


def test_an_archive_without_parameters_is_refused():
    net = Network([2, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    net.fit(X, y, epochs=1, callbacks=["archiver(gradient=1)"])
    with pytest.raises(DataError, match=r"archiver\(parameters=1\)"):
        animated_regions(net.archive, X, y)
