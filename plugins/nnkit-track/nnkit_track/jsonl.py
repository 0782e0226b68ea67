"""A log of every epoch as lines of JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np

from nnkit.interfaces import Example, TrainingView
from nnkit_track._shared import FileTracker, text


@final
@attrs.frozen(kw_only=True)
class JSONL(FileTracker):
    """Writes one JSON object per epoch: ``epoch``, ``step``, every value of the logs, ``learning_rate``.

    Numbers have all their digits, arrays are nested lists. JSON has no NaN and no infinity: they are the texts
    ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which ``float`` reads.

    Args:
        path: The file; missing folders are made.

    Source:
        JSON Lines (2013), https://jsonlines.org.

    Example:
        >>> JSONL(path="runs/first.jsonl")
        JSONL(path='runs/first.jsonl')
    """

    variants = ({"path": "runs/log.jsonl"},)
    examples = (
        Example(
            inputs={"logs": {"loss": [0.5, float("inf")], "val_loss": [None, 0.1], "matrix": [None, [[1.0]]]}},
            expected={
                "files": {
                    "training.jsonl": '{"epoch": 1, "step": 3, "loss": 0.5, "learning_rate": 0.1}\n'
                    '{"epoch": 2, "step": 6, "loss": "Infinity", "val_loss": 0.1, "matrix": [[1.0]], '
                    '"learning_rate": 0.1}\n'
                }
            },
            source="by hand",
        ),
        Example(
            inputs={"logs": {"loss": [4.0, 3.0, 2.0]}, "resumed_after": 1},
            expected={
                "files": {
                    "training.jsonl": '{"epoch": 1, "step": 3, "loss": 4.0, "learning_rate": 0.1}\n'
                    '{"epoch": 2, "step": 6, "loss": 3.0, "learning_rate": 0.1}\n'
                    '{"epoch": 3, "step": 9, "loss": 2.0, "learning_rate": 0.1}\n'
                }
            },
            source="by hand: the lines after the checkpoint are written again",
        ),
    )

    path: str = text("training.jsonl", "the path of a file")

    def new_file(self, view: TrainingView) -> tuple[Path, bytes]:
        return Path(self.path), b""

    def epoch_record(self, view: TrainingView) -> bytes:
        values = {"epoch": view.epoch, "step": view.step} | {name: _plain(value) for name, value in view.logs.items()}
        if view.learning_rate is not None:
            values.setdefault("learning_rate", _plain(view.learning_rate))
        return (json.dumps(values, allow_nan=False) + "\n").encode()


def _plain(value: Any) -> Any:
    """``value`` as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
