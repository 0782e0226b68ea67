import numpy as np
import pytest

import nnkit
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import HyperparameterError

EVENTS = ("train_begin", "epoch_begin", "batch_end", "epoch_end", "train_end")


def test_each_function_is_called_at_its_event_in_order():
    seen = []
    functions = {event: lambda view, event=event: seen.append((event, view.epoch, view.step)) for event in EVENTS}
    X = np.ones((4, 1))
    nnkit.Network([1, 1]).fit(X, X, epochs=2, batch_size=2, callbacks=[LambdaCallback(**functions)])
    assert seen == [
        ("train_begin", 0, 0),
        ("epoch_begin", 0, 0),
        ("batch_end", 0, 1),
        ("batch_end", 0, 2),
        ("epoch_end", 1, 2),
        ("epoch_begin", 1, 2),
        ("batch_end", 1, 3),
        ("batch_end", 1, 4),
        ("epoch_end", 2, 4),
        ("train_end", 2, 4),
    ]


@pytest.mark.parametrize("event", EVENTS)
def test_only_what_is_given_is_listened_to(event):
    part = LambdaCallback(**{event: print})
    assert [event] == [name for name in EVENTS if part.offers(f"on_{name}")]


def test_what_cannot_be_called_is_refused():
    with pytest.raises(HyperparameterError, match="epoch_end must be a function"):
        LambdaCallback(epoch_end=3)
