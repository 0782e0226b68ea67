"""What notebooks show of networks, histories, traces and reports: valid HTML, escaped, with the values themselves."""

import math
import pickle
from html.parser import HTMLParser

import attrs
import numpy as np
import pytest

import nnkit
from nnkit import markup
from nnkit.inference import diagnose, sensitivities
from nnkit.inference.history import History
from nnkit.interfaces import Elementwise
from nnkit.testing import check

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
y = X[:, 0] > 0


class Reader(HTMLParser):
    """The texts and elements of a fragment; refuses tags that are not closed in order."""

    def __init__(self, fragment):
        super().__init__()
        self.open, self.texts, self.elements = [], [], []
        self.feed(fragment)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def shown(thing):
    return Reader(thing._repr_html_())


def trained(**options):
    net = nnkit.Network([2, 3, 2], output_activation="softmax", loss="categorical_crossentropy", seed=0, **options)
    net.fit(X, y, epochs=9, validation_split=0.25, metrics=["accuracy"])
    return net


def test_a_network_shows_its_parts_and_its_training():
    net = trained(regularizer="l2")
    texts = shown(net).texts
    for text in ("(N, 3)", "2x3 + 3", repr(net.loss), repr(net.optimizer), "9 epochs, 9 steps", "nnkit-core 0.1.0"):
        assert text in texts
    assert markup.number(net.history["val_accuracy"][-1]) in texts
    assert "unknown until the number of inputs is known" in shown(nnkit.Network(hidden=[3])).texts


def test_text_is_escaped():
    name = "<script>alert('&')</script>"
    bent = type(name, (Elementwise,), {"forward": lambda self, z: z, "derivative": lambda self, z, a: np.ones_like(z)})
    net = nnkit.Network([2, 1], output_activation=attrs.frozen(bent)(), seed=0)
    net.fit(X, X[:, 0], epochs=1, metrics=[_oddly_named])
    for thing in (net, net.history, net.trace(X[:2])):
        page = shown(thing)
        assert not {"script", "i"} & {element for element, _ in page.elements}
    assert name in shown(net).texts
    assert any(name in text for text in shown(net.trace(X[:2])).texts)


def _oddly_named(prediction, target):
    return np.zeros(len(target))


_oddly_named.__name__ = "<i>"


def test_a_history_is_a_dict_and_a_table_with_curves():
    history = trained().history
    assert history == dict(history)
    assert pickle.loads(pickle.dumps(history)) == history
    assert repr(history).startswith("History of 9 epochs: loss ")
    page = shown(history)
    assert ["epoch", *(name for name in history if name != "epoch")] == page.texts[: len(history)]
    assert markup.number(history["loss"][-1]) in page.texts
    assert 4 == sum(element == "polyline" for element, _ in page.elements)
    assert ["loss", "accuracy"] == [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]


@pytest.mark.parametrize(
    ("losses", "lines", "dots"),
    [([4.0, 2.0, 1.0], 1, 0), ([1.0, math.nan, 2.0, 1.0], 1, 1), ([None, math.inf], 0, 0), ([0.0, 0.0], 1, 0)],
)
def test_a_curve_has_gaps_where_values_are_not_finite(losses, lines, dots):
    page = shown(History({"epoch": list(range(1, len(losses) + 1)), "loss": losses}))
    drawn = [element for element, _ in page.elements]
    assert (lines, dots) == (drawn.count("polyline"), drawn.count("circle"))


def test_a_curve_is_in_its_frame_and_falls_as_the_values_fall():
    page = Reader(markup.curve("loss", {"training": [100.0, 10.0, 1.0]}, [1, 2, 3]))
    (line,) = (attributes["points"] for element, attributes in page.elements if element == "polyline")
    points = np.array([pair.split(",") for pair in line.split()], float)
    np.testing.assert_allclose(np.diff(points, axis=0), np.tile(np.diff(points, axis=0)[0], (2, 1)), atol=0.11)
    assert (points[:, 0].min(), points[:, 0].max()) == (markup.LEFT, markup.WIDTH - markup.RIGHT)
    assert (points[0, 1], points[-1, 1]) == (markup.TOP, markup.HEIGHT - markup.BOTTOM)


def test_an_untrained_history_is_a_sentence():
    assert ["no epoch of training yet"] == shown(nnkit.Network([2, 1], seed=0).history).texts


def test_a_trace_has_a_formula_beside_each_array_that_obeys_it():
    net = nnkit.Network([2, 3, 2], hidden_activation="tanh", output_activation="softmax", seed=0)
    trace = net.trace(X[:2], [[1.0, 0.0], [0.0, 1.0]])
    page = shown(trace)
    formulas = [text for text in page.texts if "=" in text or "@" in text or "sum" in text]
    backward = ["x.T @ dJ/dz", "dJ/dz.sum(axis=0)", "dJ/dz @ weight.T"]
    hidden = ["z = x @ weight + bias", "a = tanh(z)", "dJ/dz = dJ/da * da/dz", *backward]
    softmax = "a[n, i] = exp(z[n, i]) / sum_k exp(z[n, k])"
    jacobian = ["J[n, i, j] = da[n, i] / dz[n, j]", "dJ/dz[n] = dJ/da[n] @ J[n]"]
    assert [*hidden, "z = x @ weight + bias", softmax, *jacobian, *backward] == formulas
    assert markup.number(trace[1].gradients["weight"][2, 1]) in page.texts
    np.testing.assert_array_equal(trace[1].grad_inputs, trace[0].grad_activation)
    assert repr(trace[0]).startswith("LayerTrace(layer 0: Dense, Tanh; x (2, 2), weight (2, 3), bias (3,), z (2, 3)")


def test_a_penalized_gradient_has_no_formula_and_a_trace_does_not_change_in_training():
    net = nnkit.Network([2, 1], regularizer="l2(strength=1.0)", seed=0)
    (layer,) = net.trace(X[:2], [1.0, 0.0])
    assert "x.T @ dJ/dz" not in shown(layer).texts
    before = layer.parameters["weight"].copy()
    net.fit(X, X[:, 0], epochs=1)
    np.testing.assert_array_equal(before, layer.parameters["weight"])


def test_reports_show_what_they_state():
    net = trained()
    assert str(net.check_gradient(X, y)) in shown(net.check_gradient(X, y)).texts
    assert str(diagnose(net, X)) in shown(diagnose(net, X)).texts
    slopes = sensitivities(net, X)
    assert markup.number(float(slopes.standardized[1, slopes.ranking(1)[0]])) in shown(slopes).texts
    np.testing.assert_allclose(slopes.standardized, slopes.rms * slopes.scale)
    report = check("nnkit/tanh", only="ACT-REF")
    page = shown(report)
    assert "nnkit/tanh" in page.texts
    assert str(report.counts["passed"]) in page.texts
