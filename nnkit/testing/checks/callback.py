"""Checks of callbacks, on a training that the kit plays to them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.testing.call import Call, compare, quiet
from nnkit.testing.failure import fail, require, same
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject

SHELF = Shelf()

EVENTS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")
BATCHES = 3
SIZE = 6


class PlantedError(Exception):
    """What the kit throws to see whether it arrives."""


class _Network:
    """What a callback may find at ``view.network``: something that can be saved."""

    def __init__(self) -> None:
        self.parameters = np.arange(float(SIZE))
        self.saved: list[str] = []
        self.optimizer = types.SimpleNamespace(learning_rate=0.1)

    def save(self, path: Any, **_more: Any) -> None:
        self.saved.append(str(path))
        Path(path).write_bytes(b"a network")

    def to_config(self) -> dict[str, Any]:
        return {"layers": []}

    def predict(self, X: Array) -> Array:  # the network's own letter
        return np.zeros((len(X), 1))

    def evaluate(self, *_given: Any, **_more: Any) -> dict[str, float]:
        return {"loss": 0.5}


class View:
    """A training as a callback sees it: a fixed course of losses, and a note of every request."""

    def __init__(self, subject: Subject, state: dict[str, Any], epochs: int, first_epoch: int = 0) -> None:
        self._live = np.asarray(subject.rng("callback/parameters").standard_normal(SIZE), dtype=subject.dtype)
        self._gradient = np.ones_like(self._live)
        self._data = (np.ones((8, 2)), np.ones((8, 1)), None)
        self._seen: set[str] = set()
        self._breaking: str | None = None
        self._values: dict[str, Any] = {
            "epoch": first_epoch,
            "step": first_epoch * BATCHES,
            "batch": 0,
            "first_epoch": first_epoch,
            "last_epoch": epochs,
            "batches": BATCHES,
            "samples": 8,
            "logs": {},
            "learning_rate": 0.1,
            "network": _Network(),
            "state": state,
        }
        self.requests: list[Any] = []
        self.written: list[str] = []

    def _get(self, name: str) -> Any:
        self._seen.add(name)
        if self._breaking == name:
            raise PlantedError(name)
        return self._values[name]

    epoch = property(lambda self: self._get("epoch"))
    step = property(lambda self: self._get("step"))
    batch = property(lambda self: self._get("batch"))
    first_epoch = property(lambda self: self._get("first_epoch"))
    last_epoch = property(lambda self: self._get("last_epoch"))
    batches = property(lambda self: self._get("batches"))
    samples = property(lambda self: self._get("samples"))
    learning_rate = property(lambda self: self._get("learning_rate"))
    network = property(lambda self: self._get("network"))
    state = property(lambda self: self._get("state"))

    @property
    def logs(self) -> Mapping[str, Any]:
        return dict(self._get("logs"))

    @property
    def parameters(self) -> Array:
        self._note("parameters")
        return _locked(self._live)

    @property
    def buffers(self) -> Array:
        self._note("buffers")
        return _locked(np.zeros_like(self._live[:1]))

    @property
    def stop_reason(self) -> str | None:
        self._note("stop_reason")
        return next((request[3] for request in self.requests if request[0] == "stop"), None)

    @property
    def gradient(self) -> Array:
        self._note("gradient")
        return _locked(self._gradient)

    @property
    def batch_indices(self) -> Array:
        self._note("batch_indices")
        return _locked(np.arange(3))

    @property
    def data(self) -> tuple[Array, Array, Array | None]:
        self._note("data")
        return (_locked(self._data[0]), _locked(self._data[1]), None)

    @property
    def validation_data(self) -> tuple[Array, Array, Array | None] | None:
        self._note("validation_data")
        return (_locked(self._data[0]), _locked(self._data[1]), None)

    def _note(self, name: str) -> None:
        self._seen.add(name)
        if self._breaking == name:
            raise PlantedError(name)

    def higher_is_better(self, name: str) -> bool | None:
        self._note("higher_is_better")
        return "accuracy" in name

    def stop(self, reason: str) -> None:
        self._note("stop")
        self.requests.append(("stop", self._values["epoch"], self._values["batch"], reason))

    def set_parameters(self, parameters: Array, buffers: Array | None = None) -> None:
        self._note("set_parameters")
        self.requests.append(("set_parameters", self._values["epoch"], self._values["batch"], np.array(parameters)))

    def set_learning_rate(self, learning_rate: float) -> None:
        self._note("set_learning_rate")
        self.requests.append(("set_learning_rate", self._values["epoch"], self._values["batch"], learning_rate))
        self._values["learning_rate"] = learning_rate


def _locked(array: Array) -> Array:
    found = array.view()
    found.flags.writeable = False
    return found


def _course(epoch: int) -> dict[str, float]:
    """Losses that fall, then rise for long; accuracy the other way round."""
    loss = 1.0 / (1 + epoch) if epoch < 6 else 0.2 + 0.05 * (epoch - 6)
    found = {"loss": loss, "val_loss": loss * 1.1, "accuracy": 1 - loss / 2, "val_accuracy": 1 - loss / 2.1}
    return found | {"mean_squared_error": loss, "val_mean_squared_error": loss}


def play(callback: Any, view: View, *, epochs: int, spoil: Any = None) -> None:
    """One call of ``fit``: every event that the callback offers, in order."""
    values = view._values  # noqa: SLF001  # the view is this file's own

    def tell(event: str) -> None:
        before = view._live.copy()  # noqa: SLF001
        if callback.offers(event):
            getattr(callback, event)(view)
        if not np.array_equal(before, view._live):  # noqa: SLF001
            view.written.append(event)
        if spoil is not None:
            spoil()

    tell("on_train_begin")
    for epoch in range(values["first_epoch"], epochs):
        values["batch"], values["logs"] = 0, {}
        tell("on_epoch_begin")
        for batch in range(BATCHES):
            values["batch"], values["step"] = batch + 1, values["step"] + 1
            values["logs"] = {"loss": _course(epoch)["loss"]}
            view._live += view._live.dtype.type(0.01)  # noqa: SLF001
            tell("on_batch_end")
        values["epoch"], values["logs"] = epoch + 1, _course(epoch)
        tell("on_epoch_end")
        if any(request[0] == "stop" for request in view.requests):
            break
    tell("on_train_end")


@contextlib.contextmanager
def _elsewhere() -> Iterator[Path]:
    """An empty folder to work in, for callbacks that write files."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def calls(subject: Subject) -> list[Call]:
    """One whole training, and what was asked for and remembered in it."""

    def run(part: Any, given: Mapping[str, Array]) -> Any:
        with _elsewhere():
            state: dict[str, Any] = {}
            view = View(subject, state, int(given["epochs"][0]))
            play(part, view, epochs=int(given["epochs"][0]))
            return {"requests": [_timeless(request) for request in view.requests]}

    return [Call("a training of twelve epochs", run, {"epochs": np.array([12])}, floats=False)]


def _timeless(request: Any) -> list[Any]:
    return [item for item in request if not isinstance(item, str) or item == request[0]]


@SHELF.check(
    "CB-001/whole-training",
    why="A callback that fails in an event ends the training of its user.",
    fix="Override events with the view as the one argument; ask only for what the view offers.",
)
def whole_training(subject: Subject) -> None:
    callback = subject.make()
    overridden = any(event in vars(base) for base in subject.cls.__mro__[:-4] for event in EVENTS)
    require(overridden or any(callback.offers(event) for event in EVENTS), "no event is overridden")
    with _elsewhere(), quiet() as noted:
        state: dict[str, Any] = {}
        play(callback, View(subject, state, 12), epochs=12)
        play(callback, View(subject, state, 20, 12), epochs=20)  # a further fit
    require(not noted.warned, "an event warns", got=noted.warned)


@SHELF.check(
    "CB-002/looks-only",
    why="A callback that changes parameters by itself makes every run depend on who watches.",
    fix="Ask with view.set_parameters and declare `changes_parameters = True`; copy what is to be kept.",
)
def looks_only(subject: Subject) -> None:
    with _elsewhere(), quiet():
        view = View(subject, {}, 12)
        play(subject.make(), view, epochs=12)
    require(not view.written, f"{view.written[:1]} writes to the live parameters", expected="view.set_parameters")
    ones = np.ones_like(view._gradient)  # noqa: SLF001
    require(same(view._gradient, ones) is None, "the gradient was written to")  # noqa: SLF001
    require(all((part == 1).all() for part in view._data[:2]), "the training data were written to")  # noqa: SLF001
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


@SHELF.check(
    "CB-003/zero-epochs",
    why="fit(epochs=0), and a fit that has nothing left to do, are trainings too.",
    fix="Expect on_train_end right after on_train_begin, with empty logs and an empty state.",
)
def zero_epochs(subject: Subject) -> None:
    with _elsewhere(), quiet() as noted:
        for first in (0, 5):
            view = View(subject, {}, first, first)
            play(subject.make(), view, epochs=first)
            require(not view.requests, "it asks for something in a training without epochs", got=view.requests)
            if subject.make().offers("on_train_end"):
                subject.make().on_train_end(View(subject, {}, 0))
    require(not noted.warned, "an event warns", got=noted.warned)


@SHELF.check(
    "CB-004/exceptions-arrive",
    why="A swallowed error leaves a training that looks well and is not.",
    fix="No `except Exception` around what the view is asked for.",
)
def exceptions_arrive(subject: Subject) -> None:
    with _elsewhere(), quiet():
        view = View(subject, {}, 12)
        play(subject.make(), view, epochs=12)
        asked = sorted(view._seen)  # noqa: SLF001
        for name in asked:
            view = View(subject, {}, 12)
            view._breaking = name  # noqa: SLF001
            try:
                play(subject.make(), view, epochs=12)
            except PlantedError:
                continue
            except Exception as error:  # chained is fine, as long as it arrives
                if isinstance(error.__cause__ or error.__context__, PlantedError):
                    continue
                raise
            fail(f"an error in view.{name} is swallowed", expected="the exception reaches the caller")


@SHELF.check(
    "CB-005/state-is-plain",
    why="What a callback remembers is saved with the network.",
    fix="Keep arrays, numbers, strings and lists in view.state; nothing else, and nothing anywhere else.",
)
def state_is_plain(subject: Subject) -> None:
    with _elsewhere(), quiet():
        state: dict[str, Any] = {}
        view = View(subject, state, 12)

        def look() -> None:
            _through_file(state)
            for name, value in state.items():
                live = view._live  # noqa: SLF001
                shared = isinstance(value, np.ndarray) and np.shares_memory(value, live)
                require(not shared, f"state[{name!r}] is the live parameter vector", expected="a copy")

        play(subject.make(), view, epochs=12, spoil=look)


def _through_file(state: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in state.items():
        require(isinstance(name, str), "a name in the state is no string", got=name)
        found[name] = _plain(value, f"state[{name!r}]")
    return found


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray):
        require(value.dtype.kind in "fiubU", f"{where} is an array of objects", got=value.dtype)
        return value.copy()
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(name): _plain(item, f"{where}[{name!r}]") for name, item in value.items()}
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        return json.loads(json.dumps(plain))
    except TypeError:
        fail(f"{where} cannot be saved", got=type(value).__name__, expected="arrays, numbers, strings and lists")


@SHELF.check(
    "CB-006/resume",
    why="A training that is cut and resumed must be watched as if it had never been cut.",
    fix="Keep counters and best values in view.state, from where a fresh instance takes them up.",
)
def resume(subject: Subject) -> None:
    with _elsewhere(), quiet():
        whole = View(subject, {}, 16)
        play(subject.make(), whole, epochs=16)
        for cut in (3, 7):
            state: dict[str, Any] = {}
            first = View(subject, state, 16)
            values = first._values  # noqa: SLF001
            with contextlib.suppress(_Interrupted):
                play(subject.make(), first, epochs=16, spoil=_interrupt(values, cut))
            saved = _through_file(state)
            second = View(subject, saved, 16, cut)
            second._live[:] = first._live  # noqa: SLF001
            second._values["learning_rate"] = values["learning_rate"]  # noqa: SLF001
            second._values["step"] = values["step"]  # noqa: SLF001
            play(subject.make(), second, epochs=16)
            got = [_timeless(request) for request in (*first.requests, *second.requests)]
            expected = [_timeless(request) for request in whole.requests]
            off = compare(got, expected)
            if off is not None:
                fail(
                    f"cut after {cut} epochs and resumed, it asks for other things than in one training",
                    inputs={"cut": cut},
                    got=got,
                    expected=expected,
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


@SHELF.check(
    "CB-007/trainings-apart",
    why="One callback may watch two networks in turn.",
    fix="Remember nothing in the instance, the class or the module: only in view.state.",
)
def trainings_apart(subject: Subject) -> None:
    with _elsewhere(), quiet():
        alone = View(subject, {}, 16)
        play(subject.make(), alone, epochs=16)
        shared = subject.make()
        play(shared, View(attrs.evolve(subject, seed=subject.seed + 1), {}, 9), epochs=9)
        again = View(subject, {}, 16)
        play(shared, again, epochs=16)
        off = compare([_timeless(r) for r in again.requests], [_timeless(r) for r in alone.requests])
    if off is not None:
        fail("a second training is watched differently", got=off.got, expected=off.expected)
