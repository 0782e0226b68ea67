"""Configs: a part as plain data, with canonical ids and the distributions that provide them; and the way back.

The config of a part is also a spec of it: ``{"name": "nnkit/adam", "learning_rate": 0.001, …}``.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import attrs
import numpy as np

from nnkit.errors import HyperparameterError, MissingProviderError, NNKitError, PluginError, SpecError, UnknownNameError
from nnkit.interfaces.fields import PART_KIND, PARTS_KIND
from nnkit.interfaces.part import Part, PartSpec
from nnkit.plugin_control import why_disabled
from nnkit.registry.answers import get
from nnkit.registry.hooks import Entry
from nnkit.registry.installed import Installed
from nnkit.registry.kinds import KINDS, hyperparameters, kind_of, top_package
from nnkit.registry.manager import Registry, current
from nnkit.registry.specs import build, create, resolve
from nnkit.spelling import BUILTIN, IN_PROCESS, did_you_mean, distribution_key, distribution_of, split

__all__ = ["check_overrides", "name_of", "part_from_config", "part_to_config", "unregistered"]

UNREGISTERED = "unregistered"
"""Key of the marker that stands for what a config cannot contain; its value is the ``repr``."""


def name_of(part: Part | type[Part]) -> str | None:
    """The canonical id of a part (or of its class), or ``None`` when it is not registered.

    A built-in is recognized by the module of its class, without looking at what is installed.

    Example:
        >>> from nnkit.registry import create
        >>> name_of(create("activation", "leaky_relu"))
        'nnkit/leaky_relu'
    """
    entry = entry_of(current(), part if isinstance(part, type) else type(part))
    return None if entry is None else entry.id


def entry_of(registry: Registry, cls: type[Part]) -> Entry | None:
    """The entry whose class is ``cls``, or ``None``."""
    kind, where = KINDS.get(getattr(cls, "kind", "")), f"{cls.__module__}:{cls.__qualname__}"
    if kind is None:
        return None

    def among(provider: Installed) -> Entry | None:
        return next((e for e in registry.entries(kind, provider) if e.target is cls or e.where == where), None)

    root, builtin, in_process = top_package(cls.__module__), among(registry.core), among(registry.process)
    if builtin is not None or root in {BUILTIN, "__main__"}:  # nothing of a plugin is in these
        return builtin or in_process
    for load in (False, True):  # what is known already goes first; only then is more of its package imported
        for provider in registry.installed().values():
            if load and why_disabled(provider.namespace) is None:
                registry.load_hooks([provider], below=root)
            if (entry := among(provider)) is not None:
                return entry
    for provider in registry.enabled():  # an entry may name a class by another path, ``acme_nn:Lion``
        for entry in registry.entries(kind, provider):
            if isinstance(entry.target, str) and top_package(entry.target) == root:
                with contextlib.suppress(PluginError):  # stored, and raised when that name is asked for
                    if registry.load(entry) is cls:
                        return entry
    return in_process


def part_to_config(part: Part, *, providers: MutableMapping[str, str] | None = None) -> dict[str, Any]:
    """The config of a part: its canonical id, its hyperparameters, and who provides it.

    A part that is not registered, and a hyperparameter that is not plain data, is written as a
    marker with its ``repr``; ``part_from_config`` asks for it again.

    Args:
        part: The part; parts inside of it are written like it.
        providers: Where to collect distributions and their versions, and the calls of
            ``nnkit.plugins.register`` under ``"in-process"``; ``None`` puts them into the config, under
            ``"providers"``.

    Example:
        >>> part_to_config(create("activation", "leaky_relu"), providers={})
        {'name': 'nnkit/leaky_relu', 'negative_slope': 0.01}
    """
    collected: MutableMapping[str, str] = {} if providers is None else providers
    config = _config(resolve(part), collected)
    if providers is None:
        config["providers"] = dict(collected)
    return config


def _config(part: Part, providers: MutableMapping[str, str]) -> dict[str, Any]:
    registry = current()
    entry = entry_of(registry, type(part))
    if entry is None or not attrs.has(type(part)):
        return {UNREGISTERED: repr(part)}
    if entry.namespace == IN_PROCESS:
        own, others = _registration(entry.id, entry.kind.name, part), providers.get(IN_PROCESS, "").split("; ")
        providers[IN_PROCESS] = "; ".join(sorted({own, *filter(None, others)}))
    else:
        providers[distribution_of(entry.namespace)] = registry.version(entry.namespace)
    config: dict[str, Any] = {"name": entry.id}
    for alias, field in hyperparameters(type(part)).items():
        value = getattr(part, field.name)
        if PARTS_KIND in field.metadata:
            config[alias] = [_config(item, providers) for item in value]
            continue
        inner = PART_KIND in field.metadata and isinstance(value, Part)
        config[alias] = _config(value, providers) if inner else _plain(value)
    return config


def _registration(name: str, kind: str, part: Part | None = None) -> str:
    """The call that registers a part in process; without ``part``, its beginning up to the class."""
    call = f"nnkit.plugins.register({kind!r}, {split(name)[1]!r}, "
    return call if part is None else f"{call}{type(part).__qualname__.rpartition('<locals>.')[2]})"


def _plain(value: Any) -> Any:
    """``value`` as plain JSON data, or the marker that stands for it."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(item) for name, item in value.items()}
    return {UNREGISTERED: repr(value)}


def unregistered(part: Part, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The parts and values that a config only marks, by their place: overrides that complete it.

    Args:
        part: The part.
        config: What ``part_to_config`` wrote of it.
        where: Its place.
    """
    if UNREGISTERED in config:
        return {where: part}
    missing: dict[str, Any] = {}
    for alias, field in hyperparameters(type(part)).items():
        value, written = getattr(part, field.name), config.get(alias)
        if PARTS_KIND in field.metadata and isinstance(written, list):
            for index, (item, own) in enumerate(zip(value, written, strict=True)):
                missing |= unregistered(item, own, f"{where}.{alias}[{index}]")
        elif isinstance(written, Mapping):
            if UNREGISTERED in written:
                missing[f"{where}.{alias}"] = value
            elif isinstance(value, Part):
                missing |= unregistered(value, written, f"{where}.{alias}")
    return missing


def part_from_config(
    kind: str,
    config: Mapping[str, Any],
    *,
    providers: Mapping[str, str] | None = None,
    overrides: Mapping[str, PartSpec] | None = None,
    path: str | None = None,
) -> Any:
    """The part that a config describes.

    Args:
        kind: The kind of part, singular or plural.
        config: What ``part_to_config`` wrote.
        providers: The distributions and versions it was written with; ``None`` reads them from
            the config.
        overrides: Specs to use instead of what the config has. A key is a path (``"optimizer"``,
            ``"layers[0].activation"``), or serves all places at once: a path with ``[*]`` for any number
            (``"layers[*].activation"``), an id as the config has it (``"acme-nn/swoosh"``), or the class of
            a part that was not registered (``"Swoosh"``). The first of these that applies is used.
        path: Where the config stands, for messages and overrides; the kind by default.

    Raises:
        MissingProviderError: When a distribution is not installed, or a part of a process not registered.
        UnknownNameError: When it is installed, but has no such part (any more).
        SpecError: When the config contains a marker without an override, or an unknown hyperparameter.
        HyperparameterError: When a hyperparameter is out of its range.

    Example:
        >>> part_from_config("activation", {"name": "nnkit/leaky_relu", "negative_slope": 0.2})
        LeakyReLU(negative_slope=0.2)
    """
    replacements = dict(overrides or {})
    wanted, where = kind_of(kind).name, path or kind_of(kind).name
    override = _override(replacements, where, config)
    if override is not None:
        return create(kind, override)
    if not isinstance(config, Mapping) or not isinstance(config.get("name", ""), str):
        raise SpecError(f"{where} of the config is {config!r}; expected {{'name': …, hyperparameter: value, …}}")
    if UNREGISTERED in config:
        raise _ask_again(where, config[UNREGISTERED], wanted)
    if "name" not in config:
        raise SpecError(f"{where} of the config has no 'name': {dict(config)!r}")
    name = str(config["name"])
    written_with = config.get("providers", {}) if providers is None else providers
    cls = _class_of(wanted, name, written_with, where)
    fields = hyperparameters(cls)
    inner = {a: f.metadata[PART_KIND] for a, f in fields.items() if PART_KIND in f.metadata}
    several = {a: f.metadata[PARTS_KIND] for a, f in fields.items() if PARTS_KIND in f.metadata}
    keywords = {word: value for word, value in config.items() if word not in {"name", "providers"}}

    def inside(kind: str, value: Any, at: str) -> Any:
        return part_from_config(kind, value, providers=written_with, overrides=replacements, path=at)

    for word, value in keywords.items():
        at, field = f"{where}.{word}", cls.renamed_fields.get(word, word)
        override = _override(replacements, at, value)
        if override is not None:
            keywords[word] = override
        elif field in inner and isinstance(value, Mapping):
            keywords[word] = inside(inner[field], value, at)
        elif field in several and isinstance(value, list):
            keywords[word] = [inside(several[field], item, f"{at}[{index}]") for index, item in enumerate(value)]
        elif isinstance(value, Mapping) and set(value) == {UNREGISTERED}:
            raise _ask_again(at, value[UNREGISTERED], "value")
    try:
        return build(cls, name, keywords)
    except (SpecError, HyperparameterError) as error:
        namespace = split(name)[0] or BUILTIN
        before, now = _version(written_with, namespace), _version({namespace: current().version(namespace)}, namespace)
        versions = f"; it was written with {before}, and this is {now}; install {before}, or" if before != now else ";"
        again = f"give the {wanted} again: overrides={{{where!r}: …}}"
        raise type(error)(f"{where} of the config: {error}{versions if before else ';'} {again}") from error


def check_overrides(config: Mapping[str, Any], overrides: Mapping[str, object]) -> None:
    """Refuse an override that no place of the config of a network uses.

    Args:
        config: The parts by name, and the list of layers.
        overrides: See ``part_from_config``.

    Raises:
        SpecError: Names the nearest place, or the override that is ``None``.
    """
    places: dict[str, None] = {}

    def walk(where: str, value: object) -> None:
        places.update(dict.fromkeys(_keys(where, value)))
        if isinstance(value, Mapping):
            for word, inner in value.items():
                walk(f"{where}.{word}", inner)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(f"{where}[{index}]", inner)

    for name, value in config.items():
        walk(name, value)
    unknown = next((word for word in overrides if word not in places), None)
    if unknown is not None:
        hint = did_you_mean(str(unknown), places)
        raise SpecError(f"overrides has {unknown!r}, which is not a place or a part of the config{hint}")
    empty = next((word for word, spec in overrides.items() if spec is None), None)
    if empty is not None:
        raise SpecError(f"overrides has None for {empty!r}; expected a part: a name, a spec, a class or an instance")


def _override(overrides: Mapping[str, PartSpec], where: str, config: object) -> PartSpec | None:
    """The override for this place: by its path, by its path with ``[*]``, or by the id or class that stands there."""
    return next((overrides[word] for word in _keys(where, config) if word in overrides), None)


def _keys(where: str, config: object) -> list[str]:
    """The ways to name this place in overrides."""
    keys = [where, re.sub(r"\[\d+\]", "[*]", where)]
    if isinstance(config, Mapping):
        keys += [str(config.get("name", "")), str(config.get(UNREGISTERED, "")).partition("(")[0]]
    return [word for word in keys if word]


def _class_of(kind: str, name: str, providers: Mapping[str, str], where: str) -> type[Part]:
    namespace = split(name)[0]
    again = f"give another part: overrides={{{where!r}: …}}, or {{{name!r}: …}} for every place that uses it"
    try:
        return get(kind, name)
    except UnknownNameError as error:
        if namespace is None or namespace == BUILTIN:
            raise
        if namespace == IN_PROCESS:
            start = _registration(name, kind)
            calls = str(providers.get(IN_PROCESS, "")).split("; ")
            call = next((call for call in calls if call.startswith(start)), f"{start}YourClass)")
            raise MissingProviderError(
                f"{where} of the config is {name!r}, a class that was registered in the process that wrote it;"
                f" register it before loading: {call}, or {again}"
            ) from error
        before = _version(providers, namespace)
        version = f" (it was written with {before})" if before else ""
        if isinstance(error, MissingProviderError):
            raise MissingProviderError(
                f"{where} of the config is {name!r}, and the distribution {namespace!r} is not installed;"
                f" install {namespace!r}{version}, or {again}"
            ) from error
        install = f"install {before}, or " if before else ""
        raise UnknownNameError(f"{where} of the config is {name!r}{version}: {error}\n  {install}{again}") from error
    except NNKitError as error:
        error.add_note(f"{where} of the config is {name!r}; to do without it, {again}")
        raise


def _version(providers: Mapping[str, str], namespace: str) -> str:
    """The distribution and version in ``providers``, or nothing."""
    versions = {distribution_key(name): version for name, version in providers.items()}
    return f"{distribution_of(namespace)} {versions[namespace]}" if namespace in {*versions} - {IN_PROCESS} else ""


def _ask_again(where: str, shown: object, what: str) -> SpecError:
    owner = str(shown).partition("(")[0]
    every = f", or {{{owner!r}: …}} for every place that uses it" if owner.isidentifier() and what != "value" else ""
    return SpecError(
        f"{where} of the config was not a registered part or plain data, so the config does not contain it; it was"
        f" {shown}; give the {what} again: overrides={{{where!r}: …}}{every}"
    )
