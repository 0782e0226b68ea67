import copy
import csv

import numpy as np
import pytest
from oracles.driving import drive, further, training

from nnkit.callbacks.csv_log import CSVLog
from nnkit.errors import HyperparameterError

EPOCHS = [{"loss": 1.0 / 3.0 / n, "accuracy": np.float64(0.1 * n), "matrix": np.eye(2)} for n in range(1, 7)]


def read(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_one_line_an_epoch_with_all_digits(tmp_path):
    file = tmp_path / "deep" / "log.csv"
    drive(CSVLog(path=file), EPOCHS)
    rows = read(file)
    assert [*range(1, 7)] == [int(row["epoch"]) for row in rows]
    assert [logs["loss"] for logs in EPOCHS] == [float(row["loss"]) for row in rows]
    assert [logs["accuracy"] for logs in EPOCHS] == [float(row["accuracy"]) for row in rows]
    assert list(rows[0]) == ["epoch", "loss", "accuracy"]
    assert [file] == list(file.parent.iterdir())


def test_a_figure_that_comes_later_gets_a_column_and_one_that_goes_stays_empty(tmp_path):
    file = tmp_path / "log.csv"
    drive(CSVLog(path=file), [{"loss": 1.0}, {"loss": 2.0, "f1": 0.5}, {"f1": 0.25}])
    assert file.read_text().splitlines() == ["epoch,loss,f1", "1,1.0,", "2,2.0,0.5", "3,,0.25"]


def test_a_new_training_replaces_the_file_or_goes_on_below(tmp_path):
    file = tmp_path / "log.csv"
    for append, expected in [(False, [1, 2]), (False, [1, 2]), (True, [1, 2, 1, 2])]:
        drive(CSVLog(path=file, append=append), EPOCHS[:2])
        assert expected == [int(row["epoch"]) for row in read(file)]


def test_a_further_fit_goes_on_below(tmp_path):
    file = tmp_path / "log.csv"
    played = drive(CSVLog(path=file), EPOCHS[:2])
    drive(CSVLog(path=file), EPOCHS[2:3], further(played))
    assert [1, 2, 3] == [int(row["epoch"]) for row in read(file)]


@pytest.mark.parametrize("torn", ["", "7", "7,0.1", "1", "1,0.1", "\n"])
@pytest.mark.parametrize("append", [True, False])
def test_a_run_that_was_cut_ends_with_the_file_of_one_that_was_not(tmp_path, torn, append):
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    for file in (whole, cut):
        drive(CSVLog(path=file), EPOCHS[:2])  # an earlier training's lines
    if append:
        drive(CSVLog(path=whole, append=True), EPOCHS)
    else:
        drive(CSVLog(path=whole), EPOCHS)
    checkpoint = drive(CSVLog(path=cut, append=append), EPOCHS[:3], end=False)
    state = copy.deepcopy(checkpoint.view.state)
    drive(CSVLog(path=cut, append=append), EPOCHS[3:5], further(checkpoint), end=False)
    with cut.open("a") as out:
        out.write(torn)
    drive(CSVLog(path=cut, append=append), EPOCHS[3:], training(first_epoch=3, memory=state))
    assert whole.read_text() == cut.read_text()


def test_a_file_that_was_taken_away_is_begun_again(tmp_path):
    file = tmp_path / "log.csv"
    played = drive(CSVLog(path=file), EPOCHS[:2])
    file.unlink()
    drive(CSVLog(path=file), EPOCHS[2:3], further(played))
    assert [3] == [int(row["epoch"]) for row in read(file)]


def test_a_path_is_needed():
    with pytest.raises(HyperparameterError, match="the path of a file"):
        CSVLog(path="")
