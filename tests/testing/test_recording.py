"""Examples recorded from other libraries with `nnkit conform --record`."""

import importlib
import sys

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from nnkit.cli.app import nnkit
from nnkit.errors import SpecError
from nnkit.interfaces import Loss, Schedule
from nnkit.interfaces.fields import real
from nnkit.losses.mean_squared_error import MeanSquaredError
from nnkit.optimizers.adam import Adam
from nnkit.testing import check
from nnkit.testing.__main__ import main
from nnkit.testing.recording import record

MEAN_SQUARED_ERROR = "sklearn:sklearn.metrics.mean_squared_error"


@attrs.frozen(kw_only=True)
class SummedSquares(Loss):
    """Consistent, and another loss than scikit-learn's: the sum over the columns, not the mean."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


@attrs.frozen(kw_only=True)
class Decay(Schedule):
    """``start * rate ** step``."""

    start: float = real(0.1)
    rate_of_decay: float = real(0.99)

    def rate(self, step):
        return self.start * self.rate_of_decay**step


def decayed(count, init, decay):
    """The schedule of another library."""
    return init * np.exp(np.log(decay) * count)


@pytest.mark.parametrize("command", ["module", "command line"])
def test_recorded_examples_are_written_and_prove_the_part(command, tmp_path, monkeypatch, capsys):
    module = tmp_path / "recorded_squares.py"
    arguments = ["--record", "nnkit/mean_squared_error", "--kind", "loss", "--from", MEAN_SQUARED_ERROR]
    if command == "module":
        assert 0 == main([*arguments, "--out", str(module)])
        printed = capsys.readouterr().out
    else:
        done = CliRunner().invoke(nnkit, ["conform", *arguments, "--out", str(module)])
        assert 0 == done.exit_code, done.output
        printed = done.output
    assert "nnkit/mean_squared_error agrees with them" in printed
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "recorded_squares", raising=False)
    recorded = importlib.import_module("recorded_squares").examples
    assert recorded == record(MeanSquaredError, MEAN_SQUARED_ERROR).examples
    assert all("sklearn 1." in example.source for example in recorded)
    proven = type("Proven", (MeanSquaredError,), {"examples": recorded, "reference": None, "__slots__": ()})
    assert check(proven, only="LOSS-REF").ok


def test_another_formula_does_not_agree(capsys):
    name = f"{__name__}:SummedSquares"
    assert check(SummedSquares).grade == "consistent"
    assert 1 == main(["--record", name, "--from", MEAN_SQUARED_ERROR])
    printed = capsys.readouterr().out
    assert "LOSS-REF/reference-values FAILED for SummedSquares" in printed
    assert "SummedSquares does NOT agree with them" in printed
    assert printed.startswith("examples = (\n    Example(")


@pytest.mark.parametrize(
    ("part", "source", "arguments"),
    [
        ("nnkit/sigmoid", "scipy:scipy.special.expit", {}),
        ("nnkit/accuracy", "sklearn:sklearn.metrics.accuracy_score", {}),
        ("nnkit/f1", "sklearn:sklearn.metrics.f1_score", {}),
        ("nnkit/auc", "sklearn:sklearn.metrics.roc_auc_score", {}),  # NaN where a class is absent is not recorded
        ("nnkit/quantile", "sklearn:sklearn.metrics.mean_pinball_loss", {"names": {"level": "alpha"}}),
        (Decay, f"here:{__name__}.decayed", {"names": {"start": "init", "rate_of_decay": "decay"}}),
    ],
)
def test_parts_agree_with_other_libraries(part, source, arguments):
    recording = record(part, source, **arguments)
    assert not recording.report.counts["failed"], str(list(recording.report.failures("failed")))
    assert {"passed"} == {outcome.state for outcome in recording.report.outcomes}


def test_weights_are_recorded_where_the_library_has_them():
    recording = record("nnkit/accuracy", "sklearn:sklearn.metrics.accuracy_score")
    assert all(len(set(example.inputs["weight"])) > 1 for example in recording.examples)


@pytest.mark.parametrize(
    ("part", "source", "path"),
    [
        ("nnkit/huber", "torch:torch.nn.HuberLoss", "torch"),
        ("nnkit/elu", "torch:torch.nn.ELU", "torch"),
        (Adam, "torch:torch.optim.Adam", "torch"),
        (Adam, "optax:optax.adam", "optax"),
    ],
)
def test_parts_agree_with_tensors_and_transformations(part, source, path):
    pytest.importorskip(path)
    assert not record(part, source).report.counts["failed"]


@pytest.mark.parametrize(
    ("part", "source", "arguments", "words"),
    [
        ("nnkit/relu", "scipy.special.expit", {}, "expected library:path"),
        ("nnkit/relu", "nowhere:nowhere.at.all", {}, "install nowhere"),
        ("nnkit/relu", "scipy:scipy.special.no_such", {}, "no_such"),
        ("nnkit/quantile", "sklearn:sklearn.metrics.mean_pinball_loss", {}, "--map level=NAME"),
        ("nnkit/mean_squared_error", MEAN_SQUARED_ERROR, {}, "names 2 parts"),
        ("nnkit/history", MEAN_SQUARED_ERROR, {}, "write `examples` or a `reference`"),
        (Decay, MEAN_SQUARED_ERROR, {}, "its arguments are y_true"),
        (MeanSquaredError, f"here:{__name__}.matrix", {}, "add --columns sum or --columns mean"),
        (Decay, f"here:{__name__}.broken", {"names": {"start": "", "rate_of_decay": ""}}, "accepts none of the inputs"),
    ],
)
def test_what_cannot_be_recorded_is_refused(part, source, arguments, words):
    with pytest.raises(SpecError, match=words):
        record(part, source, **arguments)


def matrix(prediction, target):
    """One value a column."""
    return np.abs(prediction - target)


def broken(step):
    """Accepts nothing."""
    raise ValueError(step)


def test_a_record_needs_a_source(capsys):
    assert 1 == main(["--record", "nnkit/relu"])
    assert "--record needs --from LIBRARY:PATH" in capsys.readouterr().err
    assert 1 == main(["--record", "nnkit/relu", "--from", "scipy:scipy.special.expit", "--map", "z"])
    assert "--map 'z': expected NAME=VALUE" in capsys.readouterr().err
