"""An ensemble becomes one graph: every target answers what its ``predict`` answers, in units and labels."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import nnkit
from nnkit.many import Limits
from nnkit_export import ExportError, graph_of, to_dot, to_onnx, to_safetensors
from nnkit_export.commands import export_command

TARGETS = ("python", "javascript", "c", "onnx")
TOLERANCES = {"float32": 2e-6, "float64": 1e-12}

rng = np.random.default_rng(11)
X = rng.normal(size=(80, 3))
Y = 1e3 + 200.0 * X[:, 0] * X[:, 1]
SPECIES = np.array(["adelie", "chinstrap", "gentoo"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]


def log_probabilities():
    """Members whose predictions are log-probabilities, of which the probabilities are averaged."""
    members = [
        nnkit.Network([3, 4, 3], output_activation="log_softmax", loss="nll", task="multiclass", seed=seed)
        for seed in range(3)
    ]
    for member in members:
        member.fit(X, SPECIES, epochs=3)
    return nnkit.Ensemble(members)


def limited():
    """Targets near the predictions, so that many of these are at a bound."""
    model = nnkit.fit_recipe("tabular", X, Y, seed=0, members=2, epochs=3, hidden=[5])
    limits = Limits.of(X, Y[:, None])
    middle = np.median(model.predict(X), axis=0)
    narrow = Limits(
        input_low=limits.input_low, input_high=limits.input_high, target_low=middle - 0.5, target_high=middle + 0.5
    )
    return nnkit.Ensemble(model.networks, limits=narrow)


ENSEMBLES = {
    "mean, float32": lambda: nnkit.fit_recipe("tabular", X, Y, seed=0, members=3, epochs=5, hidden=[5]),
    "median of five": lambda: nnkit.fit_recipe("fitnet(units=3)", X, Y, seed=0, epochs=5, combine="median"),
    "median of two": lambda: nnkit.fit_recipe("fitnet(units=3)", X, Y, seed=0, members=2, epochs=5, combine="median"),
    "classes": lambda: nnkit.fit_recipe("tabular", X, SPECIES, seed=0, members=3, epochs=5, hidden=[5]),
    "log-probabilities": log_probabilities,
    "at the bounds": limited,
}


@pytest.fixture(scope="module")
def ensembles():
    with pytest.warns(nnkit.errors.TrainingWarning):  # searches of five steps do not come to an end
        return {name: make() for name, make in ENSEMBLES.items()}


@pytest.mark.filterwarnings("ignore:the predictions for")
@pytest.mark.parametrize("target", TARGETS)
def test_every_target_answers_what_the_ensemble_predicts(answers, target, ensembles):
    batches = [X.astype(model.networks[0].dtype) for model in ensembles.values()]
    for (name, model), rows, got in zip(
        ensembles.items(), batches, answers(target, list(ensembles.values()), batches), strict=True
    ):
        expected = model.predict(rows)
        tolerance = TOLERANCES[model.networks[0].dtype.name]
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        assert np.ptp(expected) > 0.0, name
        assert not np.allclose(expected, model.networks[0].predict(rows)), f"{name}: one member would do"


def test_labels_features_and_the_column_plan_travel_with_an_ensemble(tmp_path):
    import onnxruntime

    table = pd.DataFrame({"bill": X[:, 0], "island": np.array(["Biscoe", "Dream"])[(X[:, 1] > 0).astype(int)]})
    model = nnkit.fit_recipe("tabular", table, SPECIES, seed=0, members=3, epochs=8)
    to_onnx(model, tmp_path / "model.onnx")
    plan = model.model.description.columns
    assert plan.to_config() == json.loads((tmp_path / "model_columns.json").read_text())["columns"]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    x = plan.matrix(table).astype(model.networks[0].dtype)
    (labels,) = session.run(["label"], {"x": x})
    assert model.predict(table, labels=True).tolist() == labels.tolist()


def test_the_command_writes_an_ensemble_whose_self_test_passes(tmp_path, tools):
    model = nnkit.fit_recipe("tabular", X, Y, seed=0, members=2, epochs=3, hidden=[5])
    model.save(tmp_path / "model.npz")
    done = CliRunner().invoke(
        export_command, [str(tmp_path / "model.npz"), "--to", "js", "-o", str(tmp_path / "a.mjs")]
    )
    assert 0 == done.exit_code, done.output
    assert "An ensemble of 2 networks" in (tmp_path / "a.mjs").read_text().splitlines()[0]
    tested = subprocess.run([*tools["node"], "a_test.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "ok: 8 rows" in tested.stdout, tested.stderr


def test_what_is_no_single_graph_is_refused(tmp_path):
    members = [nnkit.Network([3, 2, 1], seed=0, dtype=dtype) for dtype in ("float32", "float64")]
    with pytest.raises(ExportError, match="network 1 of the ensemble differs from the first in its dtype"):
        graph_of(nnkit.Ensemble(members))
    with pytest.raises(ExportError, match=r"write each of ensemble\.networks"):
        to_safetensors(nnkit.Ensemble(members), tmp_path / "model.safetensors")
    (file,) = to_dot(nnkit.Ensemble(members[:1] * 2), tmp_path / "model.dot")
    assert "multiply 0.5" in file.read_text()
