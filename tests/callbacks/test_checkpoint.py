from pathlib import Path

import pytest
from oracles.fake_training import FakeView, drive

from nnkit.callbacks.checkpoint import Checkpoint
from nnkit.errors import HyperparameterError


@pytest.fixture
def saved():
    """A view that records the paths of saves."""
    view = FakeView()
    return view, view.saved


def test_every_so_many_epochs_to_a_path_that_is_filled_in(saved, tmp_path):
    view, paths = saved
    drive(Checkpoint(path=tmp_path / "a-{epoch:03d}-{step}.npz", every=2), [{"loss": 1.0}] * 5, view)
    assert [str(tmp_path / "a-002-8.npz"), str(tmp_path / "a-004-16.npz")] == paths


def test_every_so_many_steps(saved, tmp_path):
    view, paths = saved
    part = Checkpoint(path=str(tmp_path / "new" / "deep" / "{step}.npz"), every=3, unit="step")
    for step in range(1, 8):
        view.step = step
        part.on_batch_end(view)
    assert ["3.npz", "6.npz"] == [Path(path).name for path in paths]
    assert (tmp_path / "new" / "deep").is_dir()


def test_only_the_best(saved, tmp_path):
    view, paths = saved
    part = Checkpoint(path=tmp_path / "{epoch}.npz", monitor="accuracy")
    drive(part, [{"accuracy": value} for value in (0.5, 0.4, float("nan"), 0.6, 0.6)], view)
    assert ["1.npz", "4.npz"] == [Path(path).name for path in paths]
    assert view.state == {"best": 0.6, "best_epoch": 4}


def test_only_the_unit_chosen_is_listened_to():
    epoch, step = Checkpoint(path="x.npz"), Checkpoint(path="x.npz", unit="step")
    assert (True, False) == (epoch.offers("on_epoch_end"), epoch.offers("on_batch_end"))
    assert (False, True) == (step.offers("on_epoch_end"), step.offers("on_batch_end"))
    assert epoch.saves


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{batch}.npz", "only {epoch} and {step}"),
        ("{}.npz", "only {epoch} and {step}"),
        ("{epoch", "expected '}'"),
        ("{epoch:q}.npz", "format code 'q'"),
        ("", "the path of a file"),
        (7, "the path of a file"),
    ],
)
def test_a_path_that_cannot_be_filled_in_is_refused(path, words):
    with pytest.raises(HyperparameterError) as error:
        Checkpoint(path=path)
    assert words in str(error.value)


def test_a_figure_is_not_there_after_a_step():
    with pytest.raises(HyperparameterError, match="use unit='epoch'"):
        Checkpoint(path="x.npz", monitor="loss", unit="step")
