"""A log of every epoch in a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np

from nnkit.callbacks._monitor import path_field
from nnkit.interfaces import Callback, Example, TrainingView
from nnkit.interfaces.fields import flag


@final
@attrs.frozen(kw_only=True)
class CSVLog(Callback):
    """Writes one line per epoch: ``epoch`` and every scalar of the logs, with all its digits.

    The line is in the file when the epoch ends. A value that appears later gets a column then, empty
    above. A run that resumes from a checkpoint removes the lines after it and writes them again, so the
    file is the same as without the interruption.

    Args:
        path: The file; missing folders are made.
        append: Append to an existing file, instead of replacing it.

    Source:
        Chollet et al. (2015), Keras, ``keras.callbacks.CSVLogger``.

    Example:
        >>> CSVLog(path="log.csv", append=True)
        CSVLog(path='log.csv', append=True)
    """

    variants = ({"path": "log.csv"}, {"path": "logs/log.csv", "append": True})

    examples = (
        Example(
            inputs={"logs": {"loss": [0.5, 0.25], "val_loss": [None, 0.75], "confusion": [[[1.0]], [[2.0]]]}},
            expected={"files": {"logs/new/a.csv": "epoch,loss,val_loss\r\n1,0.5,\r\n2,0.25,0.75\r\n"}},
            source="by hand: a value that appears later gets a column, empty above; arrays have none",
            hyperparameters={"path": "logs/new/a.csv"},
        ),
        Example(
            inputs={"logs": {"loss": [4.0, 3.0, 2.0]}, "resumed_after": 1},
            expected={"files": {"training.csv": "epoch,loss\r\n1,4.0\r\n2,3.0\r\n3,2.0\r\n"}},
            source="by hand: the lines after the checkpoint are written again",
        ),
        Example(
            inputs={"logs": {"loss": [2.0, 1.0]}, "resumed_after": 0},
            expected={"files": {"training.csv": "epoch,loss\r\n1,2.0\r\n2,1.0\r\n"}},
            source="by hand: as above, before the end of the first epoch",
        ),
    )

    path: str = path_field("training.csv")
    append: bool = flag(default=False)

    def on_train_begin(self, view: TrainingView) -> None:
        file, state = Path(self.path), view.state
        file.parent.mkdir(parents=True, exist_ok=True)
        if state:
            _cut(file, state["above"], state["last"])
        elif self.append and file.exists():
            columns, rows = _read(file)
            state.update(columns=columns, above=len(rows), last=0)
        else:
            file.unlink(missing_ok=True)
            state.update(columns=[], above=0, last=0)

    def on_epoch_end(self, view: TrainingView) -> None:
        values = {name: _text(value) for name, value in view.logs.items() if np.ndim(value) == 0}
        row = {"epoch": str(view.epoch), **values}
        file, columns = Path(self.path), view.state["columns"]
        missing = [name for name in row if name not in columns]
        if missing or not file.exists():
            rows = _read(file)[1] if file.exists() else []
            view.state["columns"] = columns = [*columns, *missing]
            _write(file, columns, [*rows, row])
        else:
            with file.open("a", newline="", encoding="utf-8") as out:
                csv.DictWriter(out, columns, restval="").writerow(row)
        view.state["last"] = view.epoch


def _text(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic | np.ndarray) else value)


def _cut(file: Path, above: int, last: int) -> None:
    """Take out the lines of this run after that of epoch ``last``; a crash may have torn the last one."""
    if not file.exists():
        return
    columns, rows = _read(file)
    count = len(rows)
    while count > above and not _epoch_at_most(rows[count - 1], last):
        count -= 1
    if count < len(rows):
        _write(file, columns, rows[:count])


def _epoch_at_most(row: dict[str, str], epoch: int) -> bool:
    """Whether the line is complete and not of a later epoch; a crash may have truncated the last one."""
    return row["epoch"].isdecimal() and int(row["epoch"]) <= epoch and None not in row.values()


def _read(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
        return list(reader.fieldnames or []), rows


def _write(file: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Write all lines to a temporary file, then replace the file with it."""
    temporary = file.with_name(f".{file.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(file)
