"""What is proven, and how: the parts that a name, a class or an instance selects, and the settings of a run."""

import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any, TypeAlias

import attrs
import numpy as np

from nnkit import registry
from nnkit.errors import AmbiguousNameError, NNKitError, PluginLoadError, SpecError, UnknownNameError
from nnkit.interfaces import Part, PartSpec
from nnkit.registry.kinds import KINDS, import_object, kind_of
from nnkit.spelling import CORE_DISTRIBUTION, distribution_key, suggest
from nnkit.testing.catalog import check_ids
from nnkit.testing.record import required_fields

Component: TypeAlias = PartSpec
"""A distribution, ``"distribution/name"``, ``"module:Class"``, or a part in any form that a network accepts."""


@attrs.frozen(kw_only=True)
class Selected:
    """One part to be proven.

    Args:
        cls: Its class.
        name: How reports call it: the canonical id, or the name of the class.
        id: The canonical id; ``None`` when it is not registered.
        variants: The hyperparameter sets to be proven.
        target: How the command line calls it; ``None`` when it cannot be imported by name.
    """

    cls: type[Part]
    name: str
    id: str | None
    variants: tuple[Mapping[str, Any], ...]
    target: str | None


def select(component: Component, *, kind: str | None = None) -> list[Selected]:
    """The parts that ``component`` names.

    Args:
        component: A distribution (all that it provides), ``distribution/name``, the name of a part, a
            spec, ``"module:Class"``, a class, or an instance; with ``kind`` also a mapping, a tuple of
            functions, or an object with ``update``.
        kind: Only parts of this kind.

    Raises:
        UnknownNameError: When nothing is called so, or the distribution provides nothing of the kind.
        PluginLoadError: When something that the distribution promises cannot be loaded.
        SpecError: When it is no part at all.
    """
    wanted = None if kind is None else kind_of(kind).name
    if isinstance(component, str):
        return _by_name(component, wanted)
    if isinstance(component, type):
        if issubclass(component, Part) and not inspect.isabstract(component):
            return [_of_class(component)]
    elif isinstance(component, Part):
        return [_of_instance(component)]
    elif wanted is not None:
        return [_of_instance(registry.create(wanted, component))]
    raise SpecError(_no_part(component))


def _no_part(component: Any) -> str:
    missing = sorted(getattr(component, "__abstractmethods__", ()))
    if missing:
        return f"{component.__name__} does not implement {', '.join(missing)}"
    return (
        f"{component!r} is no part: expected a class that derives from one of nnkit.interfaces (Elementwise, Loss, "
        "Optimizer, …), an instance of one, or the name of a distribution; other specs, such as a tuple (function, "
        "derivative), need kind="
    )


def _of_class(cls: type[Part], identity: str | None = None) -> Selected:
    identity = identity or registry.name_of(cls)
    variants = tuple({**variant} for variant in cls.variants)
    return Selected(
        cls=cls,
        name=identity or cls.__qualname__.rpartition("<locals>.")[2],
        id=identity,
        variants=variants if variants and required_fields(cls) else ({}, *(one for one in variants if one)),
        target=identity or _importable(cls),
    )


def _importable(cls: type[Part]) -> str | None:
    if "<locals>" in cls.__qualname__ or cls.__module__ == "__main__":
        return None
    path = f"{cls.__module__}:{cls.__qualname__}"
    try:
        return path if pkgutil.resolve_name(path) is cls else None
    except (ImportError, AttributeError):
        return None


def _of_instance(part: Any) -> Selected:
    chosen = _of_class(type(part))
    changed = {}
    for field in attrs.fields(type(part)) if attrs.has(type(part)) else ():
        if field.init and (
            field.default is attrs.NOTHING or getattr(part, field.name) != getattr(_default(part), field.name)
        ):
            changed[field.alias] = getattr(part, field.name)
    words = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    return attrs.evolve(
        chosen,
        name=f"{chosen.name}({words})" if words else chosen.name,
        variants=(changed, *(variant for variant in chosen.variants if variant not in ({}, changed))),
        target=None if words else chosen.target,
    )


def _default(part: Any) -> Any:
    try:
        return type(part)()
    except Exception:  # noqa: BLE001  # a part without defaults: PART-001 says so; here all fields count as changed
        return type("Nothing", (), {field.name: object() for field in attrs.fields(type(part))})


def _by_name(text: str, kind: str | None) -> list[Selected]:
    if ":" in text and "(" not in text:
        return select(_imported(text))
    if "(" in text:
        kinds = _kinds_of(text.partition("(")[0], kind)
        return [_of_instance(registry.create(one, text)) for one in kinds] or _nothing(text, kind)
    if "/" not in text:
        known = {distribution_key(one.distribution): one for one in registry.providers(load=True)}
        provider = known.get(distribution_key(text))
        if provider is not None:
            return _of_distribution(provider, kind)
    return [_of_class(registry.get(one, text)) for one in _kinds_of(text, kind)] or _nothing(text, kind)


def _imported(text: str) -> Any:
    try:
        return import_object(text)
    except ImportError as error:
        raise UnknownNameError(f"{text!r} cannot be imported: {error}") from error


def _kinds_of(name: str, kind: str | None) -> list[str]:
    """The kinds in which ``name`` is known, those that fail to load included."""
    known = []
    for one in [kind] if kind else KINDS:
        try:
            registry.get(one, name)
        except (PluginLoadError, AmbiguousNameError):
            raise
        except NNKitError:
            continue
        known.append(one)
    return known


def _of_distribution(provider: Any, kind: str | None) -> list[Selected]:
    name = provider.distribution
    if provider.state in {"failed", "disabled"}:
        raise PluginLoadError(
            f"{name} cannot be proven, it is {provider.state}: {provider.reason}\n{registry.why(name)}"
        )
    namespace = distribution_key(name)
    parts: Iterable[tuple[str, tuple[str, ...]]] = provider.parts.items()
    parts_of_kind = [
        _of_class(registry.get(one, f"{namespace}/{part}"), f"{namespace}/{part}")
        for one, names in parts
        if kind in {None, one}
        for part in names
    ]
    if parts_of_kind:
        return parts_of_kind
    if kind is not None:
        offered = ", ".join(f"{len(names)} {one}" for one, names in parts if names) or "nothing"
        raise UnknownNameError(f"{name} provides no {kind}, so nothing is proven; it provides {offered}")
    core = " (nnkit-core is the library itself)" if name == CORE_DISTRIBUTION else ""
    raise UnknownNameError(f"{name}{core} registers no parts, so nothing is proven; look at its entry points")


def _nothing(text: str, kind: str | None) -> list[Selected]:
    """Raise: nothing is called ``text``; say why as well as can be."""
    if "/" in text:
        if kind is not None:
            registry.get(kind, text.partition("(")[0])  # raises the registry's own answer
        raise UnknownNameError(f"no part {text!r} can be proven: {registry.why(text.partition('(')[0])}")
    installed = sorted({distribution_key(str(one.name)) for one in metadata.distributions() if one.name})
    providers = [one.distribution for one in registry.providers()]
    word = f" {kind}" if kind else ""
    if distribution_key(text) in installed:
        raise UnknownNameError(
            f"the distribution {text!r} is installed but provides no parts, so nothing is proven: its pyproject.toml "
            'needs [project.entry-points."nnkit.<kind>s"] with name = "module:Class", and installing anew'
        )
    parts = {part for one in ([kind] if kind else KINDS) for part in registry.names(one)}
    close = [*suggest(text, providers, count=2), *suggest(text, sorted(parts), count=2)][:2]
    hint = f"; did you mean {' or '.join(repr(one) for one in close)}?" if close else "."
    raise UnknownNameError(
        f"no distribution and no{word} part is called {text!r}, so nothing is proven{hint} "
        f"Installed distributions with parts: {', '.join(providers)}. Is the plugin installed in this environment "
        "(pip install -e .)?"
    )


DTYPES = ("float64", "float32")

DTypeName: TypeAlias = str | type[np.generic] | np.dtype[Any]
"""A dtype as numpy accepts it; ``Any`` stands for the scalar type, which numpy leaves open."""


def _settle_dtypes(dtypes: Iterable[DTypeName] | DTypeName) -> tuple[str, ...]:
    words = [dtypes] if isinstance(dtypes, (str, type, np.dtype)) else list(dtypes)
    names = tuple(word if isinstance(word, str) else np.dtype(word).name for word in words)
    wrong = [name for name in names if name not in DTYPES]
    if wrong or not names:
        came = ", ".join(map(repr, wrong)) or "none"
        raise SpecError(f"dtypes: {came} given; parts are proven in {' and '.join(DTYPES)}: name one of them, or both")
    return names


def _settle_only(only: Iterable[str] | str | None) -> tuple[str, ...] | None:
    words = [only] if isinstance(only, str) else only
    return None if words is None else tuple(identity for word in words for identity in check_ids(word))


def _settle_expected(expected: Mapping[str, str] | None) -> dict[str, str]:
    settled: dict[str, str] = {}
    for word, reason in (expected or {}).items():
        part, separator, name = word.rpartition("::")
        ids = check_ids(name)
        if not isinstance(reason, str) or not reason.strip():
            raise SpecError(f"the expected failure {word!r} has no reason; write why it fails and when it will not")
        settled |= {f"{part}{separator}{identity}": reason for identity in ids}
    return settled


@attrs.frozen(kw_only=True)
class Settings:
    """How to run; checks are named by any of their names, and kept by their full ids.

    Args:
        dtypes: The dtypes that parts are tried in.
        seed: Seed of every random array.
        thorough: Whether hypothesis chooses further arrays.
        only: The checks to run; ``None`` for all.
        expected: Reasons by the id of a check that is expected to fail (and must).
        command: The shell command with which failures say how to rerun one check.

    Raises:
        UnknownNameError: When a check is unknown.
        SpecError: When an expected failure has no reason, or parts are not tried in a dtype.
    """

    dtypes: tuple[str, ...] = attrs.field(default=DTYPES, converter=_settle_dtypes)
    seed: int = 0
    thorough: bool = False
    only: tuple[str, ...] | None = attrs.field(default=None, converter=_settle_only)
    expected: Mapping[str, str] = attrs.field(default=None, converter=_settle_expected)
    command: str = "python -m nnkit.testing"

    @property
    def complete(self) -> bool:
        """Whether every check is run in both dtypes, so that a part can be graded."""
        return self.only is None and {*self.dtypes} == {*DTYPES}

    def expectation(self, part: str, check: str) -> str | None:
        """Why this check of this part is expected to fail; ``None`` when it is not."""
        return self.expected.get(f"{part}::{check}", self.expected.get(check))

    def idle_expectations(self, run: Iterable[tuple[str, str]]) -> list[str]:
        """A sentence for each expected failure that belongs to none of the checks that are run.

        Args:
            run: Part and check of each.
        """
        names = {name for part, check in run for name in (check, f"{part}::{check}")}
        idle = [name for name in self.expected if name not in names]
        return [f"the expected failure {name!r} belongs to no check that was run; remove it" for name in idle]
