"""Scalars of every epoch as event files of TensorBoard."""

from __future__ import annotations

import io
import itertools
import time
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np

from nnkit.interfaces import TrainingView
from nnkit_track._shared import FileTracker, facts, imported, scalars, text


@final
@attrs.frozen(kw_only=True)
class TensorBoard(FileTracker):
    """Writes each number of the logs and the learning rate as a scalar in float64, with the epoch as its step.

    Training and validation of a quantity share a chart: ``loss`` and ``val_loss`` are ``loss/training`` and
    ``loss/validation``. The description of the run is a text. Show them with ``tensorboard --logdir runs``.

    Args:
        folder: The folder of the run; each run writes a file of its own in it.

    Raises:
        MissingExtraError: When tensorboard is not installed.

    Source:
        Abadi et al. (2015), "TensorFlow: Large-Scale Machine Learning on Heterogeneous Systems".

    Example:
        >>> TensorBoard(folder="runs/first")
        TensorBoard(folder='runs/first')
    """

    variants = ({"folder": "runs/other"},)

    folder: str = text("runs", "the path of a folder")

    def new_file(self, view: TrainingView) -> tuple[Path, bytes]:
        folder, now = Path(self.folder), time.time()
        names = (f"events.out.tfevents.nnkit.{number:04d}" for number in itertools.count())
        file = next(folder / name for name in names if not (folder / name).exists())
        proto = imported("tensorboard.compat.proto.event_pb2", "tensorboard")
        version = proto.Event(wall_time=now, file_version="brain.Event:2")
        lines = "\n".join(f"    {name}: {value}" for name, value in facts(view).items())
        description = _summary("run", np.array(lines.encode(), dtype=object), "text")
        return file, _records(version, _event(description, 0, now))

    def epoch_record(self, view: TrainingView) -> bytes:
        now = time.time()
        values = [_summary(_tag(name), np.float64(value), "scalar") for name, value in scalars(view).items()]
        return _records(*(_event(summary, view.epoch, now) for summary in values))


def _tag(name: str) -> str:
    side = "validation" if name.startswith("val_") else "training"
    return name if name == "learning_rate" else f"{name.removeprefix('val_')}/{side}"


def _summary(tag: str, value: Any, kind: str) -> Any:
    """A summary of one tensor, of the plugin ``scalars`` or ``text``."""
    tensor_util = imported("tensorboard.util.tensor_util", "tensorboard")
    proto = imported("tensorboard.compat.proto.summary_pb2", "tensorboard")
    metadata = imported(f"tensorboard.plugins.{kind}.metadata", "tensorboard")
    created = metadata.create_summary_metadata(display_name=tag, description="")
    summary = proto.Summary()
    summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto(value), metadata=created)
    return summary


def _event(summary: Any, step: int, now: float) -> Any:
    proto = imported("tensorboard.compat.proto.event_pb2", "tensorboard")
    return proto.Event(wall_time=now, step=step, summary=summary)


def _records(*events: Any) -> bytes:
    """The events as TensorBoard's own writer frames them."""
    writer_module = imported("tensorboard.summary.writer.record_writer", "tensorboard")
    file = io.BytesIO()
    writer = writer_module.RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
    return file.getvalue()
