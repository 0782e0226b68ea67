"""What the callbacks of this package share: the values of an epoch, files that a resumed run goes on with, extras."""

from __future__ import annotations

import importlib
import os
from abc import abstractmethod
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import numpy as np

from nnkit.errors import MissingExtraError
from nnkit.interfaces import Callback, TrainingView
from nnkit.interfaces.fields import refuse

__all__ = ["FileTracker", "facts", "imported", "scalars", "text"]


def imported(module: str, extra: str) -> ModuleType:
    """A module of another package.

    Raises:
        MissingExtraError: When it is not installed; names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(f'the callback {extra!r} needs {extra}: pip install "nnkit-track[{extra}]"') from error


def text(default: str | None, expected: str) -> Any:
    """A field of text, or of a path, which is stored as text; ``None`` is allowed where it is the default."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (value is None and default is None) and not (isinstance(value, str) and value.strip()):
            raise refuse(instance, attribute.name, value, expected)

    def as_text(value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    return attrs.field(default=default, converter=as_text, validator=check, kw_only=True)


def scalars(view: TrainingView) -> dict[str, float]:
    """The numbers of the epoch just finished, and the learning rate where the optimizer has one."""
    values = {name: float(value) for name, value in view.logs.items() if np.ndim(value) == 0}
    if view.learning_rate is not None:
        values.setdefault("learning_rate", view.learning_rate)
    return values


def facts(view: TrainingView) -> dict[str, str]:
    """What describes a run: optimizer, loss, epochs and the size of the data."""
    return {
        "optimizer": repr(view.optimizer),
        "loss": repr(view.loss),
        "epochs": str(view.last_epoch),
        "batches": str(view.batches),
        "samples": str(view.samples),
        "parameters": str(view.parameters.size),
    }


@attrs.frozen(kw_only=True)
class FileTracker(Callback):
    """A callback that appends to one file; its author writes ``new_file`` and ``record``.

    What an epoch adds is in the file when the epoch ends. A run that resumes from a checkpoint cuts off what was
    written after it, so that the file is the same as without the interruption.
    """

    @abstractmethod
    def new_file(self, view: TrainingView) -> tuple[Path, bytes]:
        """The path of the file of a new run, and what stands at its beginning."""

    @abstractmethod
    def epoch_record(self, view: TrainingView) -> bytes:
        """What the epoch just finished adds."""

    def on_train_begin(self, view: TrainingView) -> None:
        state = view.state
        if state:
            file = Path(state["file"])
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as out:  # of a run that was moved, what follows is written to a new file
                out.truncate(min(int(state["size"]), out.tell()))
            return
        file, beginning = self.new_file(view)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(beginning)
        state.update(file=str(file), size=len(beginning))

    def on_epoch_end(self, view: TrainingView) -> None:
        record = self.epoch_record(view)
        with Path(view.state["file"]).open("ab") as out:
            out.write(record)
        view.state["size"] += len(record)
