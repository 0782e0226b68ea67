"""`nnkit plot`: every picture that a file has in it, and a sentence where there is none."""

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from nnkit import Network
from nnkit.cli.app import nnkit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)


def run(*arguments):
    return CliRunner().invoke(nnkit, ["plot", *map(str, arguments)], prog_name="nnkit", catch_exceptions=False)


def trained(**notes):
    net = Network([2, 4, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    net.notes.update(notes)
    return net


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", X=X, y=y)
    return tmp_path


def pictures(folder):
    found = sorted(path.name for path in folder.rglob("*.png"))
    assert all(imread(path).std() > 0.02 for path in folder.rglob("*.png"))
    return found


def test_a_model_has_its_learning_curve(folder):
    net = trained()
    net.fit(X, y, epochs=2)
    net.save("m.npz")
    shown = run("m.npz", "--output", "new")
    assert (0, "wrote new/m-learning-curve.png\n") == (shown.exit_code, shown.stdout)
    assert ["m-learning-curve.png"] == pictures(folder)


def test_with_samples_it_also_has_its_mistakes_and_its_regions(folder):
    net = trained()
    net.fit(X, y, epochs=2)
    net.save("m.npz")
    assert 0 == run("m.npz", "--data", "data.npz").exit_code
    assert ["m-confusion-matrix.png", "m-decision-regions.png", "m-learning-curve.png"] == pictures(folder)
    named = trained()
    named.fit(X, np.array(["left", "right"])[y], epochs=2)
    named.save("m.npz")
    rows = [f"{a},{b},{['left', 'right'][c]}" for (a, b), c in zip(X.tolist(), y, strict=True)]
    (folder / "data.csv").write_text("\n".join(["width,height,side", *rows]))
    run("m.npz", "--data", "data.csv", "--output", "csv", "--format", "svg")
    regions = (folder / "csv" / "m-decision-regions.svg").read_text()
    assert "<!-- width -->" in regions
    assert "<!-- right -->" in regions


def test_more_inputs_have_no_regions(folder):
    net = Network([3, 2], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    wide = RNG.normal(size=(30, 3))
    net.fit(wide, wide.argmax(axis=1) % 2, epochs=1)
    net.save("m.npz")
    np.savez("wide.npz", X=wide, y=wide.argmax(axis=1) % 2)
    run("m.npz", "--data", "wide.npz")
    assert ["m-confusion-matrix.png", "m-learning-curve.png"] == pictures(folder)


def test_an_archived_training_has_its_distributions(folder):
    net = trained()
    net.fit(X, y, epochs=2, callbacks=["archiver(parameters=1, gradient=1)"])
    net.save("m.npz")
    run("m.npz")
    assert ["m-gradient.png", "m-learning-curve.png", "m-parameters.png"] == pictures(folder)


def test_the_folder_of_an_archive_will_do(folder):
    trained().fit(X, y, epochs=2, callbacks=["archiver(parameters=1, path='kept')"])
    shown = run("kept")
    assert (0, "wrote kept-parameters.png\n") == (shown.exit_code, shown.stdout)
    shown = run("kept", "--data", "data.npz")
    assert (1, True) == (shown.exit_code, "needs the network's own file" in shown.stderr)


def test_nothing_to_draw_is_a_sentence(folder):
    trained().save("new.npz")
    shown = run("new.npz")
    assert (1, True) == (shown.exit_code, "new.npz holds nothing to draw" in shown.stderr)
    numbers = Network([2, 1], seed=0)
    numbers.fit(X, X[:, 0], epochs=1)
    numbers.save("numbers.npz")
    shown = run("numbers.npz", "--data", "data.npz")
    assert (1, True) == (shown.exit_code, "the targets are numbers" in shown.stderr)
