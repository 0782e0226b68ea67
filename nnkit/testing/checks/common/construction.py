"""Making a part, its fields, and its copies: config, pickle, deepcopy, names."""

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from nnkit.interfaces import Part
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.catalog import calls_of
from nnkit.testing.checks.common.calling import expect_same_behaviour, results_of
from nnkit.testing.effects import alternatives, evolved, expect_effects, hyperparameter_fields
from nnkit.testing.failure import fail, require
from nnkit.testing.record import Subject, applies_if, check, family_of, required_fields, resolve_parts

IMPOSSIBLE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (-1.0,),
    "momentum": (-0.5, 1.5),
    "beta1": (-0.5, 1.5),
    "beta2": (-0.5, 1.5),
    "epsilon": (-1.0,),
    "weight_decay": (-1.0,),
    "strength": (-1.0,),
}
"""Values that are wrong for every part, for the names with one meaning in the whole project."""

needs_attrs = applies_if(lambda s: attrs.has(s.cls), "it is not an attrs class (PART-002 says so)")

_needs_fields = applies_if(lambda s: hyperparameter_fields(s.cls), "it has no hyperparameters")

_needs_effects = applies_if(
    lambda s: s.cls.kind not in {"callback", "layer"} and family_of(s.cls) != "solver",
    "its kind has no calls whose results show the effect of a hyperparameter",
)


@check("PART-001/default-construction", scope="part")
def default_construction(subject: Subject) -> None:
    """A part is named in a string, so it must exist without arguments.

    Give every field a default, and make no field's default impossible for its own validator.
    """
    required = required_fields(subject.cls)
    if subject.cls.kind == "callback" and required and subject.hyperparameters:
        part = subject.cls(**subject.hyperparameters)  # a file to write to has no good default; `variants` names one
    else:
        require(not required, f"the fields {required} have no default", expected="a default for every field")
        part = subject.cls()
    require(isinstance(part, subject.cls), f"{subject.cls.__name__}() is not an instance of its own class", got=part)
    for variant in subject.variants:
        resolve_parts(subject.cls(**variant))


@check("PART-002/frozen-attrs", scope="part")
def frozen_attrs(subject: Subject) -> None:
    """A part that can change after it was made means something else to each network that shares it.

    Decorate the class with @attrs.frozen(kw_only=True); keep what changes in the state, cache or view.
    """
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
        require(not positional, f"the fields {positional} can be passed by position", expected="keyword only")


@check("PART-003/equality", needs=needs_attrs, scope="variant")
def equality(subject: Subject) -> None:
    """Configs, caches and tests compare parts; equal hyperparameters must make equal parts.

    Let attrs write __eq__ and __hash__ (eq=True, frozen), from all hyperparameters and nothing else.
    """
    one, two = subject.cls(**subject.hyperparameters), subject.cls(**subject.hyperparameters)
    require(one == two, "two parts made with equal hyperparameters are not equal", got=two, expected=one)
    require(not one.__ne__(two), "two equal parts are also unequal", got="one != two is True", expected="False")
    try:
        equal = hash(one) == hash(two)
    except TypeError as error:
        unhashable = any(_unhashable(getattr(one, field.name)) for field in attrs.fields(subject.cls))
        require(unhashable, f"a part cannot be hashed: {error}", expected="a hash")
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


@check("PART-004/hyperparameters-refused", needs=_needs_fields, scope="part")
def hyperparameters_refused(subject: Subject) -> None:
    """A hyperparameter out of its range must end in an error message, not in NaN an hour later.

    Make fields with nnkit.interfaces.fields (real, integer, flag, choice, part, rate) and give them a range.
    """
    part = subject.cls(**subject.hyperparameters)
    for field in hyperparameter_fields(subject.cls):
        for bad in _bad_values(getattr(part, field.name), field):
            _expect_refusal(subject, field, bad)


def _expect_refusal(subject: Subject, field: Any, bad: Any) -> None:
    name, inputs = field.alias, {field.alias: bad}
    expected = f"a HyperparameterError (a ValueError) that names {name!r} and its range"
    try:
        part = subject.cls(**{**subject.hyperparameters, **inputs})
    except Exception as error:  # noqa: BLE001  # other types than these two are wrong
        got = f"{type(error).__name__}: {error}"
        right_type = isinstance(error, (ValueError, TypeError))
        require(right_type, f"{name}={bad!r} is refused by the wrong error", inputs=inputs, got=got, expected=expected)
        message = f"the refusal of {name}={bad!r} does not name the field"
        require(name in str(error), message, inputs=inputs, got=got, expected=expected)
    else:
        fail(f"{name}={bad!r} is accepted", inputs=inputs, got=repr(getattr(part, field.name)), expected=expected)


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


def _behaviour(subject: Subject, part: Any) -> Any:
    """The results of all calls; of an optimizer also a longer run, for some look back every fiftieth step."""
    try:
        results = results_of(part, calls_of(subject))
        if family_of(subject.cls) == "optimizer":
            from nnkit.testing.checks.optimizer.running import gradients, trajectory

            start, stream = np.linspace(-1.0, 1.0, 4).astype(subject.dtype), gradients(subject, "later", 120, 4)
            results.append(trajectory(part, start, stream)[0][-1])
    except Exception as error:  # noqa: BLE001  # an effect, though an ugly one; other checks look at it
        return repr(error)
    return results


@check("PART-005/hyperparameters-matter", level="strict", needs=(_needs_effects, _needs_fields), scope="part")
def hyperparameters_matter(subject: Subject) -> None:
    """A hyperparameter without any effect is a promise that the part does not keep.

    Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.
    """
    expect_effects(subject, _behaviour, skip=("seed",))


def _expect_copy(subject: Subject, again: Any, part: Any, description: str) -> None:
    """Fail unless ``again`` equals ``part`` and behaves like it."""
    require(again == part, f"{description} is another one", got=again, expected=part)
    expect_same_behaviour(subject, resolve_parts(again), description)


@check("PART-006/config-round-trip", needs=needs_attrs, scope="variant")
def config_round_trip(subject: Subject) -> None:
    """A network is saved as JSON; what does not come back is lost.

    Keep everything that shapes the part in fields of plain type (numbers, strings, flags, parts).
    """
    part = subject.cls(**subject.hyperparameters)
    plain: dict[str, Any] = {}
    for field in hyperparameter_fields(subject.cls):
        value = getattr(part, field.name)
        if isinstance(value, Part):
            continue
        try:
            plain[field.alias] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            fail(f"the field {field.name!r} cannot be written to JSON: {error}", got=value, expected="a plain value")
    again = subject.cls(**{**subject.hyperparameters, **plain})
    _expect_copy(subject, again, part, "the part read back from JSON")
    hidden = [field.name for field in attrs.fields(subject.cls) if not field.init]
    require(not hidden, f"the fields {hidden} are not arguments, so a config cannot hold them", expected="init=True")
    if subject.id is None:
        return
    from nnkit.registry import part_from_config, part_to_config

    config = json.loads(json.dumps(part_to_config(subject.make()), allow_nan=False))
    again = part_from_config(subject.cls.kind, config)
    require(type(again) is subject.cls, "its config makes a part of another class", got=again, expected=subject.cls)
    _expect_copy(subject, again, subject.make(), "the part made from its config")


@check(
    "PART-007/pickle",
    needs=applies_if(lambda s: "<locals>" not in s.cls.__qualname__, "Python pickles no class made in a function"),
    scope="variant",
)
def pickled(subject: Subject, part: Any) -> None:
    """Parallel searches and process pools send parts by pickle.

    Keep lambdas, open files and locks out of fields; define the class at the top of a module.
    """
    again = pickle.loads(pickle.dumps(part))  # noqa: S301  # its own bytes, made one line ago
    _expect_copy(subject, again, part, "the unpickled part")


@check("PART-008/deepcopy", scope="variant")
def deepcopied(subject: Subject, part: Any) -> None:
    """Cross-validation copies parts; a copy must behave alike.

    Write no __deepcopy__ and no __copy__; attrs classes copy themselves.
    """
    _expect_copy(subject, copy.deepcopy(part), part, "the deepcopy")
    _expect_copy(subject, copy.copy(part), part, "the copy")


@check(
    "PART-009/resolution",
    needs=applies_if(lambda s: s.id is not None, "the class is not registered under a name"),
    scope="part",
)
def resolution(subject: Subject) -> None:
    """Users write a part's name in any spelling that the registry accepts.

    Register the class under a lower_case name; leave __init__ to attrs, so that keywords reach the fields.
    """
    from nnkit import registry

    assert subject.id is not None
    namespace, _, bare = subject.id.partition("/")
    default = subject.cls(**subject.hyperparameters)
    spellings: list[Any] = [default, {"name": subject.id, **subject.hyperparameters}]
    if not required_fields(subject.cls):
        words = (bare, bare.upper(), bare.replace("_", "-"), bare.replace("_", ""), f"{bare}()")
        spellings += [f"{namespace}/{word}" for word in words]
        spellings += [{"name": subject.id}, subject.cls]
    specs = [(spelling, default) for spelling in spellings]
    for variant in subject.variants:
        if all(isinstance(value, (int, float, str, bool, type(None))) for value in variant.values()):
            fields = ", ".join(f"{name}={value!r}" for name, value in variant.items())
            specs.append((f"{subject.id}({fields})", subject.cls(**variant)))
    for spec, expected in specs:
        part = registry.create(subject.cls.kind, spec)
        right = type(part) is subject.cls and part == resolve_parts(expected)
        require(
            right, f"registry.create({subject.cls.kind!r}, {spec!r}) makes another part", got=part, expected=expected
        )
