"""The registry: the built-in parts, and those of installed plugins from the moment somebody asks for them.

Nothing is made at import: the first question makes the one registry of the process. Plugins are
imported outside of its lock, so a plugin that asks nnkit something while it is being imported
cannot deadlock.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pluggy

from nnkit.errors import AmbiguousNameError, PluginError, PluginLoadError, PluginWarning, SpecError
from nnkit.interfaces.part import Part
from nnkit.registry import control, explain
from nnkit.registry.entry_points import ACCELERATORS, HOOKS, HookModule, Installed, scan
from nnkit.registry.kinds import Kind
from nnkit.registry.names import BUILTIN, key, split
from nnkit.registry.registrar import Entry, Shelf
from nnkit.registry.staging import implemented, new_manager, stage
from nnkit.registry.targets import check_class, import_object, top_package

__all__ = ["Registry", "current", "fresh"]


class Registry:
    """All parts that can be had by name."""

    def __init__(self) -> None:
        from nnkit.registry import builtins

        self.builtin: Shelf = stage(builtins, BUILTIN, "nnkit's own parts")
        self.manager: pluggy.PluginManager = new_manager()
        self.failures: dict[HookModule | Entry, BaseException] = {}
        self.dynamic: dict[str, Shelf] = {}
        self._lock = threading.RLock()
        self._installed: dict[str, Installed] | None = None
        self._classes: dict[Entry, type[Part]] = {}
        self._modules: dict[HookModule, object] = {}
        self._importing = threading.local()
        self._warned: set[str] = set()

    # -- what is installed ------------------------------------------------------------------

    def installed(self, *, again: bool = False) -> dict[str, Installed]:
        """The distributions with entry points for nnkit, from their metadata alone; read once.

        ``again`` looks for those that were installed since; the known ones stay as they are.
        """
        with self._lock:
            known = self._installed
            if known is None or again:
                known = scan() if known is None else {**scan(), **known}
                self._installed = known
        for one in known.values():
            if one.problems:
                self.warn(f"the plugin {one.namespace} {one.version} has faults: {'; '.join(one.problems)}")
        for variable, sentence in control.unknown_names(known):
            self.warn(f"the environment variable {sentence}", once=f"{variable}: {sentence}")
        return known

    def enabled(self) -> list[Installed]:
        """The installed distributions that may be used."""
        return [one for one in self.installed().values() if control.why_disabled(one.namespace) is None]

    def warn(self, sentence: str, *, once: str | None = None) -> None:
        """Warn, one time for each sentence (or for each ``once``)."""
        with self._lock:
            if (once or sentence) in self._warned:
                return
            self._warned.add(once or sentence)
        warnings.warn(sentence, PluginWarning, stacklevel=2)

    def entries(self, kind: Kind, one: Installed) -> Iterator[Entry]:
        """The entries of one distribution known so far, each once."""
        shelves = [one.shelf, *filter(None, [self.dynamic.get(one.namespace)])]
        found = [entry for shelf in shelves for entry in shelf.entries.values() if entry.kind is kind]
        yield from dict.fromkeys(found)

    def entry(self, kind: Kind, one: Installed, name: str) -> Entry | None:
        """The entry of one distribution with this name or alias, among those known so far."""
        wanted = (kind.name, key(name))
        dynamic = self.dynamic.get(one.namespace)
        return one.shelf.entries.get(wanted) or (dynamic.entries.get(wanted) if dynamic else None)

    # -- names ------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str) -> Entry:
        """The entry called ``name``; a built-in is found without looking at what is installed."""
        if not isinstance(name, str):
            raise SpecError(f"the name of {kind.name} parts is a string; got {name!r} of type {type(name).__name__}")
        namespace, bare = split(name)
        if namespace == "" or not bare.strip():
            raise SpecError(f"{name!r} is not the name of a part; expected 'name' or 'distribution/name'")
        if namespace is None or namespace == BUILTIN:
            found = self.builtin.entries.get((kind.name, key(bare)))
            if found is not None:
                return found
        if namespace is None:
            return self._find_bare(kind, bare)
        return self._find_qualified(kind, namespace, name)

    def _find_bare(self, kind: Kind, name: str) -> Entry:
        for again in (False, True):
            self.installed(again=again)
            self.load_hooks()
            found = [entry for one in self.enabled() if (entry := self.entry(kind, one, name)) is not None]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(repr(entry.id) for entry in found)
                raise AmbiguousNameError(
                    f"several plugins provide the {kind.name} {name!r}; write the one you mean in full: {ids}"
                )
        raise explain.unknown(self, kind, name)

    def _find_qualified(self, kind: Kind, namespace: str, name: str) -> Entry:
        for again in (False, True):
            one = self.installed(again=again).get(namespace)
            if one is not None and control.why_disabled(namespace) is None:
                bare = split(name)[1]
                if self.entry(kind, one, bare) is None:
                    self.load_hooks([one])
                found = self.entry(kind, one, bare)
                if found is not None:
                    return found
        raise explain.unknown(self, kind, name)

    def load(self, entry: Entry) -> type[Part]:
        """The class of an entry, imported the first time; a failure is kept and raised each time.

        Raises:
            PluginError: When it is not a part of its kind.
            PluginLoadError: When its import fails; the failure is the cause.
        """
        found = self._classes.get(entry)
        if found is not None:
            return found
        failure = self.failures.get(entry)
        if failure is None:
            try:
                if entry.problem is not None:
                    raise PluginError(entry.problem)  # noqa: TRY301  # kept like every other failure
                target = import_object(entry.target) if isinstance(entry.target, str) else entry.target
                found = check_class(target, entry.kind, entry.origin)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # a plugin that calls sys.exit() must not end the caller
                failure = self.failures.setdefault(entry, error)
            else:
                return self._classes.setdefault(entry, found)
        if isinstance(failure, PluginError):
            raise type(failure)(*failure.args) from failure
        raise PluginLoadError(
            f"the {entry.kind.name} {entry.id!r} cannot be loaded: {entry.origin} failed with {explain.brief(failure)}"
        ) from failure

    # -- hook modules -----------------------------------------------------------------------

    def load_hooks(
        self, among: Iterable[Installed] | None = None, *, accelerators: bool = False, below: str | None = None
    ) -> None:
        """Import the hook modules of enabled distributions, each on its own, and commit what they register.

        ``accelerators`` asks the modules that may offer faster twins instead of those that may
        register parts. ``below`` narrows it to the modules of one top package.
        """
        for one in self.enabled() if among is None else among:
            for hook in one.hooks:
                wanted = hook.accelerates if accelerators else hook.registers
                if wanted and (below is None or top_package(hook.target) == below):
                    self._load_hook(hook, one)

    def _load_hook(self, hook: HookModule, one: Installed) -> None:
        busy: set[HookModule] = self._importing.__dict__.setdefault("modules", set())
        if hook in self._modules or hook in self.failures or hook in busy:
            return
        busy.add(hook)
        try:
            plugin = import_object(hook.target)
            if isinstance(plugin, type):
                raise PluginError(  # noqa: TRY301  # kept like every other failure
                    f"{hook.origin}: {plugin!r} is a class; name the module that holds the hooks, 'package.module'"
                )
            staged = stage(plugin, hook.distribution, hook.origin)
            _check_groups(hook, plugin, staged)
            self._commit(hook, one, plugin, staged)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # one broken plugin must not stop the others
            with self._lock:
                self.failures.setdefault(hook, error)
            self.warn(
                f"the plugin {hook.origin} failed to load and its parts are not there: {explain.brief(error)};"
                f" nnkit.plugins.why({hook.distribution!r}) shows where"
            )
        finally:
            busy.discard(hook)

    def _commit(self, hook: HookModule, one: Installed, plugin: object, staged: Shelf) -> None:
        with self._lock:
            if hook in self._modules:
                return  # another thread was quicker
            shelf = Shelf(hook.distribution)
            before = self.dynamic.get(hook.distribution, Shelf(hook.distribution))
            for known in (one.shelf, before, staged):
                for entry in dict.fromkeys(known.entries.values()):
                    shelf.add(entry)
            if plugin not in self.manager.get_plugins():
                self.manager.register(plugin, name=f"{hook.distribution}:{hook.target}")
            self.dynamic[hook.distribution] = Shelf(
                hook.distribution, {k: e for k, e in shelf.entries.items() if k not in one.shelf.entries}
            )
            self._modules[hook] = plugin

    def is_loaded(self, item: HookModule | Entry) -> bool:
        """Whether a hook module, or the class of an entry, has been imported and found good."""
        return item in self._modules or item in self._classes

    def is_tried(self, item: HookModule | Entry) -> bool:
        """Whether it has been imported, for better or worse."""
        return self.is_loaded(item) or item in self.failures


def _check_groups(hook: HookModule, plugin: object, staged: Shelf) -> None:
    """Refuse what would be found or not by the accident of who was imported before."""
    if staged.entries and not hook.registers:
        raise PluginError(f"{hook.origin}: it registers parts, so name it in the group {HOOKS!r} as well")
    if "nnkit_accelerate" in implemented(plugin).values() and not hook.accelerates:
        raise PluginError(
            f"{hook.origin}: it implements nnkit_accelerate, so name it in the group {ACCELERATORS!r} as well,"
            f" like the other accelerators of {hook.distribution}"
        )


_current: Registry | None = None
_making = threading.Lock()


def current() -> Registry:
    """The registry of this process, made when first asked for."""
    global _current  # noqa: PLW0603  # the one process-wide value, made late and replaceable
    if _current is None:
        made = Registry()
        with _making:
            _current = _current or made
    return _current


@contextmanager
def fresh() -> Iterator[Registry]:
    """Within the block, a new registry that knows the built-ins alone: for tests."""
    global _current  # noqa: PLW0603  # as above
    with _making:
        before, _current = _current, Registry()
        made = _current
    try:
        yield made
    finally:
        with _making:
            _current = before
