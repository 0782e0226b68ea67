"""Which parts there are and who provides them; and for a wrong name, what was probably meant or why it is missing."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import attrs

from nnkit import __version__, errors, spelling
from nnkit.errors import headline
from nnkit.interfaces.part import Part
from nnkit.plugin_control import disabled_here, reporting, unknown_name, why_disabled
from nnkit.registry.builtins import FOREIGN
from nnkit.registry.hooks import PROJECT, Entry
from nnkit.registry.installed import HookModule, Installed
from nnkit.registry.kinds import KINDS, Kind, article, kind_of
from nnkit.registry.manager import Registry, current
from nnkit.spelling import BUILTIN, CORE_DISTRIBUTION, IN_PROCESS, distribution_key, distribution_of, key, split

__all__ = ["Provider", "disabled", "explain", "get", "names", "providers", "suggest", "why"]

State = Literal["loaded", "not loaded", "failed", "disabled"]


@attrs.frozen(kw_only=True)
class Provider:
    """A distribution that provides parts.

    Args:
        distribution: Its normalized name; ``"in-process"`` for what ``nnkit.plugins.register`` added.
        version: Its version.
        state: ``"loaded"`` when something of it has been imported, ``"not loaded"`` when nothing
            has, ``"failed"`` when something in it is broken, ``"disabled"`` when it may not be used.
        reason: Why it failed or is disabled, in words; empty otherwise.
        parts: Its names by kind, as far as they are known without an import.
        pending: Hook modules not imported yet, which may provide more names.
    """

    distribution: str
    version: str
    state: State
    reason: str
    parts: Mapping[str, tuple[str, ...]]
    pending: tuple[str, ...] = ()


def get(kind: str, name: str) -> type[Part]:
    """The class of the part called ``name``.

    Args:
        kind: The kind of part, singular or plural: ``"optimizer"``.
        name: ``"adam"``, or in full ``"nnkit/adam"``; case, ``-`` and ``_`` do not count.

    Raises:
        UnknownNameError: When no part has this name; suggests names, or explains why it is not there.
        AmbiguousNameError: When several plugins provide the bare name; lists the full ones.
        MissingProviderError: When the distribution in the name is not installed.
        PluginLoadError: When the plugin that provides it fails to load; its error is the cause.
        PluginError: When what the plugin provides is not a part of this kind.

    Example:
        >>> get("activation", "leaky-relu").__name__
        'LeakyReLU'
    """
    registry, wanted = current(), kind_of(kind)
    return registry.load(_find(registry, wanted, name))


def _find(registry: Registry, kind: Kind, name: str) -> Entry:
    entry = registry.find(kind, name)
    if entry is None:
        raise _unknown(registry, kind, name)
    return entry


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
    entries = _usable(registry, wanted)
    owners = Counter(word for word, _ in {(word, entry.namespace) for entry in entries for word in entry.keys})
    usable = [entry for entry in entries if entry not in registry.failures and entry.problem is None]
    return sorted({e.name if e.namespace == BUILTIN or owners[key(e.name)] == 1 else e.id for e in usable})


def providers(*, load: bool = False, check: bool = False) -> list[Provider]:
    """Every distribution that provides parts, nnkit-core first; imports nothing of a plugin unless asked to.

    Args:
        load: Import the hook modules first, so that the names they register are there.
        check: Import everything first, parts included, so that each fault shows as state ``"failed"``.

    Example:
        >>> providers()[0].distribution
        'nnkit-core'
    """
    registry = current()
    with reporting():
        if load:
            registry.load_hooks()
        if check:
            registry.load_all()
        process = [registry.process] if registry.process.table.entries else []
        return [_provider(registry, one) for one in (registry.core, *process, *registry.installed().values())]


def _provider(registry: Registry, one: Installed) -> Provider:
    entries, failures, untried = _state(registry, one)
    failed = [str(e) if str(e).startswith(i.origin) else f"{i.origin}: {headline(e)}" for i, e in failures]
    items: list[HookModule | Entry] = [*one.hooks, *(entry for group in entries.values() for entry in group)]
    loaded = one.namespace in {BUILTIN, IN_PROCESS} or any(map(registry.is_loaded, items))
    reason = why_disabled(one.namespace) or ""
    state: State = "disabled" if reason else "loaded" if loaded else "not loaded"
    if not reason and (failed or one.problems):
        state, reason = "failed", "; ".join(dict.fromkeys([*one.problems, *failed]))
    return Provider(
        distribution=distribution_of(one.namespace),
        version=one.version,
        state=state,
        reason=reason,
        parts={kind.name: tuple(sorted({entry.name for entry in group})) for kind, group in entries.items()},
        pending=tuple(hook.target for hook in untried if PROJECT in hook.groups),
    )


def _state(
    registry: Registry, one: Installed
) -> tuple[dict[Kind, list[Entry]], list[tuple[Entry | HookModule, BaseException]], list[HookModule]]:
    """The entries of a distribution by kind, what failed in it with its error, and the hook modules not imported."""
    entries = {kind: group for kind in KINDS.values() if (group := registry.entries(kind, one))}
    items = [*one.hooks, *(entry for group in entries.values() for entry in group)]
    failures = [(item, registry.failures[item]) for item in items if item in registry.failures]
    return entries, failures, [h for h in one.hooks if not registry.is_loaded(h) and h not in registry.failures]


@contextmanager
def disabled(*distributions: str) -> Iterator[None]:
    """Within the block, do without the parts of these distributions, in this thread or task alone.

    Warns of a name that is not the name of an installed plugin.

    Example:
        >>> with disabled():
        ...     len(names("regularizer")) > 0
        True
    """
    registry = current()
    installed = registry.installed() if distributions else {}
    for name in distributions:
        sentence = unknown_name(name, "nnkit.plugins.disabled(...)", installed)
        if sentence is not None:
            registry.warn(sentence)
    with disabled_here([distribution_key(name) for name in distributions]):
        yield


def suggest(word: str, candidates: Iterable[str], *, about: str, count: int = 3) -> list[str]:
    """The candidates that ``word`` was probably meant to be, best first: names in other libraries, then slips.

    Args:
        word: The wrong name.
        candidates: The right ones.
        about: What they name: a kind of part, ``"hyperparameter"`` or ``"argument"``.
        count: The largest number of suggestions, a positive integer.

    Example:
        >>> suggest("hidden_layer_sizes", ["layers", "loss"], about="argument")
        ['layers']
    """
    return spelling.suggest(word, candidates, FOREIGN.get(about, {}), count=count)


# -- why a name is there -----------------------------------------------------------------------


def why(name: str) -> str:
    """Where the part or the distribution called ``name`` comes from, or why it is not there.

    Imports the part, or all that the distribution has, so that a failure shows; a failure comes with its traceback.

    Example:
        >>> why("logistic")
        'nnkit/sigmoid is an activation built into nnkit-core (nnkit.activations.sigmoid:Sigmoid)'
    """
    return explain(name)[0]


def explain(name: str) -> tuple[str, bool]:
    """What ``why`` answers, and whether the part or the distribution can be used."""
    registry = current()
    lines: list[str] = []
    misses: list[errors.NNKitError] = []
    usable = True
    with reporting():
        if distribution_key(name) == BUILTIN:
            lines.append(f"{CORE_DISTRIBUTION} {__version__} contains the built-in parts, in the namespace {BUILTIN!r}")
        for kind in KINDS.values():
            try:
                entry = _find(registry, kind, name)
            except errors.AmbiguousNameError as error:
                lines.append(str(error))
            except errors.NNKitError as error:
                misses.append(error)
            else:
                lines.append(_origin(registry, entry, name))
                try:
                    registry.load(entry)
                except errors.PluginError as error:
                    lines.append(_trace(error))
                    usable = False
        provider = registry.installed().get(distribution_key(name))
        if provider is not None:
            if why_disabled(provider.namespace) is None:
                registry.load_all([provider])
            lines += _described(registry, provider)
            usable = usable and _provider(registry, provider).state in {"loaded", "not loaded"}
    return ("\n".join(lines), usable) if lines else (_best(name, misses), False)


def _origin(registry: Registry, entry: Entry, name: str) -> str:
    """Where a part comes from, and which parts have the same name."""
    what = f"{entry.id} is {article(entry.kind.name)}"
    if key(split(name)[1]) not in entry.keys:
        what = f"{name} is now {entry.id}, {article(entry.kind.name)}"
    if entry.namespace == IN_PROCESS:
        return f"{what} registered in this process ({entry.where})"
    if entry.namespace != BUILTIN:
        return f"{what} of {entry.namespace} {registry.version(entry.namespace)}, from {entry.origin}"
    lines = [f"{what} built into {CORE_DISTRIBUTION} ({entry.where})"]
    if split(name)[0] is None:
        others = [o.id for p in registry.enabled() if (o := registry.entry(entry.kind, p, name)) is not None]
        lines += [f"{other} has the same name; a built-in goes first, so write {other!r}" for other in others]
    return "\n".join(lines)


def _described(registry: Registry, one: Installed) -> list[str]:
    """The state of one distribution in a few lines, with the traceback of what failed."""
    reason = why_disabled(one.namespace)
    entries, failures, untried = _state(registry, one)
    return [
        f"{one.namespace} {one.version} is installed" + (f", but disabled: {reason}" if reason else ""),
        *(f"  wrong with it: {problem}" for problem in one.problems),
        *(f"  {kind.plural}: {', '.join(sorted(e.name for e in group))}" for kind, group in entries.items()),
        *(f"  {hook.origin} has not been imported yet" for hook in untried),
        *(f"  {item.origin} failed:\n{_trace(error)}" for item, error in failures),
    ]


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _best(name: str, misses: Iterable[errors.NNKitError]) -> str:
    """The most informative of the errors for a name that no kind has: a failure, a provider, a near miss."""
    for sign in ("failed to load", "is disabled", "did you mean", "not installed", "but has no", "in each process"):
        for error in misses:
            if sign in str(error):
                return str(error)
    return f"no part and no installed plugin is called {name!r}; nnkit.plugins.providers() lists them"


# -- why a name is not there -------------------------------------------------------------------


def _unknown(registry: Registry, kind: Kind, name: str) -> Exception:
    """The error for a name that no part has; to be raised by the caller.

    Its lines, each where it applies: did you mean; another kind has the name; its provider is
    missing, disabled or failed; all names with their distributions.
    """
    if "(" in name:
        return errors.SpecError(f"{name!r} is a spec, not a name; nnkit.plugins.create({kind.name!r}, …) accepts specs")
    namespace = split(name)[0]
    hooks = [hook for one in registry.enabled() if namespace in {None, one.namespace} for hook in one.hooks]
    hooks = [hook for hook in hooks if PROJECT in hook.groups and not registry.is_loaded(hook)]
    failed = [(hook, registry.failures[hook]) for hook in hooks if hook in registry.failures]
    there: dict[str, set[str]] = {}
    for entry in _usable(registry, kind):
        there.setdefault(distribution_of(entry.namespace), set()).add(entry.name)
    listed = "; ".join(f"{', '.join(sorted(group))} ({owner})" for owner, group in there.items())
    lines = [
        f"no {kind.name} is called {name!r}",
        *_meant(registry, kind, name),
        *_other_kinds(registry, kind, name),
        *_missing(registry, kind, name),
        *(f"{hook.origin} failed to load with {headline(error)}, and might have provided it" for hook, error in failed),
        f"the {kind.plural} there are: {listed or 'none'}",
    ]
    error_class: type[Exception] = errors.UnknownNameError
    if namespace not in {None, BUILTIN}:
        error_class = errors.MissingProviderError if namespace not in registry.installed() else errors.UnknownNameError
        error_class = errors.PluginLoadError if failed else error_class
    error = error_class("\n  ".join(lines))
    if failed:
        error.__cause__ = failed[0][1]
    return error


def _usable(registry: Registry, kind: Kind) -> list[Entry]:
    """The entries that can be asked for, built-ins first."""
    return [entry for one in (registry.core, *registry.enabled()) for entry in registry.entries(kind, one)]


def _meant(registry: Registry, kind: Kind, name: str) -> list[str]:
    """The sentence with the suggestions; a wrong distribution in the name is looked past."""
    namespace, bare = split(name)
    spellings: dict[str, str] = {}
    exact: list[str] = []
    for entry in _usable(registry, kind):
        for word in (entry.name, *entry.aliases):
            spellings.setdefault(word, word if entry.namespace == BUILTIN and not namespace else entry.id)
        if namespace is not None and key(bare) in entry.keys:
            exact.append(entry.id)
    close = [spellings[word] for word in suggest(bare, spellings, about=kind.name)]
    meant = list(dict.fromkeys([*exact, *close]))[:3]
    return [f"did you mean {' or '.join(map(repr, meant))}?"] if meant else []


def _other_kinds(registry: Registry, kind: Kind, name: str) -> list[str]:
    namespace, bare = split(name)
    lines = [
        f"{entry.id!r} is {article(other.name)}, not {article(kind.name)}{_as_layer(kind, other, entry)}"
        for other in KINDS.values()
        if other is not kind
        for entry in _usable(registry, other)
        if key(bare) in entry.keys and namespace in {None, entry.namespace}
    ]
    return list(dict.fromkeys(lines))


def _as_layer(kind: Kind, other: Kind, entry: Entry) -> str:
    """The spelling of an activation among layers."""
    if (kind.name, other.name) != ("layer", "activation"):
        return ""
    name = entry.name if entry.namespace == BUILTIN else entry.id
    return f'; as a layer of its own it is "activation(activation={name!r})"'


def _missing(registry: Registry, kind: Kind, name: str) -> list[str]:
    namespace, bare = split(name)
    installed = registry.installed()
    if namespace == IN_PROCESS:
        call = f"nnkit.plugins.register({kind.name!r}, {bare!r}, YourClass)"
        return [f"such a part is registered in each process that uses it, and this process has not done so: {call}"]
    if namespace is not None and namespace != BUILTIN and namespace not in installed:
        hint = spelling.did_you_mean(namespace, installed, other="; check its spelling before you install it")
        return [f"the distribution {namespace!r} is not installed, or has no parts for nnkit{hint}"]
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
        version = installed[namespace].version
        lines.append(f"the plugin {namespace} {version} is installed, but has no {kind.name} of that name")
    return lines
