from pathlib import Path

import pytest
from oracles.driving import drive, training

from nnkit.callbacks.checkpoint import Checkpoint
from nnkit.errors import HyperparameterError


def names(played):
    return [Path(path).name for path, _ in played.saved]


def test_every_so_many_epochs_to_a_path_that_is_filled_in(tmp_path):
    played = drive(Checkpoint(path=tmp_path / "a-{epoch:03d}-{step}.npz", every=2), [{"loss": 1.0}] * 5)
    assert [[(tmp_path / f"a-00{n}-{3 * n}.npz").as_posix(), 3 * n] for n in (2, 4)] == played.saved


def test_every_so_many_steps(tmp_path):
    played = training()
    part = Checkpoint(path=str(tmp_path / "new" / "deep" / "{step}.npz"), every=3, unit="step")
    for step in range(1, 8):
        played.state.step = step
        part.on_batch_end(played.view)
    assert ["3.npz", "6.npz"] == names(played)
    assert (tmp_path / "new" / "deep").is_dir()


def test_only_the_best(tmp_path):
    part = Checkpoint(path=tmp_path / "{epoch}.npz", monitor="accuracy")
    played = drive(part, [{"accuracy": value} for value in (0.5, 0.4, float("nan"), 0.6, 0.6)])
    assert ["1.npz", "4.npz"] == names(played)
    assert played.view.state == {"best": 0.6, "best_epoch": 4}


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
