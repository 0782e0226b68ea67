"""What there is: the names of a kind, the distributions that provide them, and why a name is (not) there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import attrs

from nnkit import __version__
from nnkit.errors import AmbiguousNameError, NNKitError, PluginLoadError
from nnkit.registry import control, explain
from nnkit.registry.entry_points import HookModule, Installed
from nnkit.registry.kinds import KINDS, Kind, kind_of
from nnkit.registry.manager import Registry, current
from nnkit.registry.names import BUILTIN, CORE_DISTRIBUTION, distribution_key, key, split
from nnkit.registry.registrar import Entry

__all__ = ["Provider", "disabled", "names", "providers", "why"]


@attrs.frozen(kw_only=True)
class Provider:
    """A distribution that provides parts.

    Args:
        distribution: Its normalized name.
        version: Its version.
        state: ``"loaded"`` when something of it has been imported, ``"not loaded"`` when nothing
            has, ``"failed"`` when something in it is broken, ``"disabled"`` when it may not be used.
        reason: Why it failed or is disabled, in words; empty otherwise.
        parts: Its names by kind, as far as they are known without an import.
        pending: Hook modules not imported yet, which may provide more names.
    """

    distribution: str
    version: str
    state: Literal["loaded", "not loaded", "failed", "disabled"]
    reason: str
    parts: Mapping[str, tuple[str, ...]]
    pending: tuple[str, ...] = ()


def names(kind: str, *, load: bool = False) -> list[str]:
    """The names of all parts of a kind, sorted; each is a spec as it stands.

    A name is bare where that is enough, and ``distribution/name`` where it is the name of a
    built-in or of several plugins. Nothing of a plugin is imported; names that a hook module
    would register are missing until it is.

    Args:
        kind: The kind of part, singular or plural.
        load: Import the hook modules first, so that their names are there.

    Example:
        >>> "leaky_relu" in names("activations")
        True
    """
    registry, wanted = current(), kind_of(kind)
    if load:
        registry.load_hooks()
    builtin = {entry.name for entry in registry.builtin.entries.values() if entry.kind is wanted}
    entries = [entry for one in registry.enabled() for entry in registry.entries(wanted, one)]
    bearers: dict[str, int] = {}
    for entry in entries:
        for spelling in set(entry.keys):
            bearers[spelling] = bearers.get(spelling, 0) + 1
    usable = [e for e in entries if e not in registry.failures and e.problem is None]
    taken = {name for (kind_name, name) in registry.builtin.entries if kind_name == wanted.name}
    spelled = {entry.id if bearers[key(entry.name)] > 1 or key(entry.name) in taken else entry.name for entry in usable}
    return sorted(builtin | spelled)


def providers(*, load: bool = False) -> list[Provider]:
    """Every distribution that provides parts, nnkit-core first; imports nothing of a plugin.

    Args:
        load: Import the hook modules first, so that the names they register are there.

    Example:
        >>> providers()[0].distribution
        'nnkit-core'
    """
    registry = current()
    if load:
        registry.load_hooks()
    parts: dict[str, tuple[str, ...]] = {}
    for kind in KINDS.values():
        entries = [entry for entry in registry.builtin.entries.values() if entry.kind is kind]
        parts[kind.name] = tuple(sorted({entry.name for entry in entries}))
    core = Provider(distribution=CORE_DISTRIBUTION, version=__version__, state="loaded", reason="", parts=parts)
    return [core, *(_provider(registry, one) for one in registry.installed().values())]


def _provider(registry: Registry, one: Installed) -> Provider:
    entries = {kind.name: list(registry.entries(kind, one)) for kind in KINDS.values()}
    items: list[Entry | HookModule] = [*(entry for found in entries.values() for entry in found), *one.hooks]
    failed = [f"{item.origin}: {explain.brief(registry.failures[item])}" for item in items if item in registry.failures]
    why_not = control.why_disabled(one.namespace)
    state: Literal["loaded", "not loaded", "failed", "disabled"]
    if why_not is not None:
        state, reason = "disabled", why_not
    elif failed or one.problems:
        state, reason = "failed", "; ".join([*one.problems, *failed])
    else:
        state, reason = ("loaded" if any(registry.is_loaded(item) for item in items) else "not loaded"), ""
    return Provider(
        distribution=one.namespace,
        version=one.version,
        state=state,
        reason=reason,
        parts={kind: tuple(sorted(entry.name for entry in found)) for kind, found in entries.items() if found},
        pending=tuple(h.target for h in one.hooks if h.registers and not registry.is_tried(h)),
    )


@contextmanager
def disabled(*distributions: str) -> Iterator[None]:
    """Within the block, do without the parts of these distributions, in this thread or task alone.

    Warns of a name that no installed plugin bears.

    Example:
        >>> with disabled():
        ...     len(names("regularizer")) > 0
        True
    """
    registry = current()
    installed = registry.installed() if distributions else {}
    for name in distributions:
        sentence = control.unknown_name(name, "nnkit.plugins.disabled(...)", installed)
        if sentence is not None:
            registry.warn(sentence)
    with control.disabled_here([distribution_key(name) for name in distributions]):
        yield


def why(name: str) -> str:
    """Where the part or the distribution called ``name`` comes from, or why it is not there.

    Imports the part, so that a failure shows; a failure comes with its traceback.

    Example:
        >>> why("logistic")
        'nnkit/sigmoid is an activation built into nnkit-core (nnkit.activations.sigmoid:Sigmoid)'
    """
    registry = current()
    lines: list[str] = []
    if distribution_key(name) == BUILTIN:
        lines.append(f"{CORE_DISTRIBUTION} {__version__} holds the built-in parts, in the namespace {BUILTIN!r}")
    installed = registry.installed()
    misses: dict[str, NNKitError] = {}
    for kind in KINDS.values():
        try:
            lines += _one_kind(registry, kind, name)
        except AmbiguousNameError as error:
            lines.append(str(error))
        except NNKitError as error:
            misses[kind.name] = error
    one = installed.get(distribution_key(name))
    if one is not None:
        lines.append(explain.describe(registry, one))
    return "\n".join(lines) if lines else _best(misses)


def _one_kind(registry: Registry, kind: Kind, name: str) -> list[str]:
    entry = registry.find(kind, name)
    line = explain.origin_of(registry, entry)
    try:
        registry.load(entry)
    except NNKitError as error:
        return [line, explain.trace(error)]
    if entry.namespace != BUILTIN or split(name)[0] is not None:
        return [line]
    others = [other.id for one in registry.enabled() if (other := registry.entry(kind, one, name)) is not None]
    return [line, *(f"{other} has the same name; a built-in goes first, so write {other!r}" for other in others)]


def _best(misses: Mapping[str, NNKitError]) -> str:
    """The most telling of the errors for a name that no kind has: a failure, a provider, a near miss."""

    def rank(error: NNKitError) -> int:
        text = str(error)
        signs = (isinstance(error, PluginLoadError), "is disabled" in text, "failed to load" in text)
        return -2 * sum(signs) - ("did you mean" in text)

    return str(min(misses.values(), key=rank))
