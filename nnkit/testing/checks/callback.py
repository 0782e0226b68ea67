"""Checks of callbacks, on a training that the kit plays to them."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.errors import NNKitError
from nnkit.interfaces import Example
from nnkit.testing.call import Call, quiet
from nnkit.testing.comparison import difference
from nnkit.testing.failure import CheckFailure, expect_close, expect_equal, fail, require
from nnkit.testing.playing import (
    BATCHES,
    EVENTS,
    SIZE,
    PlantedError,
    View,
    elsewhere,
    files,
    observed,
    play,
    start,
    usual_course,
)
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import needs_reference_values, reference_arguments
from nnkit.testing.saving import through_file
from nnkit.testing.subject import Subject

CHECKS = CheckList()


def _view(subject: Subject, state: dict[str, Any], epochs: int, first_epoch: int = 0, **more: Any) -> View:
    return View(start(subject), state, epochs, first_epoch, **more)


def calls(subject: Subject) -> list[Call]:
    """One whole training, and what was asked for and remembered in it."""

    def run(part: Any, given: Mapping[str, Array]) -> Any:
        with elsewhere():
            state: dict[str, Any] = {}
            view = _view(subject, state, int(given["epochs"][0]))
            play(part, view, epochs=int(given["epochs"][0]))
            return {"requests": [_timeless(request) for request in view.requests]}

    return [Call("a training of twelve epochs", run, {"epochs": np.array([12])}, floats=False)]


def _timeless(request: Any) -> list[Any]:
    return [item for item in request if not isinstance(item, str) or item == request[0]]


@CHECKS.check("CB-001/whole-training")
def whole_training(subject: Subject) -> None:
    """A callback that fails in an event ends the training of its user.

    Override events with the view as the one argument; ask only for what the view offers.
    """
    callback = subject.make()
    overridden = any(event in vars(base) for base in subject.cls.__mro__[:-4] for event in EVENTS)
    require(overridden or any(callback.offers(event) for event in EVENTS), "no event is overridden")
    with elsewhere() as folder, quiet() as noted:
        state: dict[str, Any] = {}
        variables = dict(os.environ)
        play(callback, _view(subject, state, 12), epochs=12)
        play(callback, _view(subject, state, 20, 12), epochs=20)  # a further fit
        here, changed = Path.cwd(), dict(os.environ) != variables
    require(here == folder.resolve(), "it leaves the working directory changed", got=str(here), expected=str(folder))
    require(not changed, "it leaves the environment variables changed")
    require(not noted.warned, "an event warns", got=noted.warned)


@CHECKS.check("CB-002/looks-only")
def looks_only(subject: Subject) -> None:
    """A callback that changes parameters by itself makes every run depend on who watches.

    Ask with view.set_parameters and declare `changes_parameters = True`; copy what is to be kept.
    """
    with elsewhere(), quiet():
        view = _view(subject, {}, 12)
        play(subject.make(), view, epochs=12)
    require(not view.written, f"{view.written[:1]} writes to the live parameters", expected="view.set_parameters")
    ones = np.ones_like(view.live_gradient)
    expect_equal("the gradient was written to", view.live_gradient, ones)
    require(all((part == 1).all() for part in view.live_data), "the training data were written to")
    for request in view.requests:
        if request[0] == "set_parameters":
            require(subject.cls.changes_parameters, "it asks for other parameters without declaring it", got=request[0])
            require(request[3].shape == (SIZE,), "it asks for parameters of another shape", got=request[3].shape)
            require(np.isfinite(request[3]).all(), "it asks for parameters that are not finite", got=request[3])
        elif request[0] == "set_learning_rate":
            rate = request[3]
            number = isinstance(rate, (float, int)) and math.isfinite(rate) and rate >= 0
            require(number, "it asks for a learning rate that is none", got=rate)
        else:
            require(isinstance(request[3], str) and request[3].strip(), "it stops without a reason", got=request[3])


@CHECKS.check("CB-003/zero-epochs")
def zero_epochs(subject: Subject) -> None:
    """fit(epochs=0), and a fit that has nothing left to do, are trainings too.

    Expect on_train_end right after on_train_begin, with empty logs and an empty state.
    """
    with elsewhere(), quiet() as noted:
        for first in (0, 5):
            view = _view(subject, {}, first, first)
            play(subject.make(), view, epochs=first)
            require(not view.requests, "it asks for something in a training without epochs", got=view.requests)
    require(not noted.warned, "an event warns", got=noted.warned)


@CHECKS.check("CB-004/exceptions-arrive")
def exceptions_arrive(subject: Subject) -> None:
    """A swallowed error leaves a training that looks well and is not.

    No `except Exception` around what the view is asked for.
    """
    with elsewhere(), quiet():
        view = _view(subject, {}, 12)
        play(subject.make(), view, epochs=12)
        asked = sorted(view.asked)
        for name in asked:
            view = _view(subject, {}, 12)
            view.breaking = name
            try:
                play(subject.make(), view, epochs=12)
            except PlantedError:
                continue
            except Exception as error:  # chained is fine, as long as it arrives
                if isinstance(error.__cause__ or error.__context__, PlantedError):
                    continue
                raise
            fail(f"an error in view.{name} is swallowed", expected="the exception reaches the caller")


@CHECKS.check("CB-005/state-is-plain")
def state_is_plain(subject: Subject) -> None:
    """What a callback remembers is saved with the network.

    Keep arrays, numbers, strings and lists in view.state; nothing else, and nothing anywhere else.
    """
    with elsewhere(), quiet():
        state: dict[str, Any] = {}
        view = _view(subject, state, 12)

        def look() -> None:
            through_file(state, nested=True, array_kinds="fiubU")
            for name, value in state.items():
                live = view.live
                shared = isinstance(value, np.ndarray) and np.shares_memory(value, live)
                require(not shared, f"state[{name!r}] is the live parameter vector", expected="a copy")

        play(subject.make(), view, epochs=12, after=look)


@CHECKS.check("CB-006/resume")
def resume(subject: Subject) -> None:
    """A training that is cut and resumed must be watched as if it had never been cut.

    Keep counters and best values in view.state, from where a fresh instance takes them up.
    """
    with elsewhere() as folder, quiet():
        states: list[dict[str, Any]] = [{}, {}]
        whole = _view(subject, states[0], 16)
        play(subject.make(), whole, epochs=16)
        texts = files(folder)
    with elsewhere(), quiet():
        play(subject.make(), _view(subject, states[1], 16), epochs=16)
    lasting = [
        name for name in states[0] if difference(states[0][name], states[1].get(name)) is None
    ]  # no clock readings
    for cut in (3, 7):
        with elsewhere() as folder, quiet():
            state: dict[str, Any] = {}
            first = _view(subject, state, 16)
            values = first.values
            with contextlib.suppress(_Interrupted):
                play(subject.make(), first, epochs=16, after=_interrupt(values, cut))
            saved = through_file(state, nested=True, array_kinds="fiubU")
            second = _view(subject, saved, 16, cut)
            second.live[:] = first.live
            second.live_buffers[:] = first.live_buffers
            second.values["learning_rate"] = values["learning_rate"]
            second.values["step"] = values["step"]
            play(subject.make(), second, epochs=16)
            got = [_timeless(request) for request in (*first.requests, *second.requests)]
            expected = [_timeless(request) for request in whole.requests]
            written = files(folder)
            expect_equal(
                f"cut after {cut} epochs and resumed, it asks for other things than in one training",
                got,
                expected,
                inputs={"cut": cut},
            )
            for name in lasting:
                expect_equal(
                    f"cut after {cut} epochs and resumed, state[{name!r}] is not that of one training",
                    saved.get(name),
                    states[0][name],
                    inputs={"cut": cut},
                )
            expect_equal(
                f"cut after {cut} epochs and resumed, its files are not those of one training",
                written,
                texts,
                inputs={"cut": cut},
            )


class _Interrupted(Exception):  # noqa: N818  # not an error: the machine was switched off
    pass


def _interrupt(values: Mapping[str, Any], cut: int) -> Any:
    seen = {"epoch": -1}

    def look() -> None:
        done = values["epoch"] == cut and values["batch"] == BATCHES
        if done and seen["epoch"] != cut:
            seen["epoch"] = cut
            raise _Interrupted

    return look


@CHECKS.check("CB-007/trainings-apart")
def trainings_apart(subject: Subject) -> None:
    """One callback may watch two networks in turn.

    Remember nothing in the instance, the class or the module: only in view.state.
    """
    with elsewhere(), quiet():
        alone = _view(subject, {}, 16)
        play(subject.make(), alone, epochs=16)
        shared = subject.make()
        play(shared, _view(attrs.evolve(subject, seed=subject.seed + 1), {}, 9), epochs=9)
        again = _view(subject, {}, 16)
        play(shared, again, epochs=16)
        expect_equal(
            "a second training is watched differently",
            [_timeless(r) for r in again.requests],
            [_timeless(r) for r in alone.requests],
        )


@CHECKS.check("CB-008/no-validation-data", level="strict")
def no_validation_data(subject: Subject) -> None:
    """Most first trainings have none: view.validation_data is None then, and no figure begins with val_.

    Ask before unpacking; for a figure that is not there, raise an error that names it.
    """

    def course(epoch: int) -> dict[str, Any]:
        return {name: value for name, value in usual_course(epoch).items() if not name.startswith("val_")}

    with elsewhere(), quiet():
        view = _view(subject, {}, 5)
        view.live_validation = None
        with contextlib.suppress(NNKitError, KeyError):  # an error that names the figure is an answer
            play(subject.make(), view, epochs=5, course=course)


@CHECKS.check("CB-009/other-trainings", level="strict")
def other_trainings(subject: Subject) -> None:
    """There are trainings with one batch an epoch, without a learning rate, and with a solver: no batches at all.

    Mind batches - 1, expect None, and rely on nothing that only on_batch_end leaves behind.
    """
    for told, more in (
        ("one batch an epoch", {"batches": 1}),
        ("an optimizer without a learning rate", {"learning_rate": None}),
        ("a solver", {"batches": 0, "learning_rate": None}),
    ):
        with elsewhere(), quiet():
            try:
                play(subject.make(), _view(subject, {}, 5, **more), epochs=5)
            except NNKitError:  # a refusal in words is an answer
                continue
            except Exception as error:
                raise CheckFailure(
                    f"a training with {told} ends in an error",
                    got=f"{type(error).__name__}: {error}",
                    expected="no exception, or one of nnkit.errors that says why",
                ) from error


@CHECKS.check("CB-010/state-is-its-own")
def state_is_its_own(subject: Subject) -> None:
    """What shares memory with the training changes behind the callback's back; what a file changes is not kept.

    Copy every array of the view that is to be kept; write lists where tuples stand.
    """
    with elsewhere(), quiet():
        state: dict[str, Any] = {}
        view = _view(subject, state, 12)
        live = {"gradient": view.live_gradient, "buffers": view.live_buffers, "parameters": view.live}
        live |= {"data": view.live_data[0], "targets": view.live_data[1]}

        def look() -> None:
            for name, value in state.items():
                for where, item in _items(value, f"state[{name!r}]"):
                    if isinstance(item, tuple):
                        fail(f"{where} is a tuple, which a saved network gives back as a list", got=item)
                    for source, array in live.items():
                        shared = isinstance(item, np.ndarray) and np.shares_memory(item, array)
                        require(not shared, f"{where} shares memory with the {source} in use", expected="a copy")

        play(subject.make(), view, epochs=12, after=look)


def _items(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """``value`` and all that is in it, each with the way to it."""
    yield where, value
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _items(item, f"{where}[{name!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _items(item, f"{where}[{i}]")


@CHECKS.check("CB-REF/figures", needs=needs_reference_values, scope="variant")
def figures(subject: Subject) -> None:
    """A callback may have the best of manners and do something else, or do it at another epoch, than its name says.

    Play the example by hand: which epoch is counted, from where, and what is asked for then.
    """
    if subject.hyperparameters == subject.variants[0]:
        for example in subject.cls.examples:
            _hold(subject, example)
    reference: Any = subject.cls.reference
    if reference is not None:
        for length in (1, 7, 16):
            logs: dict[str, Any] = {}
            for epoch in range(length):
                for name, value in usual_course(epoch).items():
                    logs.setdefault(name, []).append(value)
            expected = reference(logs, **reference_arguments(subject, subject.hyperparameters))
            fields = subject.hyperparameters
            _hold(subject, Example(inputs={"logs": logs}, expected=expected, source="itself", hyperparameters=fields))


def _hold(subject: Subject, example: Example) -> None:
    """Compare what is named in ``expected``; of the state, the entries that are named."""
    fields, expected = example.hyperparameters, example.expected
    told = {**example.inputs, **({"hyperparameters": dict(fields)} if fields else {})}
    with quiet():
        got = observed(lambda: subject.cls(**fields), **example.inputs)
    names = sorted(got)
    require(set(expected) <= set(got), "an example expects what is not observed", got=names, expected=sorted(expected))
    for name, wanted in expected.items():
        found = {entry: got[name].get(entry) for entry in wanted} if name == "state" else got[name]
        expect_close(
            f"{name!r} is not the figure of {example.source}",
            _spelt(found),
            _spelt(wanted),
            rtol=example.tolerance,
            inputs=told,
        )


def _spelt(value: Any) -> Any:
    """``None`` as a word: a list with a gap in it is another one than a list without."""
    if isinstance(value, Mapping):
        return {name: _spelt(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelt(item) for item in value]
    return "None" if value is None else value
