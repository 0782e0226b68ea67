"""What a check is: a record with a permanent id, the reason for it, what to do, and the function that is tried."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from nnkit.testing.failure import show
from nnkit.testing.subject import Subject

Level: TypeAlias = Literal["core", "strict", "advisory"]
Scope: TypeAlias = Literal["part", "variant", "dtype"]
NO_VALUES = "it declares neither examples nor a reference"
"""Why the comparison with reference values does not apply to a part."""

Needs: TypeAlias = Callable[[Subject], str | None]
"""Why a check does not apply to a subject, in words, or ``None`` where it does."""


@attrs.frozen(eq=False)
class Inputs:
    """The inputs of a check, which is tried on each of them whether it fails on others or not.

    Args:
        names: How failures call them; something that has ``shown`` is shown as that.
        cases: Sizes, modes or whatever tells one input from another; of the subject where they depend on it.
        make: Makes the inputs of a case from the subject, the label of the random arrays, and the case; by default the
            case is the input.
    """

    names: tuple[str, ...]
    cases: Iterable[Any] | Callable[[Subject], Iterable[Any]]
    make: Callable[..., Any] = lambda _subject, _label, *case: case if len(case) > 1 else case[0]

    def cases_of(self, subject: Subject) -> list[Any]:
        """Every case."""
        return list(self.cases(subject) if callable(self.cases) else self.cases)

    def of(self, subject: Subject, label: str, case: Any) -> Sequence[Any]:
        """The inputs of one case; failures show them from here on."""
        inputs = self.make(subject, label, *(case if isinstance(case, tuple) else (case,)))
        inputs = inputs if len(self.names) > 1 else (inputs,)
        show(*(getattr(value, "shown", {name: value}) for name, value in zip(self.names, inputs, strict=True)))
        return tuple(inputs)

    def __call__(self, subject: Subject, label: str) -> Iterator[Any]:
        """The inputs of every case, for a check that compares them."""
        for case in self.cases_of(subject):
            inputs = self.of(subject, label, case)
            yield inputs if len(inputs) > 1 else inputs[0]


def inputs(
    *names: str, cases: Iterable[Any] | Callable[[Subject], Iterable[Any]]
) -> Callable[[Callable[..., Any]], Inputs]:
    """Make ``Inputs`` of the decorated function, which makes those of one case."""
    return lambda make: Inputs(names, cases, make)


@attrs.frozen(kw_only=True)
class Check:
    """One promise of an interface, and how it is tried.

    Args:
        id: Permanent: letters of the kind, a number, a few words: ``OPT-012/resume-equals-continuous``.
        why: What goes wrong for a user when the promise is broken.
        fix: Where to look, and what to write instead.
        run: Tries one subject, with ``on`` one input of it; raises ``CheckFailure`` (or whatever the part raises) when
            it fails. It is passed the subject, a new part where it has a parameter for it, and the inputs.
        level: ``core`` is the contract, ``strict`` is quality, ``advisory`` is printed and fails nothing.
        needs: What a subject must have for the check to apply to it.
        scope: Tried once a ``part`` or once a ``variant``, both in float64 whatever dtypes are asked for, or once a
            variant and ``dtype``.
        on: Its inputs; ``None`` for a check that has none, or chooses them itself.
    """

    id: str
    why: str
    fix: str
    run: Callable[..., None]
    level: Level = "core"
    needs: tuple[Needs, ...] = ()
    scope: Scope = "dtype"
    on: Inputs | None = None

    @property
    def number(self) -> str:
        """The part of the id before the slash, which is enough to name it."""
        return self.id.partition("/")[0]

    def try_on(self, subject: Subject) -> None:
        """Run the check on ``subject``; raise the first failure."""
        for error in self.failures(subject):
            raise error

    def failures(self, subject: Subject) -> Iterator[BaseException]:
        """Run the check on every input of ``subject``; yield what each raises, and go on with the next."""
        names = () if self.on is None else self.on.names
        try:
            show()
            arguments = [subject, subject.make()][: len(inspect.signature(self.run).parameters) - len(names)]
            cases = [()] if self.on is None else self.on.cases_of(subject)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  # also a skip or an exit that a part tries: nothing is proven then
            yield error
            return
        for case in cases:
            try:
                show()
                self.run(*arguments, *(() if self.on is None else self.on.of(subject, self.number, case)))
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # noqa: BLE001  # as above
                yield error

    def why_not(self, subject: Subject) -> str | None:
        """Why the check does not apply to ``subject``; ``None`` where it does."""
        return next((reason for needs in self.needs if (reason := needs(subject)) is not None), None)


def check(
    id: str,  # noqa: A002  # the word that the record, the report and the docs use
    *,
    level: Level = "core",
    needs: Needs | tuple[Needs, ...] = (),
    scope: Scope = "dtype",
    on: Inputs | None = None,
) -> Callable[[Callable[..., None]], Check]:
    """Make the decorated function a check; its docstring is ``why``, an empty line, and ``fix``."""

    def record(run: Callable[..., None]) -> Check:
        why, _, fix = (inspect.getdoc(run) or "").partition("\n\n")
        conditions = needs if isinstance(needs, tuple) else (needs,)
        fix = fix.replace("\n", " ")
        return Check(id=id, why=why, fix=fix, run=run, level=level, needs=conditions, scope=scope, on=on)

    return record


def applies_if(condition: Callable[[Subject], object], otherwise: str) -> Needs:
    """A check for subjects that meet ``condition``; ``otherwise`` says why it does not apply to others."""
    return lambda subject: None if condition(subject) else otherwise


def needs_offer(method: str) -> Needs:
    """A check for parts that offer the optional ``method``."""
    return applies_if(lambda subject: subject.offers(method), f"it offers no {method}")


def needs_trait(trait: str, words: str) -> Needs:
    """A check for parts that declare ``trait``, as a class or for the hyperparameters they have."""
    return applies_if(lambda subject: getattr(subject.make(), trait), f"it does not declare {words}")


needs_float32 = applies_if(lambda subject: subject.dtype == "float32", "it is about float32")
needs_unordered = applies_if(lambda subject: not subject.make().ordered, "it declares that its columns are ordered")
