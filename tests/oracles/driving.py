"""One callback in a training of the conformance kit, epoch by epoch: logs in, requests out."""

import io

import numpy as np

from nnkit.testing.training import SIZE, Training


def training(last_epoch=100, first_epoch=0, *, memory=None, **more):
    """A training with a real run and view; the callback's memory is ``view.state``."""
    settings = {"learning_rate": 1.0, "validation": False, **more}
    return Training(np.zeros(SIZE), {} if memory is None else memory, last_epoch, first_epoch, **settings)


def drive(callback, epochs, played=None, *, end=True):
    """Call the events of epochs with these logs; after each, every parameter is the number of the epoch."""
    played = training() if played is None else played
    view, run, state = played.view, played.run, played.state
    callback.on_train_begin(view)
    for logs in epochs:
        callback.on_epoch_begin(view)
        state.epoch += 1
        state.step += run.plan.batches
        state.parameters[:] = state.epoch
        run.logs = dict(logs)
        callback.on_epoch_end(view)
        if run.stopping():
            break
    if end:
        callback.on_train_end(view)
    return played


def further(played, last_epoch=100):
    """The next call of ``fit``: another training, which goes on with the callback's memory."""
    return training(last_epoch, played.state.epoch, memory=played.view.state)


def learning_rates(played):
    """Epoch and rate of each request."""
    return [(epoch, rate) for request, epoch, _, rate in played.requests if request == "set_learning_rate"]


def restored(played):
    """The parameters of the last request; ``None`` where there is none."""
    vectors = [vector for request, _, _, vector, *_ in played.requests if request == "set_parameters"]
    return vectors[-1].tolist() if vectors else None


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True
