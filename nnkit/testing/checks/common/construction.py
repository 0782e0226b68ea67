"""Making a part: its fields, their ranges and effects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.checks.common.calling import IMPOSSIBLE, calls_for, digest
from nnkit.testing.comparison import difference
from nnkit.testing.failure import fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject, family_of, required_fields, resolve_parts

CHECKS = CheckList()


# -- construction ----------------------------------------------------------------------------


def needs_attrs(subject: Subject) -> str | None:
    return None if attrs.has(subject.cls) else "it is not an attrs class (PART-002 says so)"


def _has_fields(subject: Subject) -> str | None:
    if not attrs.has(subject.cls):
        return needs_attrs(subject)
    return None if attrs.fields(subject.cls) else "it has no hyperparameters"


def _has_fields_with_effects(subject: Subject) -> str | None:
    if subject.cls.kind in {"callback", "layer"} or family_of(subject.cls) == "solver":
        return "its kind has no calls whose figures show the effect of a hyperparameter"
    return _has_fields(subject)


@CHECKS.check(
    "PART-001/default-construction",
    why="A part is named in a string, so it must exist without arguments.",
    fix="Give every field a default, and make no field's default impossible for its own validator.",
    scope="part",
)
def default_construction(subject: Subject) -> None:
    required = required_fields(subject.cls)
    if subject.cls.kind == "callback" and required and subject.hyperparameters:
        part = subject.cls(**subject.hyperparameters)  # a file to write to has no good default; `variants` names one
    else:
        require(not required, f"the fields {required} have no default", expected="a default for every field")
        part = subject.cls()
    require(isinstance(part, subject.cls), f"{subject.cls.__name__}() is not an instance of its own class", got=part)
    for variant in subject.variants:
        resolve_parts(subject.cls(**variant))


@CHECKS.check(
    "PART-002/frozen-attrs",
    why="A part that can change after it was made means something else to each network that shares it.",
    fix="Decorate the class with @attrs.frozen(kw_only=True); keep what changes in the state, cache or view.",
    scope="part",
)
def frozen_attrs(subject: Subject) -> None:
    require(attrs.has(subject.cls), f"{subject.cls.__name__} is not an attrs class", expected="@attrs.frozen")
    part = subject.cls(**subject.hyperparameters)
    for field in attrs.fields(subject.cls):
        try:
            setattr(part, field.name, getattr(part, field.name))
        except attrs.exceptions.FrozenInstanceError:
            continue
        fail(f"the field {field.name!r} can be set after construction", expected="FrozenInstanceError")
    try:
        part._nnkit_probe = 1  # noqa: SLF001  # a name that no part has
    except (attrs.exceptions.FrozenInstanceError, AttributeError):
        pass
    else:
        fail("new attributes can be set on an instance, so it can remember things", expected="FrozenInstanceError")
    if subject.cls.kind not in {"layer", "callback", "metric"}:
        positional = [field.name for field in attrs.fields(subject.cls) if field.init and not field.kw_only]
        require(not positional, f"the fields {positional} can be given by position", expected="keyword only")


@CHECKS.check(
    "PART-003/equality",
    why="Configs, caches and tests compare parts; equal hyperparameters must make equal parts.",
    fix="Let attrs write __eq__ and __hash__ (eq=True, frozen): every hyperparameter takes part, nothing else does.",
    needs=needs_attrs,
    scope="variant",
)
def equality(subject: Subject) -> None:
    one, two = subject.cls(**subject.hyperparameters), subject.cls(**subject.hyperparameters)
    require(one == two, "two parts made with equal hyperparameters are not equal", got=two, expected=one)
    require(not one.__ne__(two), "two equal parts are also unequal", got="one != two is True", expected="False")
    try:
        equal = hash(one) == hash(two)
    except TypeError as error:
        require(
            any(_unhashable(getattr(one, field.name)) for field in attrs.fields(subject.cls)),
            f"a part cannot be hashed: {error}",
            expected="a hash",
        )
    else:
        require(equal, "equal parts have different hashes", got=hash(two), expected=hash(one))
    for field in attrs.fields(subject.cls):
        if not field.init or field.eq is False:
            continue
        for value in alternatives(one, field):
            other = evolved(one, field.name, value)
            if other is not None and getattr(other, field.name) != getattr(one, field.name):
                require(one != other, f"parts that differ in {field.name!r} are equal", got=other, expected=one)
                break


def _unhashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return False


def alternatives(part: Any, field: Any) -> Iterator[Any]:
    """Other values of a field that are likely to be allowed."""
    value = getattr(part, field.name)
    if PART_KIND in field.metadata and not isinstance(value, float):
        return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, float):
        yield from (
            value * 0.5,
            value * 2.0,
            value * 0.1,
            value * 10.0,
            value + 0.25,
            value - 0.25,
            0.9,
            0.1,
            1e-3,
            3.0,
        )
        yield from (value * 100.0, value * 1e4, -value)
    elif isinstance(value, int):
        yield from (value + 1, value + 3, value * 2, value - 1, max(value // 2, 0), value * 10, 1, 0)
    elif value is None:
        yield from (0.5, 1.0, 1e-3, 2, 1)
    elif isinstance(value, str):
        try:
            attrs.evolve(part, **{field.alias: "no such word"})
        except Exception as error:  # noqa: BLE001  # the refusal lists the words that are allowed
            yield from (word for word in _quoted(str(error)) if word not in {value, "no such word"})


def _quoted(text: str) -> list[str]:
    return [word for position, word in enumerate(text.split("'")) if position % 2]


def without_effect(subject: Subject, field: Any, shown: Callable[[Subject, Any], Any]) -> list[Any]:
    """The values of a field that were tried in every variant and changed nothing of what ``shown`` gives.

    Empty as soon as one changes it, and where no other value is allowed.
    """
    tried: list[Any] = []
    for variant in subject.variants:
        here = attrs.evolve(subject, hyperparameters=variant)
        base = here.make()
        before = shown(here, base)
        for value in alternatives(base, field):
            other = evolved(base, field.name, value)
            if other is None or other == base:
                continue
            tried.append(value)
            if difference(shown(here, other), before) is not None:
                return []
    return tried


def evolved(part: Any, name: str, value: Any) -> Any:
    """The part with one field changed, or ``None`` where that is refused."""
    alias = getattr(attrs.fields_dict(type(part))[name], "alias", name)
    try:
        return attrs.evolve(part, **{alias: value})
    except Exception:  # noqa: BLE001  # refused: not an alternative
        return None


@CHECKS.check(
    "PART-004/hyperparameters-refused",
    why="A hyperparameter out of its range must end in a sentence, not in NaN an hour later.",
    fix="Make fields with nnkit.interfaces.fields (real, integer, flag, choice, part, rate) and give them a range.",
    needs=_has_fields,
    scope="part",
)
def hyperparameters_refused(subject: Subject) -> None:
    part = subject.cls(**subject.hyperparameters)
    for field in attrs.fields(subject.cls):
        if not field.init or not field.eq:
            continue
        name = field.alias
        for bad in _bad_values(getattr(part, field.name), field):
            given = {**subject.hyperparameters, name: bad}
            try:
                made = subject.cls(**given)
            except (ValueError, TypeError) as error:
                require(
                    field.alias in str(error),
                    f"the refusal of {name}={bad!r} does not name the field",
                    inputs={name: bad},
                    got=f"{type(error).__name__}: {error}",
                    expected=f"a sentence with {name!r} and the range",
                )
            except Exception as error:  # noqa: BLE001  # any other type is the wrong one
                fail(
                    f"{name}={bad!r} is refused by the wrong error",
                    inputs={name: bad},
                    got=f"{type(error).__name__}: {error}",
                    expected="a HyperparameterError (a ValueError)",
                )
            else:
                fail(
                    f"{name}={bad!r} is accepted",
                    inputs={name: bad},
                    got=repr(getattr(made, field.name)),
                    expected="a HyperparameterError that names the field and its range",
                )


def _bad_values(value: Any, field: Any) -> Iterator[Any]:
    kind = field.metadata.get(PART_KIND)
    if kind == "schedule" and isinstance(value, float):
        yield from (np.nan, np.inf, -np.inf)
    elif kind is not None:
        yield 3.5
    elif isinstance(value, bool):
        yield from ("yes", 2)
    elif isinstance(value, float):
        yield from (np.nan, np.inf, -np.inf, "much", 1j)
    elif isinstance(value, int):
        yield from (2.5, np.nan, "many")
    elif isinstance(value, str):
        yield 7
    yield from IMPOSSIBLE.get(field.name, ())


def _later(subject: Subject, one: Any, other: Any) -> bool:
    """Whether two optimizers part after more steps than a call makes: some look back every fiftieth."""
    if family_of(subject.cls) != "optimizer":
        return False
    from nnkit.testing.checks.optimizer.running import gradients, trajectory

    start, stream = np.linspace(-1.0, 1.0, 4).astype(subject.dtype), gradients(subject, "later", 120, 4)
    ends = [trajectory(part, start, stream)[0][-1] for part in (one, other)]
    return difference(*ends) is not None


@CHECKS.check(
    "PART-005/hyperparameters-matter",
    why="A hyperparameter without any effect is a promise that the part does not keep.",
    fix="Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.",
    level="strict",
    needs=_has_fields_with_effects,
    scope="part",
)
def hyperparameters_matter(subject: Subject) -> None:
    for field in attrs.fields(subject.cls):
        if not field.init or not field.eq or (PART_KIND in field.metadata and field.default is None):
            continue
        tried = []
        for variant in subject.variants:
            here = attrs.evolve(subject, hyperparameters=variant)
            base = here.make()
            calls = calls_for(here)
            if field.name == "seed":
                continue
            before = digest(base, calls)
            for value in alternatives(base, field):
                other = evolved(base, field.name, value)
                if other is None or getattr(other, field.name) == getattr(base, field.name):
                    continue
                tried.append(value)
                try:
                    changed = difference(digest(other, calls), before) is not None or _later(here, base, other)
                except Exception:  # noqa: BLE001  # an effect, though an ugly one; other checks look at it
                    changed = True
                if changed:
                    break
            else:
                continue
            break
        else:
            require(
                not tried,
                f"{field.name!r} changes nothing: {tried[:4]} give the same results as {field.default!r}",
                got="equal results",
                expected="another result for another value",
            )
