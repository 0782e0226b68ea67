"""A training that is nothing but its view: figures in, requests out."""

import io

import attrs
import numpy as np


@attrs.define
class FakeView:
    """``nnkit.interfaces.TrainingView`` with everything settable."""

    logs: dict = attrs.field(factory=dict)
    epoch: int = 0
    step: int = 0
    batch: int = 0
    first_epoch: int = 0
    last_epoch: int = 100
    batches: int = 4
    samples: int = 40
    batch_sizes: np.ndarray = attrs.field(factory=lambda: np.full(4, 10))
    parameters: np.ndarray = attrs.field(factory=lambda: np.zeros(3))
    buffers: np.ndarray = attrs.field(factory=lambda: np.zeros(0))
    gradient: np.ndarray = attrs.field(factory=lambda: np.zeros(3))
    learning_rate: float | None = 1.0
    schedule: object = None
    saved: list = attrs.field(factory=list)
    batch_indices: np.ndarray = attrs.field(factory=lambda: np.arange(10))
    data: tuple = (None, None, None)
    validation_data: tuple | None = None
    state: dict = attrs.field(factory=dict)
    reason: str | None = None
    rates: list = attrs.field(factory=list)
    batches_recorded: list = attrs.field(factory=list)

    def higher_is_better(self, name):
        return {"loss": False, "accuracy": True}.get(name.removeprefix("val_"))

    def record_batch(self):
        self.batches_recorded.append((self.step, self.logs["loss"]))

    def save(self, path):
        self.saved.append(path)

    def stop(self, reason):
        self.reason = reason

    def set_parameters(self, parameters, buffers=None):
        self.parameters = np.array(parameters)
        self.buffers = self.buffers if buffers is None else np.array(buffers)

    @property
    def stop_reason(self):
        return self.reason

    def set_learning_rate(self, learning_rate):
        self.learning_rate = learning_rate
        self.rates.append((self.epoch, learning_rate))


def drive(callback, epochs, view=None, *, end=True):
    """Tell a callback of one epoch after the other, each with its logs; the parameters are the epoch's number."""
    view = FakeView() if view is None else view
    callback.on_train_begin(view)
    for logs in epochs:
        callback.on_epoch_begin(view)
        view.epoch += 1
        view.step += view.batches
        view.logs = dict(logs)
        view.parameters = np.full(3, float(view.epoch))
        view.parameters.flags.writeable = False
        callback.on_epoch_end(view)
        if view.reason is not None:
            break
    if end:
        callback.on_train_end(view)
    return view


class Terminal(io.StringIO):
    """A stream that says it is looked at."""

    def isatty(self):
        return True
