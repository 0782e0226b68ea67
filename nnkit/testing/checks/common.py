"""Checks of every kind of part: construction, hyperparameters, copies, purity, arrays, settings."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import random
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Part
from nnkit.interfaces.fields import PART_KIND
from nnkit.testing.call import Call, compare, leaves, quiet
from nnkit.testing.failure import CheckFailure, fail, require, same
from nnkit.testing.kinds import calls_of, family_checks
from nnkit.testing.record import Shelf
from nnkit.testing.subject import Subject, family_of, required_fields, resolve_parts

SHELF = Shelf()

IMPOSSIBLE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (-1.0,),
    "momentum": (-0.5, 1.5),
    "beta1": (-0.5, 1.5),
    "beta2": (-0.5, 1.5),
    "epsilon": (-1.0,),
    "weight_decay": (-1.0,),
    "strength": (-1.0,),
}
"""Values that no part can mean, for the names that the project fixes."""


def _calls(subject: Subject) -> list[Call]:
    return calls_of(subject)


def _digest(part: Any, calls: list[Call]) -> list[Any]:
    """Everything the part answers, for comparison with another instance."""
    with quiet():
        return [call.result(part) for call in calls]


def _same_behaviour(subject: Subject, other: Any, how: str) -> None:
    calls = _calls(subject)
    part = subject.make()
    for call in calls:
        with quiet():
            found = compare(call.result(other), call.result(part))
        if found is not None:
            fail(f"{call.name} of {how} differs", inputs=call.arrays, got=found.got, expected=found.expected)


# -- construction ----------------------------------------------------------------------------


def _is_attrs(subject: Subject) -> str | None:
    return None if attrs.has(subject.cls) else "it is not an attrs class (PART-002 says so)"


def _has_fields(subject: Subject) -> str | None:
    if not attrs.has(subject.cls):
        return _is_attrs(subject)
    return None if attrs.fields(subject.cls) else "it has no hyperparameters"


@SHELF.check(
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


@SHELF.check(
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


@SHELF.check(
    "PART-003/equality",
    why="Configs, caches and tests compare parts; equal hyperparameters must make equal parts.",
    fix="Let attrs write __eq__ and __hash__ (eq=True, frozen): every hyperparameter takes part, nothing else does.",
    needs=_is_attrs,
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
        for value in _alternatives(one, field):
            other = _evolved(one, field.name, value)
            if other is not None and getattr(other, field.name) != getattr(one, field.name):
                require(one != other, f"parts that differ in {field.name!r} are equal", got=other, expected=one)
                break


def _unhashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return False


def _alternatives(part: Any, field: Any) -> Iterator[Any]:
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


def _evolved(part: Any, name: str, value: Any) -> Any:
    """The part with one field changed, or ``None`` where that is refused."""
    alias = getattr(attrs.fields_dict(type(part))[name], "alias", name)
    try:
        return attrs.evolve(part, **{alias: value})
    except Exception:  # noqa: BLE001  # refused: not an alternative
        return None


@SHELF.check(
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


@SHELF.check(
    "PART-005/hyperparameters-matter",
    why="A hyperparameter without any effect is a promise that the part does not keep.",
    fix="Use the field, or remove it; where it only acts together with another, declare that pair in `variants`.",
    level="strict",
    needs=_has_fields,
    scope="part",
)
def hyperparameters_matter(subject: Subject) -> None:
    if subject.cls.kind in {"callback", "layer"} or family_of(subject.cls) == "solver":
        return
    for field in attrs.fields(subject.cls):
        if not field.init or not field.eq or (PART_KIND in field.metadata and field.default is None):
            continue
        tried = []
        for variant in subject.variants:
            here = attrs.evolve(subject, hyperparameters=variant)
            base = here.make()
            calls = _calls(here)
            if field.name == "seed":
                continue
            before = _digest(base, calls)
            for value in _alternatives(base, field):
                other = _evolved(base, field.name, value)
                if other is None or getattr(other, field.name) == getattr(base, field.name):
                    continue
                tried.append(value)
                try:
                    changed = compare(_digest(other, calls), before) is not None
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


# -- copies ----------------------------------------------------------------------------------


@SHELF.check(
    "PART-006/config-round-trip",
    why="A network is saved as JSON; what does not come back is lost.",
    fix="Keep everything that shapes the part in fields of plain type (numbers, strings, flags, parts).",
    needs=_is_attrs,
    scope="variant",
)
def config_round_trip(subject: Subject) -> None:
    part = subject.cls(**subject.hyperparameters)
    fields = [field for field in attrs.fields(subject.cls) if field.init and field.eq]
    plain: dict[str, Any] = {}
    for field in fields:
        value = getattr(part, field.name)
        if isinstance(value, Part):
            continue
        try:
            plain[field.alias] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            fail(f"the field {field.name!r} cannot be written to JSON: {error}", got=value, expected="a plain value")
    again = subject.cls(**{**subject.hyperparameters, **plain})
    require(again == part, "the part read back from JSON is another one", got=again, expected=part)
    _same_behaviour(subject, resolve_parts(again), "the part read back from JSON")
    hidden = [field.name for field in attrs.fields(subject.cls) if not field.init]
    require(not hidden, f"the fields {hidden} cannot be given, so a config cannot carry them", expected="init=True")
    if subject.id is None:
        return
    from nnkit.registry import part_from_config, part_to_config

    config = json.loads(json.dumps(part_to_config(subject.make()), allow_nan=False))
    made = part_from_config(subject.cls.kind, config)
    require(type(made) is subject.cls, "the registry makes another class of its config", got=made, expected=subject.cls)
    require(made == subject.make(), "the part made from its config is another one", got=made, expected=subject.make())
    _same_behaviour(subject, made, "the part made from its config")


@SHELF.check(
    "PART-007/pickle",
    why="Parallel searches and process pools send parts by pickle.",
    fix="Keep lambdas, open files and locks out of fields; define the class at the top of a module.",
    scope="variant",
)
def pickled(subject: Subject) -> None:
    if "<locals>" in subject.cls.__qualname__:
        return  # a class that was made within a function, in a test: Python itself cannot pickle it
    part = subject.make()
    again = pickle.loads(pickle.dumps(part))  # noqa: S301  # its own bytes, made one line ago
    require(again == part, "the unpickled part is not equal", got=again, expected=part)
    _same_behaviour(subject, again, "the unpickled part")


@SHELF.check(
    "PART-008/deepcopy",
    why="Cross-validation copies parts; a copy must behave alike.",
    fix="Write no __deepcopy__ and no __copy__; attrs classes copy themselves.",
    scope="variant",
)
def deepcopied(subject: Subject) -> None:
    part = subject.make()
    for how, again in (("deepcopy", copy.deepcopy(part)), ("copy", copy.copy(part))):
        require(again == part, f"the {how} is not equal", got=again, expected=part)
        _same_behaviour(subject, again, f"the {how}")


def _is_registered(subject: Subject) -> str | None:
    return None if subject.id is not None else "the class is not registered under a name"


@SHELF.check(
    "PART-009/resolution",
    why="A composer names the part in whatever spelling comes to hand.",
    fix="Register the class under a lower_case name; leave __init__ to attrs, so that keywords reach the fields.",
    needs=_is_registered,
    scope="part",
)
def resolution(subject: Subject) -> None:
    from nnkit import plugins

    if subject.id is None:
        return
    kind = subject.cls.kind
    namespace, _, bare = subject.id.partition("/")
    default = subject.cls(**subject.hyperparameters)
    spellings: list[Any] = [default, {"name": subject.id, **subject.hyperparameters}]
    if not required_fields(subject.cls):
        spellings += [
            subject.id,
            f"{namespace}/{bare.upper()}",
            f"{namespace}/{bare.replace('_', '-')}",
            f"{namespace}/{bare.replace('_', '')}",
            f"{subject.id}()",
            {"name": subject.id},
            subject.cls,
        ]
    for spelling in spellings:
        found = plugins.create(kind, spelling)
        require(
            type(found) is subject.cls and found == resolve_parts(default),
            f"plugins.create({kind!r}, {spelling!r}) gives another part",
            got=found,
            expected=default,
        )
    for variant in subject.variants:
        if all(isinstance(value, (int, float, str, bool, type(None))) for value in variant.values()):
            words = ", ".join(f"{name}={value!r}" for name, value in variant.items())
            found = plugins.create(kind, f"{subject.id}({words})")
            require(
                found == resolve_parts(subject.cls(**variant)),
                f"the spec {subject.id}({words}) gives another part",
                got=found,
                expected=subject.cls(**variant),
            )


# -- arrays ----------------------------------------------------------------------------------


def _has_calls(subject: Subject) -> str | None:
    return None if _calls(subject) else "it has no calls with arrays"


@SHELF.check(
    "PART-010/inputs-unmutated",
    why="The arrays belong to the caller; a part that writes to them damages the data of everybody else.",
    fix="Work on a copy; in-place numpy (`+=`, `out=`) only on arrays that the interface lets the part write to.",
)
def inputs_unmutated(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        given = call.fresh()
        with quiet():
            call.run(part, given)
        for name, original in call.arrays.items():
            if name not in call.writes:
                found = same(given[name], original)
                if found is not None:
                    fail(
                        f"{call.name} writes to its argument {name!r}",
                        inputs=call.arrays,
                        got=found.got,
                        expected=found.expected,
                    )


@SHELF.check(
    "PART-011/outputs-not-aliased",
    why="A result that shares memory with an argument changes when the caller reuses its array.",
    fix="Return a new array: `.copy()`, or an operation that makes one.",
)
def outputs_not_aliased(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        given = call.fresh()
        with quiet():
            first = call.run(part, given)
            second = call.run(part, call.fresh())
        for path, leaf in leaves(first):
            if not isinstance(leaf, np.ndarray):
                continue
            for name, array in given.items():
                if name not in call.shares | call.writes and np.shares_memory(leaf, array):
                    fail(f"{path} of {call.name} shares memory with {name!r}", inputs=call.arrays)
            require(leaf.flags.writeable, f"{path} of {call.name} is read-only", inputs=call.arrays)
            for other_path, other in leaves(second):
                if isinstance(other, np.ndarray) and other.size and np.shares_memory(leaf, other):
                    fail(f"{path} of {call.name} shares memory with {other_path} of the next call", inputs=call.arrays)


@SHELF.check(
    "PART-012/read-only-inputs",
    why="Memory-mapped and shared data are read-only.",
    fix="Do not write to arguments, not even to restore them afterwards.",
)
def read_only_inputs(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        given = call.fresh()
        for name, array in given.items():
            array.flags.writeable = name in call.writes
        with quiet():
            found = compare(copy.deepcopy(call.run(part, given)), call.result(part))
        if found is not None:
            fail(
                f"{call.name} gives another result for read-only arguments",
                inputs=call.arrays,
                got=found.got,
                expected=found.expected,
            )


def _layouts(array: Array) -> Iterator[tuple[str, Array]]:
    wide = np.repeat(array, 2, axis=-1) if array.ndim else array
    if array.ndim:
        if wide.dtype.kind == "f":
            wide[..., 1::2] = np.nan
        yield "every second column of a wider one", wide[..., ::2]
        yield "a reversed view", np.ascontiguousarray(array[::-1])[::-1]
    if array.ndim > 1:
        yield "Fortran-ordered", np.asfortranarray(array)
        yield "a transposed view", np.ascontiguousarray(array.T).T


@SHELF.check(
    "PART-013/memory-layouts",
    why="Slices, transposes and columns of a data frame are not contiguous.",
    fix="Address arrays by index, never by raw memory (`.ravel(order='K')`, `.view`, `.data`, reshape in place).",
)
def memory_layouts(subject: Subject) -> None:
    part = subject.make()
    tolerance = 64 * subject.eps
    for call in _calls(subject):
        plain = call.result(part)
        for name in call.arrays:
            if name in call.writes:
                continue
            for how, view in _layouts(call.arrays[name]):
                given = {**call.fresh(), name: view}
                with quiet():
                    found = compare(copy.deepcopy(call.run(part, given)), plain, rtol=tolerance, atol=tolerance)
                if found is not None:
                    fail(
                        f"{call.name} gives another result when {name!r} is {how}",
                        inputs=call.arrays,
                        got=found.got,
                        expected=found.expected,
                    )


def _has_row_calls(subject: Subject) -> str | None:
    return None if any(call.rows for call in _calls(subject)) else "its results are not by rows"


@SHELF.check(
    "PART-014/zero-and-one-row",
    why="The last batch of an epoch may have one row, a filtered one none.",
    fix="Reduce along axis 1, keep the axis of the samples, and divide by nothing that counts rows.",
    needs=_has_row_calls,
)
def zero_and_one_row(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        if not call.rows:
            continue
        plain = dict(leaves(call.result(part)))
        for count in (0, 1):
            given = {n: (a[:count].copy() if n in call.rows else a.copy()) for n, a in call.arrays.items()}
            with quiet() as noted:
                result = dict(leaves(call.run(part, {n: a.copy() for n, a in given.items()})))
            require(not noted.warned, f"{call.name} warns for {count} rows", inputs=given, got=noted.warned)
            for path, leaf in result.items():
                if not isinstance(plain.get(path), np.ndarray):
                    continue
                expected = (count, *plain[path].shape[1:])
                require(
                    np.shape(leaf) == expected,
                    f"{path} of {call.name} has the wrong shape for {count} rows",
                    inputs=given,
                    got=np.shape(leaf),
                    expected=expected,
                )


@SHELF.check(
    "PART-015/rows-apart",
    why="A sample's result must not depend on which other samples share its batch.",
    fix="Reduce along the axis of the units only; no mean, maximum or norm over axis 0, no 1/N.",
    needs=_has_row_calls,
)
def rows_apart(subject: Subject) -> None:
    part = subject.make()
    tolerance = 64 * subject.eps
    for call in _calls(subject):
        if not call.rows:
            continue
        whole = dict(leaves(call.result(part)))
        count = min(call.arrays[name].shape[0] for name in call.rows)
        selections = [[n] for n in range(count)] + [list(range(count))[::-1], [0, 0, *range(count)]]
        for chosen in selections:
            given = {n: (a[chosen].copy() if n in call.rows else a.copy()) for n, a in call.arrays.items()}
            with quiet():
                result = dict(leaves(call.run(part, {n: a.copy() for n, a in given.items()})))
            for path, leaf in result.items():
                found = compare(leaf, whole[path][chosen], rtol=tolerance, atol=tolerance)
                if found is not None:
                    fail(
                        f"{call.name} of rows {chosen} differs from the same rows of the whole batch of {count}",
                        inputs=given,
                        got=found.got,
                        expected=found.expected,
                    )


@SHELF.check(
    "PART-016/dtype-kept",
    why="One float64 in a float32 network doubles its memory and halves its speed, unseen.",
    fix="Make constants of the input's dtype: `z.dtype.type(0.1)`, `np.zeros_like(z)`, `.astype(z.dtype, copy=False)`.",
)
def dtype_kept(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        if not call.floats:
            continue
        for path, leaf in leaves(call.result(part)):
            dtype = getattr(leaf, "dtype", None)
            if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "fc":
                require(
                    dtype == subject.dtype,
                    f"{path} of {call.name} has another dtype than the arguments",
                    inputs=call.arrays,
                    got=dtype,
                    expected=subject.dtype,
                )


# -- purity ----------------------------------------------------------------------------------


@SHELF.check(
    "PART-017/pure",
    why="The same arguments must give the same result, or no run can be repeated.",
    fix="Keep nothing between calls: no cache, counter or default argument that changes, no unseeded generator.",
)
def pure(subject: Subject) -> None:
    part = subject.make()
    calls = _calls(subject)
    before = _digest(part, calls)
    for round_ in range(2):
        for call, first in reversed(list(zip(calls, before, strict=True))):
            with quiet():
                found = compare(call.result(part), first)
            if found is not None:
                fail(
                    f"{call.name} gives another result when it is called again (round {round_ + 2})",
                    inputs=call.arrays,
                    got=found.got,
                    expected=found.expected,
                )
    for call, first in zip(calls, before, strict=True):
        given = call.fresh()
        with quiet():
            call.run(part, given)
            for name, array in given.items():  # the caller fills the same memory with its next batch
                np.copyto(array, np.roll(call.arrays[name], 1, axis=0))
            changed = {name: array.copy() for name, array in given.items()}
            found = compare(copy.deepcopy(call.run(part, given)), call.run(subject.make(), changed))
            again = compare(call.result(part), first)
        if found is not None or again is not None:
            worst = found or again
            fail(
                f"{call.name} remembers the arguments of an earlier call",
                inputs=call.arrays,
                got=worst.got if worst else "",
                expected=worst.expected if worst else "",
            )


@SHELF.check(
    "PART-018/instances-apart",
    why="Two networks with the same kind of part train side by side.",
    fix="Keep no class attribute, module global or mutable default that a call writes to.",
)
def instances_apart(subject: Subject) -> None:
    calls = _calls(subject)
    alone = _digest(subject.make(), calls)
    one, two = subject.make(), subject.make()
    others = [attrs.evolve(subject, hyperparameters=variant) for variant in subject.variants]
    strangers = [(other.make(), _calls(attrs.evolve(other, seed=other.seed + 1))) for other in others]
    for position, call in enumerate(calls):
        with quiet():
            for part, theirs in strangers:
                if position < len(theirs):
                    theirs[position].result(part)
            first, second = call.result(one), call.result(two)
        for result in (first, second):
            found = compare(result, alone[position])
            if found is not None:
                fail(
                    f"{call.name} changes when other instances are used in between",
                    inputs=call.arrays,
                    got=found.got,
                    expected=found.expected,
                )


@SHELF.check(
    "PART-019/no-global-random",
    why="A draw from the global generator makes runs depend on everything that ran before.",
    fix="Draw only from the numpy.random.Generator that the method is given; never seed anything.",
    scope="variant",
)
def no_global_random(subject: Subject) -> None:
    kept = np.random.get_state(), random.getstate()  # noqa: NPY002  # it is what must not change
    try:
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002  # so that a part that reads it shows
            random.seed(seed)
            numpy_before, python_before = np.random.get_state(), random.getstate()  # noqa: NPY002
            part = subject.make()
            for call in _calls(subject):
                with quiet():
                    call.result(part)
                numpy_after = np.random.get_state()  # noqa: NPY002
                unchanged = all(np.array_equal(a, b) for a, b in zip(numpy_before, numpy_after, strict=True))
                require(unchanged, f"{call.name} reads or seeds numpy's global generator", inputs=call.arrays)
                require(
                    random.getstate() == python_before,
                    f"{call.name} reads or seeds Python's global generator",
                    inputs=call.arrays,
                )
    finally:
        np.random.set_state(kept[0])  # noqa: NPY002
        random.setstate(kept[1])


@SHELF.check(
    "PART-020/settings-restored",
    why="A part that changes numpy's error state or the warning filters changes everybody's program.",
    fix="Use `with np.errstate(...)`, which restores itself; never np.seterr or warnings.simplefilter.",
    scope="variant",
)
def settings_restored(subject: Subject) -> None:
    with quiet(settings=True) as made:
        part = subject.make()
    require(not made.settings, f"making the part leaves {made.settings} changed")
    for call in _calls(subject):
        with quiet(settings=True) as noted:
            call.result(part)
        require(not noted.settings, f"{call.name} leaves {noted.settings} changed", inputs=call.arrays)


@SHELF.check(
    "PART-021/silent",
    why="Warnings are errors in many test suites, and prints break every pipe.",
    fix="Choose a formula without overflow and 0/0 (or a narrow `with np.errstate`); remove the print.",
)
def silent(subject: Subject) -> None:
    part = subject.make()
    for call in _calls(subject):
        with quiet() as noted:
            call.result(part)
        require(not noted.warned, f"{call.name} warns", inputs=call.arrays, got=noted.warned)
        require(not noted.printed, f"{call.name} prints", inputs=call.arrays, got=repr(noted.printed))


# -- documentation and figures ---------------------------------------------------------------


@SHELF.check(
    "PART-022/documented",
    why="A part is read before it is used; its formula, ranges and source belong to it.",
    fix="Write a docstring: one line with the formula, the arguments with their ranges, Source, Example.",
    level="advisory",
    scope="part",
)
def documented(subject: Subject) -> None:
    text = inspect.cleandoc(subject.cls.__doc__ or "")
    require(len(text.splitlines()) > 0 and not text.startswith("Method generated"), "the class has no docstring")
    fields = attrs.fields(subject.cls) if attrs.has(subject.cls) else ()
    missing = [field.name for field in fields if field.name not in text]
    require(not missing, f"the docstring does not mention {missing}")
    require("Source" in text, "the docstring names no source")


@SHELF.check(
    "PART-023/figures-declared",
    why="A part may be the wrong function with the right derivative; only figures from elsewhere can show it.",
    fix="Declare `examples` (nnkit.interfaces.Example: inputs, expected outputs, source) or a `reference`.",
    level="advisory",
    scope="part",
)
def figures_declared(subject: Subject) -> None:
    if subject.cls.kind == "callback":
        return
    require(
        subject.cls.examples or subject.cls.reference is not None,
        "neither `examples` nor `reference`: its values are not compared with anybody else's",
    )
    for example in subject.cls.examples:
        require(str(example.source).strip(), "an example names no source", got=example.source)


@SHELF.check(
    "PART-024/traits-declared",
    why="Traits decide which checks apply; a trait of the wrong type, or misspelt, switches them off unseen.",
    fix="Compare the class attributes with the list in the interface's docstring.",
    scope="part",
)
def traits_declared(subject: Subject) -> None:
    interface = next(base for base in subject.cls.__mro__ if base.__module__.startswith("nnkit.interfaces."))
    known = {
        name: getattr(interface, name)
        for base in interface.__mro__
        if base.__module__.startswith("nnkit.interfaces.")
        for name in vars(base)
        if not name.startswith("_") and not callable(getattr(interface, name, None))
    }
    for name, default in known.items():
        value = getattr(subject.cls, name)
        if isinstance(default, bool):
            require(isinstance(value, bool), f"the trait {name!r} is not a flag", got=value, expected="True or False")
    for name, expected in (("range", 2), ("bounds", 2)):
        if name in known:
            value = getattr(subject.cls, name)
            require(
                len(value) == expected and value[0] <= value[1],
                f"the trait {name!r} is not an interval",
                got=value,
                expected="(low, high) with low <= high",
            )
    for name in ("kinks", "fixed_points"):
        if name in known:
            value = getattr(subject.cls, name)
            require(
                isinstance(value, tuple) and all(np.isfinite(item) for item in value),
                f"the trait {name!r} is not a tuple of finite numbers",
                got=value,
                expected="for instance (0.0,)",
            )


# -- away from the defaults ------------------------------------------------------------------

AGAIN: dict[str, tuple[str, ...]] = {
    "activation": ("ACT-002", "ACT-007"),
    "loss": ("LOSS-002", "LOSS-006", "LOSS-007", "LOSS-008"),
    "optimizer": ("OPT-010", "OPT-012"),
    "initializer": ("INIT-005",),
    "layer": ("LAY-002", "LAY-003"),
    "schedule": ("SCH-001",),
    "regularizer": ("REG-002", "REG-007", "REG-008"),
    "metric": ("MET-002", "MET-003"),
}
"""The checks of each kind that must hold whatever the hyperparameters are."""


def _elsewhere(subject: Subject) -> dict[str, Any]:
    """Hyperparameters in which every field that no variant varies has another value than its default."""
    if family_of(subject.cls) not in AGAIN or not attrs.has(subject.cls):
        return {}
    part = subject.cls(**subject.variants[0])
    varied = {name for variant in subject.variants[1:] for name in variant}
    found = dict(subject.variants[0])
    for field in attrs.fields(subject.cls):
        if not field.init or not field.eq or field.alias in varied or field.name == "seed":
            continue
        value = getattr(part, field.name)
        for other in (_near(value), *_alternatives(part, field)):
            moved = None if other is None else _evolved(part, field.name, other)
            if moved is not None and getattr(moved, field.name) != value:
                part, found[field.alias] = moved, other
                break
    return {} if found == dict(subject.variants[0]) else found


def _near(value: Any) -> Any:
    """A value that is likely to lie in the same range."""
    return value * 0.75 if isinstance(value, float) else None


@SHELF.check(
    "PART-025/other-hyperparameters",
    why="A derivative that forgets a hyperparameter is right at the default of 1, and wrong for everybody else.",
    fix="Look for the hyperparameter in both formulas; list in `variants` what you want proven in full.",
    since="0.2",
    needs=lambda s: None if _elsewhere(s) else "its variants change every hyperparameter that could be",
    scope="part",
)
def other_hyperparameters(subject: Subject) -> None:
    moved = _elsewhere(subject)
    here = attrs.evolve(subject, hyperparameters=moved, variants=(moved,))
    changed = ", ".join(f"{name}={value!r}" for name, value in moved.items() if subject.variants[0].get(name) != value)
    for check in family_checks(family_of(subject.cls)):
        if check.number not in AGAIN[family_of(subject.cls)] or check.needs(here) is not None:
            continue
        try:
            check.run(here)
        except CheckFailure as verdict:
            raise CheckFailure(
                f"with {changed} it fails {check.id}: {verdict.message}",
                inputs=verdict.inputs,
                got=verdict.got,
                expected=verdict.expected,
            ) from verdict
