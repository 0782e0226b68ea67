"""Checks of callbacks, in trainings whose steps and logs the kit chooses."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.interfaces import Example
from nnkit.testing.call import Call, quiet, silent
from nnkit.testing.failure import CheckFailure, difference, expect_close, expect_equal, fail, require, show
from nnkit.testing.record import Subject, check
from nnkit.testing.reference_values import examples_with, needs_reference_values, require_comparison
from nnkit.testing.saving import through_file
from nnkit.testing.training import (
    EVENTS,
    SIZE,
    PlantedError,
    Training,
    in_empty_folder,
    observed,
    start,
    text_files,
    usual_logs,
)


def _training(subject: Subject, memory: dict[str, Any], epochs: int, first_epoch: int = 0, **more: Any) -> Training:
    return Training(start(subject), memory, epochs, first_epoch, **more)


def _played(
    subject: Subject,
    epochs: int = 12,
    *,
    memory: dict[str, Any] | None = None,
    callback: Any = None,
    breaking: str | None = None,
    after: Callable[[Training], None] | None = None,
    **more: Any,
) -> Training:
    """A training from the first epoch on, in an empty folder; ``after`` is called with it after every event."""
    training = _training(subject, {} if memory is None else memory, epochs, **more)
    training.breaking = breaking
    with in_empty_folder(), quiet():
        training.play(callback or subject.make(), after=None if after is None else lambda: after(training))
    return training


def _timeless(*trainings: Training) -> list[list[Any]]:
    """All requests, without the texts in them."""
    requests = [request for training in trainings for request in training.requests]
    return [[request[0], *(item for item in request[1:] if not isinstance(item, str))] for request in requests]


def calls(subject: Subject) -> list[Call]:
    """A training, and what was requested in it."""

    def run(part: Any, arguments: Mapping[str, Array]) -> Any:
        with in_empty_folder():
            training = _training(subject, {}, int(arguments["epochs"][0]))
            training.play(part)
            return {"requests": _timeless(training)}

    return [Call("a training of twelve epochs", run, {"epochs": np.array([12])}, floats=False)]


@check("CB-001/whole-training")
def whole_training(subject: Subject, callback: Any) -> None:
    """A callback that fails in an event ends the training of its user.

    Override events with the view as the one argument; ask only for what the view offers.
    """
    overridden = any(event in vars(base) for base in subject.cls.__mro__[:-4] for event in EVENTS)
    require(overridden or any(callback.offers(event) for event in EVENTS), "no event is overridden")
    with in_empty_folder() as folder, quiet() as noted:
        variables = dict(os.environ)
        _training(subject, {}, 12).play(callback)
        _training(subject, {}, 20, 12).play(callback)  # a further fit
        here, changed = Path.cwd(), dict(os.environ) != variables
    require(here == folder.resolve(), "it leaves the working directory changed", got=str(here), expected=str(folder))
    require(not changed, "it leaves the environment variables changed")
    require(not noted.warned, "an event warns", got=noted.warned)


@check("CB-002/looks-only")
def looks_only(subject: Subject) -> None:
    """A callback that changes parameters by itself makes every run depend on its callbacks.

    Ask with view.set_parameters and declare `changes_parameters = True`; copy arrays that are needed later.
    """
    training = _played(subject)
    wrote = training.written[:1]
    require(not wrote, f"{wrote} writes to the live parameters", expected="view.set_parameters")
    expect_equal("the gradient was written to", training.run.gradient, np.ones(SIZE))
    require(all((part == 1).all() for part in training.data), "the training data were written to")
    for request, _, _, value, *_ in training.requests:
        if request == "set_parameters":
            require(subject.cls.changes_parameters, "it asks for other parameters without declaring it", got=request)
            require(value.shape == (SIZE,), "it asks for parameters of another shape", got=value.shape)
            require(np.isfinite(value).all(), "it asks for parameters that are not finite", got=value)
        elif request == "set_learning_rate":
            number = isinstance(value, (float, int)) and math.isfinite(value) and value >= 0
            require(number, "it asks for an impossible learning rate", got=value, expected="a finite number >= 0")
        else:
            require(isinstance(value, str) and value.strip(), "it stops without a reason", got=value)


@check("CB-003/zero-epochs")
def zero_epochs(subject: Subject) -> None:
    """fit(epochs=0), and a fit that has nothing left to do, are trainings too.

    Expect on_train_end right after on_train_begin, with empty logs and an empty state.
    """
    with in_empty_folder(), silent("an event"):
        for first in (0, 5):
            training = _training(subject, {}, first, first)
            training.play(subject.make())
            require(not training.requests, "it asks for something in a training without epochs", got=training.requests)


@check("CB-004/exceptions-arrive")
def exceptions_arrive(subject: Subject) -> None:
    """A swallowed error leaves a training that seems successful and is not.

    No `except Exception` around what the view is asked for.
    """
    for name in sorted(_played(subject).asked):
        try:
            _played(subject, breaking=name)
        except PlantedError:
            continue
        except Exception as error:  # chained is fine, as long as it arrives
            if isinstance(error.__cause__ or error.__context__, PlantedError):
                continue
            raise
        fail(f"an error in view.{name} is swallowed", expected="the exception reaches the caller")


@check("CB-005/state-is-plain")
def state_is_plain(subject: Subject) -> None:
    """The memory of a callback is saved with the network.

    Store arrays, numbers, strings and lists in view.state; nothing else, and nothing anywhere else.
    """
    memory: dict[str, Any] = {}
    lasting = subject.make().belongs_to_run()

    def look(training: Training) -> None:
        if lasting:
            _saved(memory)
        for name, value in memory.items():
            shared = isinstance(value, np.ndarray) and np.shares_memory(value, training.state.parameters)
            require(not shared, f"state[{name!r}] is the live parameter vector", expected="a copy")

    _played(subject, memory=memory, after=look)


def _saved(memory: Mapping[str, Any]) -> dict[str, Any]:
    return through_file(memory, nested=True, array_kinds="fiubU")


def _in_two(subject: Subject, cut: int, *, interrupted: bool) -> tuple[Training, Training, dict[str, Any]]:
    """A training that is interrupted or switched off after an epoch, one that goes on from there, and its memory."""
    memory: dict[str, Any] = {}
    first = _training(subject, memory, 16)
    first.play(subject.make(), until=cut, ends=interrupted)
    # What does not belong to the run is not saved: a resumed run begins with an empty state.
    saved = _saved(memory) if interrupted or subject.make().belongs_to_run() else {}
    second = _training(subject, saved, 16, cut)
    asked = [value for request, _, _, value, *_ in first.requests if interrupted and request == "set_parameters"]
    second.state.parameters[:] = asked[-1] if asked else first.state.parameters
    second.state.buffers[:] = first.state.buffers
    second.run.learning_rate, second.state.step = first.run.learning_rate, first.state.step
    second.play(subject.make())
    return first, second, saved


@check("CB-006/resume")
def resume(subject: Subject) -> None:
    """Cutting and resuming a training must make no difference to its callbacks.

    Store counters and best values in view.state, from where a fresh instance continues.
    """
    memories: list[dict[str, Any]] = [{}, {}]
    with in_empty_folder() as folder, quiet():
        whole = _training(subject, memories[0], 16)
        whole.play(subject.make())
        texts = text_files(folder)
    _played(subject, 16, memory=memories[1])
    # What differs between two trainings is a reading of a clock.
    lasting = [name for name, value in memories[0].items() if difference(value, memories[1].get(name)) is None]
    if not subject.make().belongs_to_run():
        lasting = []
    for cut in (cut for cut in (3, 7) if cut < whole.state.epoch):
        with in_empty_folder() as folder, quiet():
            first, second, saved = _in_two(subject, cut, interrupted=False)
            written = text_files(folder)
        cases: list[tuple[str, Any, Any]] = [("its requests are", _timeless(first, second), _timeless(whole))]
        cases += [(f"state[{name!r}] is", saved.get(name), memories[0][name]) for name in lasting]
        for what, got, expected in [*cases, ("its files are", written, texts)]:
            message = f"cut after {cut} epochs and resumed, {what} not as in one training"
            expect_equal(message, got, expected, inputs={"cut": cut})


@check("CB-011/interrupted-and-resumed", level="strict", scope="variant")
def interrupted_and_resumed(subject: Subject) -> None:
    """A training that is interrupted ends with on_train_end, and goes on from there when it is resumed.

    on_train_end must leave in view.state what the next epoch needs: clear nothing there, and mark nothing as finished.
    """
    whole = _played(subject, 16)
    for cut in (cut for cut in (3, 7) if cut < whole.state.epoch):
        with in_empty_folder(), quiet():
            _, second, _ = _in_two(subject, cut, interrupted=True)
        message = f"interrupted after {cut} epochs and resumed, it asks at other times than in one training"
        later = [time for time in _times(whole) if time[1] > cut]
        expect_equal(message, [time for time in _times(second) if time[1] > cut], later, inputs={"cut": cut})


def _times(training: Training) -> list[list[Any]]:
    """What was asked for and when, before on_train_end, where parameters may be restored."""
    return [[request, epoch, batch] for request, epoch, batch, *_ in training.requests[: training.ended]]


@check("CB-007/trainings-apart")
def trainings_apart(subject: Subject, shared: Any) -> None:
    """One callback may serve two networks in turn.

    Store nothing in the instance, the class or the module: only in view.state.
    """
    alone = _played(subject, 16)
    _played(attrs.evolve(subject, seed=subject.seed + 1), 9, callback=shared)
    again = _played(subject, 16, callback=shared)
    expect_equal("its requests differ in a second training", _timeless(again), _timeless(alone))


@check("CB-008/no-validation-data", level="strict")
def no_validation_data(subject: Subject) -> None:
    """Most first trainings have none: view.validation_data is None then, and no name in the logs begins with val_.

    Test for None before unpacking; for a value that is missing from the logs, raise an error that names it.
    """

    def logs_of(epoch: int) -> dict[str, Any]:
        return {name: value for name, value in usual_logs(epoch).items() if not name.startswith("val_")}

    training = _training(subject, {}, 5, validation=False)
    with in_empty_folder(), quiet(), contextlib.suppress(NNKitError, KeyError):  # an error that names it is an answer
        training.play(subject.make(), logs_of=logs_of)


@check("CB-009/other-trainings", level="strict")
def other_trainings(subject: Subject) -> None:
    """There are trainings with one batch an epoch, without a learning rate, and with a solver: no batches at all.

    Mind batches - 1, expect None, and rely on nothing that only on_batch_end sets.
    """
    for kind, more in (
        ("one batch an epoch", {"batches": 1}),
        ("an optimizer without a learning rate", {"learning_rate": None}),
        ("a solver", {"batches": 0, "learning_rate": None}),
    ):
        try:
            _played(subject, 5, **more)
        except NNKitError:  # a refusal in words is an answer
            continue
        except Exception as error:
            got, expected = f"{type(error).__name__}: {error}", "no exception, or one of nnkit.errors that says why"
            raise CheckFailure(f"a training with {kind} ends in an error", got=got, expected=expected) from error


@check("CB-010/state-is-its-own")
def state_is_its_own(subject: Subject) -> None:
    """Memory that is shared with the training changes unnoticed, and what a file changes does not come back.

    Copy every array of the view that is needed later; write lists where tuples stand.
    """
    memory: dict[str, Any] = {}

    def look(training: Training) -> None:
        live = {"gradient": training.run.gradient, "buffers": training.state.buffers}
        live |= {"parameters": training.state.parameters, "data": training.data[0], "targets": training.data[1]}
        for name, value in memory.items():
            for where, item in _items(value, f"state[{name!r}]"):
                if isinstance(item, tuple):
                    fail(f"{where} is a tuple, which comes back as a list from a saved network", got=item)
                for source, array in live.items():
                    shared = isinstance(item, np.ndarray) and np.shares_memory(item, array)
                    require(not shared, f"{where} shares memory with the {source} in use", expected="a copy")

    _played(subject, memory=memory, after=look)


def _items(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """``value`` and everything in it, each with its path."""
    yield where, value
    entries = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    )
    for key, item in entries:
        yield from _items(item, f"{where}[{key!r}]")


def _usual_trainings(_subject: Subject) -> Iterator[tuple[dict[str, Any], Any]]:
    for length in (1, 7, 16):
        epochs = [usual_logs(epoch) for epoch in range(length)]
        logs = {name: [epoch[name] for epoch in epochs] for name in epochs[0]}
        yield {"logs": logs}, logs


@check("CB-REF/reference-values", needs=needs_reference_values, scope="variant", on=examples_with(_usual_trainings))
def reference_values(subject: Subject, example: Example) -> None:
    """A callback may be well-behaved and still do something else, or at another epoch, than its name says.

    Go through the example by hand: which epoch is counted, from where, and what is asked for then. Of the state and
    what is recorded, the entries that it names are compared.
    """
    require_comparison(example)
    fields, expected = example.hyperparameters, example.expected
    show(example.inputs, {"hyperparameters": dict(fields)} if fields else {})
    with quiet():
        got = observed(lambda: subject.cls(**fields), **example.inputs)
    names = sorted(got)
    require(set(expected) <= set(got), "an example expects an unknown result", got=sorted(expected), expected=names)
    for name, wanted in expected.items():
        actual = {entry: got[name].get(entry) for entry in wanted} if name in {"state", "recorded"} else got[name]
        message = f"{name!r} differs from the value of {example.source}"
        expect_close(message, _as_words(actual), _as_words(wanted), rtol=example.tolerance)


def _as_words(value: Any) -> Any:
    """``None`` as a word: a list with a gap in it differs from a list without."""
    if isinstance(value, Mapping):
        return {name: _as_words(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_words(item) for item in value]
    return "None" if value is None else value
