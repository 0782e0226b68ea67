"""The registry: the built-in parts, those of this process, and those of installed plugins once they are needed.

Nothing is made at import: the first question makes the one registry of the process. Plugins are
imported outside of its lock, so a plugin that asks nnkit something while it is being imported
cannot deadlock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator

import attrs
import pluggy

from nnkit import __version__, errors
from nnkit.errors import AmbiguousNameError, PluginError, PluginLoadError, PluginWarning, SpecError, headline
from nnkit.interfaces.part import Part
from nnkit.plugin_control import PLUGIN_OUTPUT, enabled_among, reporting, strict, unknown_names, why_disabled
from nnkit.registry import builtins
from nnkit.registry.hooks import HOOK_GROUPS, PROJECT, Entry, PartTable, implemented, new_manager, stage
from nnkit.registry.installed import HookModule, Installed, scan
from nnkit.registry.kinds import Kind, check_class, import_object, kind_of, top_package
from nnkit.spelling import BUILTIN, IN_PROCESS, display, is_name, key, split

__all__ = ["Registry", "current", "fresh", "register"]


class Registry:
    """All parts that can be had by name."""

    def __init__(self) -> None:
        self.builtin: PartTable = stage(builtins, BUILTIN, "nnkit's own parts")
        self.core = Installed(BUILTIN, __version__, self.builtin)
        self.process = Installed(IN_PROCESS, "", PartTable(IN_PROCESS))
        self.manager: pluggy.PluginManager = new_manager()
        self.failures: dict[HookModule | Entry, BaseException] = {}
        self._lock = threading.RLock()
        self._installed: dict[str, Installed] | None = None
        self._problems: tuple[str, ...] = ()
        self._tables: dict[str, PartTable] = {}  # of distributions whose hook modules were imported
        self._classes: dict[Entry, type[Part]] = {}
        self._modules: dict[HookModule, object] = {}
        self._importing = threading.local()
        self._warned: set[str] = set()

    # -- what is there ----------------------------------------------------------------------

    def installed(self, *, again: bool = False) -> dict[str, Installed]:
        """The distributions with entry points for nnkit, from their metadata alone; read once.

        ``again`` looks for those that were installed since; the known ones stay as they are.
        """
        with self._lock:
            known = self._installed
            if known is None or again:
                scanned, self._problems = scan()
                known = {**scanned, **(known or {})}
                self._installed = known
        for provider in known.values():
            if provider.problems:
                faults = "; ".join(provider.problems)
                self.warn(f"the plugin {provider.namespace} {provider.version} has faults: {faults}")
        for sentence in (*self._problems, *unknown_names(known)):
            self.warn(sentence)
        return known

    def enabled(self) -> list[Installed]:
        """The providers that may be used: this process, if it registered parts, and installed distributions."""
        process = [self.process] if self.process.table.entries else []
        installed = self.installed()
        return [*process, *(installed[namespace] for namespace in enabled_among(installed))]

    def provider(self, namespace: str, *, again: bool = False) -> Installed | None:
        """The provider of this namespace, whether it may be used or not."""
        own = {BUILTIN: self.core, IN_PROCESS: self.process}.get(namespace)
        return own or self.installed(again=again).get(namespace)

    def version(self, namespace: str) -> str:
        """The version of a provider; empty for this process and for what is not installed."""
        provider = self.provider(namespace)
        return "" if provider is None else provider.version

    def _table(self, provider: Installed) -> PartTable:
        return self._tables.get(provider.namespace, provider.table)

    def entries(self, kind: Kind, provider: Installed) -> list[Entry]:
        """The entries of one provider known so far, each once."""
        return self._table(provider).of_kind(kind)

    def entry(self, kind: Kind, provider: Installed, name: str) -> Entry | None:
        """The entry of one provider with this name, alias or former name, among those known so far."""
        return self._table(provider).entries.get((kind.name, key(name)))

    def warn(self, sentence: str, *, once: str | None = None, cause: BaseException | None = None) -> None:
        """Warn where the caller of nnkit is, one time for each sentence (or ``once``); in strict mode, raise instead.

        Raises:
            PluginError: In strict mode.
        """
        if strict():
            raise PluginError(sentence) from cause
        with self._lock:
            if (once or sentence) in self._warned:
                return
            self._warned.add(once or sentence)
        errors.warn(sentence, PluginWarning)

    # -- names ------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str) -> Entry | None:
        """The entry called ``name``; a built-in is found without looking at what is installed.

        Raises:
            SpecError: When ``name`` does not have the form of one.
            AmbiguousNameError: When several providers have it.
        """
        if not isinstance(name, str):
            raise SpecError(f"the name of {kind.name} parts is a string; got {name!r} of type {type(name).__name__}")
        namespace, bare = split(name)
        if namespace == "" or not bare.strip():
            raise SpecError(f"{name!r} is not the name of a part; expected 'name' or 'distribution/name'")
        if namespace is None or namespace == BUILTIN:
            builtin = self.builtin.entries.get((kind.name, key(bare)))
            if builtin is not None:
                return builtin
        for again in (False, True):
            if namespace is None:
                self.installed(again=again)
                self.load_hooks()
                providers = self.enabled()
            else:
                providers = self._called(namespace, kind, bare, again=again)
            entries = [entry for one in providers if (entry := self.entry(kind, one, bare)) is not None]
            entries = [entry for entry in entries if key(bare) in entry.keys] or entries  # a former name comes last
            if len(entries) > 1:
                ids = ", ".join(repr(entry.id) for entry in entries)
                raise AmbiguousNameError(
                    f"several plugins provide the {kind.name} {name!r}; write the one you mean in full: {ids}"
                )
            if entries:
                return entries[0]
        return None

    def _called(self, namespace: str, kind: Kind, name: str, *, again: bool) -> list[Installed]:
        """The providers of this name that may be used; where none is installed, those that had the name before."""
        provider = self.provider(namespace, again=again)
        if provider is None:
            self.load_hooks()
            return [one for one in self.enabled() if namespace in self._table(one).former_namespaces]
        if why_disabled(namespace) is not None:
            return []
        if self.entry(kind, provider, name) is None:
            self.load_hooks([provider])
        return [provider]

    def load(self, entry: Entry) -> type[Part]:
        """The class of an entry, imported the first time; a failure is stored and raised each time.

        Raises:
            PluginError: When it is not a part of its kind.
            PluginLoadError: When its import fails; the failure is the cause.
        """
        if entry in self._classes:
            return self._classes[entry]
        if entry not in self.failures:
            with self.storing_failure(entry):
                if entry.problem is not None:
                    raise PluginError(entry.problem)
                with PLUGIN_OUTPUT.get()():
                    target = import_object(entry.target) if isinstance(entry.target, str) else entry.target
                return self._classes.setdefault(entry, check_class(target, entry.kind, entry.origin))
        failure = self.failures[entry]
        if isinstance(failure, PluginError):
            raise type(failure)(*failure.args) from failure
        raise PluginLoadError(
            f"the {entry.kind.name} {entry.id!r} cannot be loaded: {entry.origin} failed with {headline(failure)}"
        ) from failure

    @contextlib.contextmanager
    def storing_failure(self, item: HookModule | Entry) -> Iterator[list[BaseException]]:
        """Within the block, the first failure is stored; ``SystemExit`` is one, as a plugin must not end the caller."""
        failures: list[BaseException] = []
        try:
            yield failures
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # one broken plugin must not stop the others
            failures.append(self.failures.setdefault(item, error))

    def add_to_process(self, entry: Entry) -> None:
        """Add a part of this process, or replace the one of its name."""
        with self._lock:
            entries = {**self.process.table.entries, (entry.kind.name, key(entry.name)): entry}
            self.process = attrs.evolve(self.process, table=PartTable(IN_PROCESS, entries))

    # -- hook modules -----------------------------------------------------------------------

    def load_hooks(
        self, among: Iterable[Installed] | None = None, *, group: str = PROJECT, below: str | None = None
    ) -> None:
        """Import the hook modules of enabled distributions, each on its own, and commit what they register.

        ``group`` names the hook that they are needed for. ``below`` narrows it to the modules of one top package.
        """
        for provider in self.enabled() if among is None else among:
            for hook in provider.hooks:
                if group in hook.groups and (below is None or top_package(hook.target) == below):
                    self._load_hook(hook, provider)

    def _load_hook(self, hook: HookModule, provider: Installed) -> None:
        busy: set[HookModule] = self._importing.__dict__.setdefault("modules", set())
        if hook in self._modules or hook in busy:
            return
        if hook not in self.failures:
            busy.add(hook)
            try:
                with self.storing_failure(hook), PLUGIN_OUTPUT.get()():
                    plugin = import_object(hook.target)
                    if isinstance(plugin, type):
                        raise PluginError(f"{hook.origin}: {plugin!r} is a class; name the module with the hooks")
                    staged = stage(plugin, hook.distribution, hook.origin)
                    _check_groups(hook, plugin, staged)
                    self._commit(hook, provider, plugin, staged)
            finally:
                busy.discard(hook)
        failure = self.failures.get(hook)
        if failure is not None:
            self.warn(
                f"the plugin {hook.origin} failed to load, so what it adds is missing: {headline(failure)};"
                f" nnkit.plugins.why({hook.distribution!r}) shows where",
                cause=failure,
            )

    def _commit(self, hook: HookModule, provider: Installed, plugin: object, staged: PartTable) -> None:
        with self._lock:
            if hook in self._modules:
                return  # another thread was quicker
            merged = PartTable(hook.distribution)
            for table in (self._table(provider), staged):
                for entry in dict.fromkeys(table.entries.values()):
                    merged.add(entry)
                merged.former_namespaces |= table.former_namespaces
            if plugin not in self.manager.get_plugins():
                self.manager.register(plugin, name=hook.origin)
            self._tables[hook.distribution] = merged
            self._modules[hook] = plugin

    def load_all(self, among: Iterable[Installed] | None = None) -> None:
        """Import everything of every enabled distribution; what fails is stored, and shown by ``providers``."""
        with reporting():
            among = self.enabled() if among is None else list(among)
            for group in HOOK_GROUPS.values():
                self.load_hooks(among, group=group)
            for provider in among:
                for entry in dict.fromkeys(self._table(provider).entries.values()):
                    with contextlib.suppress(PluginError):  # stored by ``load``
                        self.load(entry)

    def is_loaded(self, item: HookModule | Entry) -> bool:
        """Whether a hook module, or the class of an entry, has been imported and found valid."""
        return item in self._modules or item in self._classes


def _check_groups(hook: HookModule, plugin: object, staged: PartTable) -> None:
    """Refuse what would be found or not depending on what was imported before."""
    for name in implemented(plugin).values():
        group = HOOK_GROUPS[name]
        if group not in hook.groups and (name != "nnkit_register" or staged.entries):
            what = "it registers parts" if name == "nnkit_register" else f"it implements {name}"
            raise PluginError(f"{hook.origin}: {what}, so name it in the group {group!r} as well")


def register(kind: str, name: str, cls: type[Part]) -> None:
    """Register a part for this process, so that it can be named like any other: for notebooks and scripts.

    Its id is ``in-process/<name>``. Another class of the same name replaces it, so a cell may run again. A config
    or file that uses it records the registration, and reading it elsewhere asks for the same call.

    Args:
        kind: The kind of part, singular or plural: ``"activation"``.
        name: The name: a letter, then letters, digits, ``_`` and ``-``; their case does not count.
        cls: The class, complete and decorated ``@attrs.frozen(kw_only=True)``.

    Raises:
        PluginError: When the name is not valid or is the name of a built-in, or ``cls`` is not a part of this kind.
        UnknownNameError: When there is no such kind.

    Example:
        >>> from nnkit.activations.tanh import Tanh
        >>> register("activation", "hyperbolic", Tanh)
        >>> current().find(kind_of("activation"), "hyperbolic").id
        'in-process/hyperbolic'
    """
    registry, wanted, origin = current(), kind_of(kind), f"nnkit.plugins.register({kind!r}, {name!r}, …)"
    if not is_name(name):
        raise PluginError(f"{origin}: {name!r} is not a name; expected a letter, then letters, digits, '_' and '-'")
    if (wanted.name, key(name)) in registry.builtin.entries:
        raise PluginError(f"{origin}: {name!r} is the name of a built-in {wanted.name}; choose another name")
    registry.add_to_process(Entry(wanted, display(name), IN_PROCESS, check_class(cls, wanted, origin), origin))


_current: Registry | None = None
_making = threading.Lock()


def current() -> Registry:
    """The registry of this process, made when first asked for."""
    global _current  # noqa: PLW0603  # the one process-wide value, made late and replaceable
    if _current is None:
        candidate = Registry()
        with _making:
            _current = _current or candidate
    return _current


@contextlib.contextmanager
def fresh() -> Iterator[Registry]:
    """Within the block, a new registry with the built-ins alone: for tests."""
    global _current  # noqa: PLW0603  # as above
    with _making:
        before, _current = _current, Registry()
        registry = _current
    try:
        yield registry
    finally:
        with _making:
            _current = before
