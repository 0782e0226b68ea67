"""Answers to a wrong name: what was probably meant, why the name is not there, and what there is."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from nnkit.errors import MissingProviderError, PluginLoadError, SpecError, UnknownNameError
from nnkit.registry.control import why_disabled
from nnkit.registry.kinds import KINDS, Kind, article
from nnkit.registry.names import BUILTIN, CORE_DISTRIBUTION, key, nearest, split

if TYPE_CHECKING:
    from nnkit.registry.entry_points import HookModule, Installed
    from nnkit.registry.manager import Registry
    from nnkit.registry.registrar import Entry

__all__ = ["brief", "origin_of", "trace", "unknown"]


def brief(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its message."""
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def trace(error: BaseException) -> str:
    """The whole traceback of a kept failure."""
    return "".join(traceback.format_exception(error)).rstrip()


def unknown(registry: Registry, kind: Kind, name: str) -> Exception:
    """The error for a name that nothing bears; to be raised by the caller.

    Its lines, each where it applies: did you mean; another kind has the name; its provider is
    missing, disabled or failed; all names with their distributions.
    """
    if "(" in name:
        return SpecError(f"{name!r} is a spec, not a name; nnkit.plugins.create({kind.name!r}, …) takes it")
    namespace = split(name)[0]
    failed = _failed_hooks(registry, namespace)
    lines = [
        f"no {kind.name} is called {name!r}",
        *_meant(registry, kind, name),
        *_other_kinds(registry, kind, name),
        *_providers(registry, kind, name),
        *(f"{hook.origin} failed to load with {brief(error)}, and might have provided it" for hook, error in failed),
        *_all_names(registry, kind),
    ]
    message = "\n  ".join(lines)
    found = _kind_of_error(registry, namespace, failed=bool(failed))(message)
    if failed:
        found.__cause__ = failed[0][1]
    return found


def _kind_of_error(registry: Registry, namespace: str | None, *, failed: bool) -> type[Exception]:
    if namespace is None or namespace == BUILTIN:
        return UnknownNameError
    if namespace not in registry.installed():
        return MissingProviderError
    return PluginLoadError if failed else UnknownNameError


def _failed_hooks(registry: Registry, namespace: str | None) -> list[tuple[HookModule, BaseException]]:
    return [
        (hook, registry.failures[hook])
        for one in registry.enabled()
        if namespace in {None, one.namespace}
        for hook in one.hooks
        if hook in registry.failures
    ]


def _usable(registry: Registry, kind: Kind) -> list[tuple[str, list[Entry]]]:
    """The entries that can be asked for, with their distribution, built-ins first."""
    builtin = [entry for entry in registry.builtin.entries.values() if entry.kind is kind]
    found = [(CORE_DISTRIBUTION, list(dict.fromkeys(builtin)))]
    found += [(one.namespace, list(registry.entries(kind, one))) for one in registry.enabled()]
    return [(distribution, entries) for distribution, entries in found if entries]


def _meant(registry: Registry, kind: Kind, name: str) -> list[str]:
    namespace, bare = split(name)
    spellings: dict[str, str] = {}
    for _, entries in _usable(registry, kind):
        for entry in entries:
            for known in (entry.name, *entry.aliases):
                spellings.setdefault(known, known if entry.namespace == BUILTIN and not namespace else entry.id)
                if namespace is not None:
                    spellings.setdefault(f"{entry.namespace}/{known}", entry.id)
    close = [spellings[found] for found in nearest(name, spellings)]
    if namespace is not None:
        same = [found for spelling, found in spellings.items() if key(spelling) == key(bare)]
        close = [*same, *close]
    close = list(dict.fromkeys(close))[:3]
    return [f"did you mean {' or '.join(repr(found) for found in close)}?"] if close else []


def _other_kinds(registry: Registry, kind: Kind, name: str) -> list[str]:
    namespace, bare = split(name)
    return [
        f"{entry.id!r} is {article(other.name)}, not {article(kind.name)}"
        for other in KINDS.values()
        if other is not kind
        for _, entries in _usable(registry, other)
        for entry in entries
        if key(bare) in entry.keys and namespace in {None, entry.namespace}
    ]


def _providers(registry: Registry, kind: Kind, name: str) -> list[str]:
    namespace, bare = split(name)
    installed = registry.installed()
    if namespace is not None and namespace != BUILTIN and namespace not in installed:
        close = nearest(namespace, installed, 1)
        hint = f"did you mean {close[0]!r}?" if close else "check its spelling before you install it"
        return [f"the distribution {namespace!r} is not installed, or has no parts for nnkit; {hint}"]
    lines = []
    for one in installed.values():
        reason = why_disabled(one.namespace)
        if reason is None or namespace not in {None, one.namespace}:
            continue
        if registry.entry(kind, one, bare) is not None:
            lines.append(f"the plugin {one.namespace} provides {one.namespace}/{bare}, but is disabled: {reason}")
        elif namespace is not None or one.hooks:
            lines.append(f"the plugin {one.namespace} might provide it, but is disabled: {reason}")
    if namespace in installed and not lines:
        one = installed[namespace]
        lines.append(f"the plugin {one.namespace} {one.version} is installed, but has no {kind.name} of that name")
    return lines


def _all_names(registry: Registry, kind: Kind) -> list[str]:
    groups = [
        f"{', '.join(sorted(entry.name for entry in entries))} ({distribution})"
        for distribution, entries in _usable(registry, kind)
    ]
    return [f"the {kind.plural} there are: {'; '.join(groups) or 'none'}"]


def origin_of(registry: Registry, entry: Entry) -> str:
    """Where a part comes from, in a sentence."""
    if entry.namespace == BUILTIN:
        return f"{entry.id} is {article(entry.kind.name)} built into {CORE_DISTRIBUTION} ({entry.target})"
    version = registry.installed()[entry.namespace].version
    return f"{entry.id} is {article(entry.kind.name)} of {entry.namespace} {version}, from {entry.origin}"


def describe(registry: Registry, one: Installed) -> str:
    """The state of one distribution in a few lines, with the traceback of what failed."""
    reason = why_disabled(one.namespace)
    lines = [f"{one.namespace} {one.version} is installed" + (f", but disabled: {reason}" if reason else "")]
    lines += [f"wrong with it: {problem}" for problem in one.problems]
    for kind in KINDS.values():
        names = ", ".join(sorted(entry.name for entry in registry.entries(kind, one)))
        lines += [f"{kind.plural}: {names}"] if names else []
    for hook in one.hooks:
        if hook in registry.failures:
            lines.append(f"{hook.origin} failed:\n{trace(registry.failures[hook])}")
        elif not registry.is_loaded(hook):
            lines.append(f"{hook.origin} has not been imported yet")
    return "\n  ".join(lines)
