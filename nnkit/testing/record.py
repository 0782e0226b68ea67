"""A check: its permanent id, the reason for it, what to do; the subject and the points on which it is tried."""

import inspect
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Activation, Elementwise, Part, Solver
from nnkit.interfaces.fields import PART_KIND, PARTS_KIND
from nnkit.testing.failure import show


def family_of(cls: type[Part]) -> str:
    """The kind of ``cls``, solvers apart from optimizers."""
    return "solver" if issubclass(cls, Solver) else cls.kind


def resolve_parts(part: Part) -> Part:
    """``part`` with the specs in its part fields turned into parts, as a network does it."""
    if not attrs.has(type(part)):
        return part
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(type(part))  # type: ignore[arg-type]
    if not any(PART_KIND in field.metadata or PARTS_KIND in field.metadata for field in fields):
        return part
    from nnkit.registry import resolve

    return resolve(part)


def required_fields(cls: Any) -> list[str]:
    """The fields that have no default."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return [field.alias for field in fields if field.init and field.default is attrs.NOTHING]


@attrs.frozen(kw_only=True)
class Subject:
    """What a check is tried on.

    Args:
        cls: The class of the part.
        hyperparameters: The fields that differ from their defaults.
        dtype: float64 or float32.
        seed: Seed of every random array; the same seed gives the same arrays.
        id: The canonical id of the part (``acme-nn/lion``), ``None`` for one that is not registered.
        variants: All hyperparameter sets that are proven, this one among them.
        thorough: Whether hypothesis chooses further arrays.
    """

    cls: Any
    hyperparameters: Mapping[str, Any] = attrs.field(factory=dict)
    dtype: np.dtype[Any] = attrs.field(default=np.dtype(np.float64), converter=np.dtype)
    seed: int = 0
    id: str | None = None
    variants: tuple[Mapping[str, Any], ...] = ({},)
    thorough: bool = False

    def trait(self, name: str) -> Any:
        """A trait of an instance: that of a part which holds others may be theirs."""
        return getattr(self.make(), name)

    def make(self, **changes: Any) -> Any:
        """A new instance, its part fields resolved."""
        return resolve_parts(self.cls(**{**self.hyperparameters, **changes}))

    def rng(self, label: str) -> np.random.Generator:
        """A fresh generator, the same for the same seed and label."""
        return np.random.default_rng([self.seed, zlib.crc32(label.encode())])

    def offers(self, method: str) -> bool:
        """Whether the part offers an optional method."""
        return bool(self.make().offers(method))

    @property
    def elementwise(self) -> bool:
        """Whether the part is an elementwise activation."""
        return issubclass(self.cls, Elementwise)

    @property
    def is_activation(self) -> bool:
        """Whether the part is an activation."""
        return issubclass(self.cls, Activation)

    @property
    def eps(self) -> float:
        """The relative distance of neighbouring numbers of the dtype."""
        return float(np.finfo(self.dtype).eps)

    @property
    def label(self) -> str:
        """``float32, momentum=0.9``."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.hyperparameters.items())
        return f"{self.dtype.name}, {fields or 'defaults'}"


GRID: Array = np.concatenate(
    [
        np.linspace(-6.0, 6.0, 49) + 0.0137,
        [-0.5, -1.0, -2.0, -3.0, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0, -6.0],
        [-20.3, -11.7, -8.4, 8.4, 11.7, 20.3, 1e-3, -1e-3, 1e-5, -1e-5, 0.02, -0.02],
    ]
)
"""Moderate numbers, round ones among them."""

EXTREMES: Array = np.array([30.0, 40.0, 60.0, 88.5, 104.0, 300.0, 500.0, 710.0, 750.0, 1e3, 3e3, 1e4])
"""Numbers where exponentials of either dtype overflow, and far beyond; tried with both signs."""

SHAPES = ((1, 1), (1, 3), (2, 1), (3, 2), (2, 3), (4, 4), (7, 5), (3, 17), (67, 2))
"""``(N, D)``: single rows, single columns, more rows than columns and the reverse."""


def normal(subject: Subject, label: str, shape: tuple[int, ...], scale: float = 1.0) -> Array:
    """Normal numbers of the subject's dtype, the same for the same seed and label."""
    return np.asarray(scale * subject.rng(label).standard_normal(shape), dtype=subject.dtype)


def simplex(subject: Subject, label: str, shape: tuple[int, ...], floor: float = 0.02) -> Array:
    """Rows that are probabilities, none smaller than ``floor`` (over the number of columns)."""
    raw = np.exp(subject.rng(label).standard_normal(shape))
    rows = raw / raw.sum(axis=-1, keepdims=True) if raw.size else raw
    columns = max(shape[-1], 1)
    return np.asarray(rows * (1.0 - floor) + floor / columns, dtype=subject.dtype)


def apart(points: Array, kinks: tuple[float, ...], distance: float) -> Array:
    """``points`` moved to lie at least ``distance`` away from every kink, on the side where they were."""
    moved = points.copy()
    for kink in kinks:
        near = np.abs(moved - kink) < distance
        side = np.where(moved >= kink, 1.0, -1.0)
        moved = np.where(near, kink + side * distance, moved)
    return moved


def elementwise_points(subject: Subject, label: str) -> Array:
    """One long column of moderate points, ``(M, 1)``: the grid, the neighbourhood of kinks, random ones."""
    kinks = getattr(subject.cls, "kinks", ())
    near = [kink + side * distance for kink in kinks for side in (-1.0, 1.0) for distance in (1e-3, 0.01, 0.1)]
    random = subject.rng(label).normal(0.0, 3.0, 40)
    return np.concatenate([GRID, near, random])[:, None]


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

declared_kinks = Inputs(("kink",), lambda subject: subject.cls.kinks)
