"""The page about a network: complete, self-contained, escaped, with a reason where something is not available."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from nnkit import Network
from nnkit.cli.app import nnkit
from nnkit.errors import DataError
from nnkit.inference import layer_times, sensitivities
from nnkit.plot import report

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """The elements of a page; refuses tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.elements = [], [], []
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def pictures(self):
        for tag, attributes in self.elements:
            if tag == "img":
                kind, _, data = attributes["src"].partition(",")
                assert kind == "data:image/png;base64"
                image = Image.open(io.BytesIO(base64.b64decode(data)))
                assert np.asarray(image.convert("L")).std() > 2
                yield attributes["alt"]

    @property
    def references(self):
        values = [a[key] for _, a in self.elements for key in ("src", "href") if key in a]
        return [value for value in values if not value.startswith("data:")]


def headings(made):
    return [heading for heading, _ in made.sections]


def classifier():
    net = Network([3, 4, 3], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    net.fit(X, np.array(["<a>", "b", "c"])[X.argmax(axis=1)], epochs=2)
    return net


def test_a_classifier_has_its_mistakes_its_calibration_and_its_inputs(tmp_path):
    net = classifier()
    y = np.array(["<a>", "b", "c"])[X.argmax(axis=1)]
    made = report(net, tmp_path / "r.html", X=X, y=y, title="<script>")
    page = Page((tmp_path / "r.html").read_text())
    assert [] == page.references
    assert ["The network", "Training", "Quality", "Effect of each input", "Time of each layer", "Software"] == headings(
        made
    )
    assert 2 == page.texts.count("<script>")
    captions = list(page.pictures)
    assert {"class <a>", "class b", "class c"} <= set(captions)
    assert len(captions) == 8
    assert f"{net.score(X, y, accuracy=True):.4g}" in page.texts
    assert "It ran until the last epoch that was asked for." in " ".join(page.texts)
    assert not [text for text in page.texts if "Not available" in text]


def test_a_regression_on_a_table_has_intervals_in_its_units(tmp_path):
    table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(kind=np.where(X[:, 0] > 0, "x", "y"))
    y = 1000.0 + 50.0 * X[:, 1] + RNG.normal(size=80)
    net = Network(hidden=[2], columns="auto", target_scaling="standardize", optimizer="levenberg_marquardt", seed=0)
    net.fit(table, y, epochs=5)
    made = report(net, X=table, y=y)
    page = Page(made.html())
    assert "Prediction intervals" in headings(made)
    assert 6 == len(list(page.pictures))
    assert not [text for text in page.texts if "Not available" in text]
    noise = float(re.search(r"Standard deviation of the noise: ([\d.]*\d)", made.html())[1])
    assert 0.5 < noise < 60.0  # in the units of y


def test_what_is_not_offered_is_a_sentence():
    net = Network([3, 4, 1], loss="mean_absolute_error", seed=0)
    net.fit(X, X[:, 0], epochs=5, callbacks=["early_stopping(monitor='loss', patience=1, min_delta=1e9)"])
    page = Page(report(net, X=X, y=X[:, 0]).html())
    text = " ".join(page.texts)
    assert re.search(r"Not available: .*sum of squares|Not available: .*residual", text)
    assert f"A callback stopped it: {net.stop_reason}." in text
    empty = " ".join(Page(report(Network(hidden=[3])).html()).texts)
    assert "This network has not been trained." in empty


@pytest.mark.parametrize("task", ["binary", "multilabel", "index"])
def test_every_task_has_a_page(task):
    if task == "binary":
        net = Network([3, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
        y, pictures = (X[:, 0] > 0).astype(int), 6
    elif task == "multilabel":
        net = Network([3, 2], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
        y, pictures = (X[:, :2] > 0).astype(float), 4
    else:
        net = Network([3, 3], output_activation="softmax", loss="sparse_categorical_crossentropy", seed=0)
        y, pictures = X.argmax(axis=1), 8
    net.fit(X, y, epochs=1)
    page = Page(report(net, X=X, y=y).html())
    assert not [text for text in page.texts if "Not available" in text]
    assert pictures == len(list(page.pictures))


def test_the_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = classifier()
    net.save("m.npz")
    pd.DataFrame(X, columns=["p", "q", "r"]).assign(y=np.array(["<a>", "b", "c"])[X.argmax(axis=1)]).to_csv(
        "d.csv", index=False
    )
    shown = CliRunner().invoke(nnkit, ["report", "m.npz", "--data", "d.csv", "-o", "new/r.html"])
    assert (0, "wrote new/r.html\n") == (shown.exit_code, shown.stdout), shown.output
    assert "Report on m.npz" in Page((tmp_path / "new" / "r.html").read_text()).texts
    shown = CliRunner().invoke(nnkit, ["report", "m.npz"])
    assert (0, "wrote m-report.html\n") == (shown.exit_code, shown.stdout), shown.output
    shown = CliRunner().invoke(nnkit, ["report", "m.npz", "-o", "r.pdf"])
    assert (2, True) == (shown.exit_code, "expected .html" in shown.stderr)


def test_each_layer_is_timed_and_a_wide_one_takes_longer():
    net = Network([3, 500, 500, 2], seed=0)
    times = layer_times(net, RNG.normal(size=(300, 3)), seconds=0.05)
    assert ["layer 0: Dense, ReLU", "layer 1: Dense, ReLU", "layer 2: Dense"] == [layer.title for layer in times]
    assert all(layer.forward > 0.0 and layer.backward > 0.0 for layer in times)
    assert sensitivities(net, X).names == ("input 1", "input 2", "input 3")


def test_a_report_asks_for_a_network_and_for_rows_with_their_targets():
    network = Network([2, 1], seed=0)
    with pytest.raises(TypeError, match=r"passed 'model\.npz'; expected a network: nnkit\.Network\.load"):
        report("model.npz")
    with pytest.raises(DataError, match="y is None; pass rows and their targets"):
        report(network, X=np.ones((3, 2)))
