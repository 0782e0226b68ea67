"""Configs: a part as plain data, with canonical ids and the distributions that provide them.

The config of a part is also a spec of it: ``{"name": "nnkit/adam", "learning_rate": 0.001, …}``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

import attrs
import numpy as np

from nnkit import __version__
from nnkit.errors import MissingProviderError, SpecError, UnknownNameError
from nnkit.interfaces.fields import PART_KIND
from nnkit.interfaces.part import Part
from nnkit.registry.identity import entry_of
from nnkit.registry.kinds import kind_of
from nnkit.registry.manager import current
from nnkit.registry.names import BUILTIN, CORE_DISTRIBUTION, distribution_key, split
from nnkit.registry.specs import build, create, get, resolve
from nnkit.registry.targets import hyperparameters

__all__ = ["part_from_config", "part_to_config"]

UNREGISTERED = "unregistered"
"""Key of the marker that stands for what a config cannot hold; its value is the ``repr``."""


def part_to_config(part: Part, *, providers: MutableMapping[str, str] | None = None) -> dict[str, Any]:
    """The config of a part: its canonical id, its hyperparameters, and who provides it.

    A part that is not registered, and a hyperparameter that is not plain data, is written as a
    marker with its ``repr``, which ``part_from_config`` asks to be given again.

    Args:
        part: The part; parts inside of it are written like it.
        providers: Where to collect distributions and their versions; ``None`` puts them into the
            config, under ``"providers"``.

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
    if entry.namespace == BUILTIN:
        providers[CORE_DISTRIBUTION] = __version__
    else:
        providers[entry.namespace] = registry.installed()[entry.namespace].version
    config: dict[str, Any] = {"name": entry.id}
    for alias, field in hyperparameters(type(part)).items():
        value = getattr(part, field.name)
        inner = PART_KIND in field.metadata and isinstance(value, Part)
        config[alias] = _config(value, providers) if inner else _plain(value)
    return config


def _plain(value: Any) -> Any:
    """``value`` as what JSON knows, or the marker that stands for it."""
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


def part_from_config(
    kind: str,
    config: Mapping[str, Any],
    *,
    providers: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    path: str | None = None,
) -> Any:
    """The part that a config describes.

    Args:
        kind: The kind of part, singular or plural.
        config: What ``part_to_config`` wrote.
        providers: The distributions and versions it was written with; ``None`` reads them from
            the config.
        overrides: Specs to take instead of what stands at a path (``"optimizer"``,
            ``"layers[0].activation"``); needed where the config holds a marker.
        path: Where the config stands, for messages and overrides; the kind when not given.

    Raises:
        MissingProviderError: When the distribution of a part is not installed; names it.
        UnknownNameError: When it is, but has no such part (any more).
        SpecError: When the config holds a marker, and no override stands for it.

    Example:
        >>> part_from_config("activation", {"name": "nnkit/leaky_relu", "negative_slope": 0.2})
        LeakyReLU(negative_slope=0.2)
    """
    given = dict(overrides or {})
    where = path or kind_of(kind).name
    if where in given:
        return create(kind, given[where])
    if not isinstance(config, Mapping) or not isinstance(config.get("name", ""), str):
        raise SpecError(f"{where} of the config is {config!r}; expected {{'name': …, hyperparameter: value, …}}")
    if UNREGISTERED in config:
        raise _ask_again(where, config[UNREGISTERED], kind_of(kind).name)
    if "name" not in config:
        raise SpecError(f"{where} of the config has no 'name': {dict(config)!r}")
    keywords = {key: value for key, value in config.items() if key not in {"name", "providers"}}
    written_with = config.get("providers", {}) if providers is None else providers
    cls = _class_of(kind, str(config["name"]), written_with, where)
    inner = {a: f.metadata[PART_KIND] for a, f in hyperparameters(cls).items() if PART_KIND in f.metadata}
    for key, value in keywords.items():
        at = f"{where}.{key}"
        if at in given:
            keywords[key] = given[at]
        elif key in inner and isinstance(value, Mapping):
            keywords[key] = part_from_config(inner[key], value, providers=written_with, overrides=given, path=at)
        elif isinstance(value, Mapping) and set(value) == {UNREGISTERED}:
            raise _ask_again(at, value[UNREGISTERED], "value")
    return build(cls, str(config["name"]), keywords)


def _class_of(kind: str, name: str, providers: Mapping[str, str], where: str) -> type[Part]:
    try:
        return get(kind, name)
    except UnknownNameError as error:
        namespace = split(name)[0]
        if namespace is None or namespace == BUILTIN:
            raise
        versions = {distribution_key(one): version for one, version in providers.items()}
        version = f" (it was written with {namespace} {versions[namespace]})" if namespace in versions else ""
        if isinstance(error, MissingProviderError):
            raise MissingProviderError(
                f"{where} of the config is {name!r}, and the distribution {namespace!r} is not installed;"
                f" install {namespace!r}{version}, or give another part: overrides={{{where!r}: …}}"
            ) from error
        raise UnknownNameError(f"{where} of the config is {name!r}{version}: {error}") from error


def _ask_again(where: str, shown: object, what: str) -> SpecError:
    return SpecError(
        f"{where} of the config was not a registered part or plain data, so the config cannot hold it; it was"
        f" {shown}; give the {what} again: overrides={{{where!r}: …}}"
    )
