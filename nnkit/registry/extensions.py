"""What installed plugins add besides parts: faster counterparts, commands, exports, checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import attrs
import pluggy

from nnkit.errors import PluginError, headline
from nnkit.interfaces.part import Part
from nnkit.plugin_control import PLUGIN_OUTPUT, none_allowed
from nnkit.registry.hooks import HOOK_GROUPS
from nnkit.registry.installed import HookModule
from nnkit.registry.kinds import KINDS
from nnkit.registry.manager import Registry, current

__all__ = ["Implementation", "accelerate", "implementations"]

AnyPart = TypeVar("AnyPart", bound=Part)


@attrs.frozen(eq=False)
class Implementation:
    """One plugin's implementation of a hook."""

    module: HookModule
    _hook: str
    _implementation: pluggy.HookImpl
    _registry: Registry

    def call(self, **arguments: Any) -> Any:
        """What it returns; whatever it raises goes through, and what it prints goes where plugin output goes."""
        manager = self._registry.manager
        others = [plugin for plugin in manager.get_plugins() if plugin is not self._implementation.plugin]
        with PLUGIN_OUTPUT.get()():
            return manager.subset_hook_caller(self._hook, others)(**arguments)

    @contextmanager
    def skipped_on_failure(self) -> Iterator[None]:
        """Within the block, a failure is stored and warned of once; in strict mode, raised."""
        with self._registry.storing_failure(self.module) as failures:
            yield
        for error in failures:
            self.warn("is skipped", f"failed with {headline(error)}", once=self.module.origin, cause=error)

    def warn(self, outcome: str, problem: str, **options: Any) -> None:
        """Warn of a problem and its outcome, with the options of ``Registry.warn``; in strict mode, raise."""
        sentence = f"the plugin {self.module.distribution} {outcome}: {self._hook} in {self.module.target} {problem}"
        self._registry.warn(sentence, **options)


def implementations(hook: str) -> Iterator[Implementation]:
    """The enabled implementations of a hook besides ``nnkit_register``, in the order in which pluggy calls them.

    The modules of the hook's group are imported at the first call. With ``NNKIT_PLUGINS`` empty there are none.
    """
    if none_allowed():
        return
    registry = current()
    providers = registry.enabled()
    registry.load_hooks(providers, group=HOOK_GROUPS[hook])
    modules = {module.origin: module for provider in providers for module in provider.hooks}
    for implementation in reversed(getattr(registry.manager.hook, hook).get_hookimpls()):
        if implementation.plugin_name in modules:
            yield Implementation(modules[implementation.plugin_name], hook, implementation, registry)


def accelerate(part: AnyPart, among: Iterable[Implementation] | None = None) -> AnyPart:
    """The faster counterpart of ``part`` that an installed plugin offers, or ``part`` itself.

    The first implementation of ``nnkit_accelerate(part)`` that does not return ``None`` is used. An
    accelerator that fails is skipped with one warning. ``among`` holds those to ask, where they were collected before.

    Example:
        >>> from nnkit.registry import create
        >>> relu = create("activation", "leaky_relu")
        >>> accelerate(relu).kind
        'activation'
    """
    for implementation in implementations("nnkit_accelerate") if among is None else among:
        with implementation.skipped_on_failure():
            counterpart = implementation.call(part=part)
            if isinstance(counterpart, KINDS[part.kind].bases()):
                return cast("AnyPart", counterpart)  # of the same kind
            if counterpart is not None:
                raise PluginError(f"it returned {counterpart!r}, which is not a part of kind {part.kind!r}")
    return part
