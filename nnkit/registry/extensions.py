"""What installed plugins add besides parts: faster counterparts, commands, exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import attrs
import pluggy

from nnkit.interfaces.part import Part
from nnkit.plugin_control import PLUGIN_OUTPUT, none_allowed, why_disabled
from nnkit.registry.hooks import HOOK_GROUPS
from nnkit.registry.kinds import KINDS
from nnkit.registry.manager import Registry, brief, current

__all__ = ["Implementation", "accelerate", "implementations"]

AnyPart = TypeVar("AnyPart", bound=Part)


@attrs.frozen(eq=False)
class Implementation:
    """One plugin's implementation of a hook: its distribution and its module."""

    distribution: str
    module: str
    _hook: str
    _implementation: pluggy.HookImpl
    _registry: Registry

    def call(self, **arguments: Any) -> Any:
        """What it returns; whatever it raises goes through, and what it prints goes where plugin output goes."""
        manager = self._registry.manager
        others = [plugin for plugin in manager.get_plugins() if plugin is not self._implementation.plugin]
        with PLUGIN_OUTPUT.get()():
            return manager.subset_hook_caller(self._hook, others)(**arguments)

    def skip(self, problem: str, *, cause: BaseException | None = None) -> None:
        """Warn, once, that this implementation is not used; in strict mode, raise."""
        what = self._hook.removeprefix("nnkit_")
        self._registry.warn(
            f"the plugin {self.distribution} is skipped: {self._hook} in {self.module} {problem}",
            once=f"{what} {self.distribution}:{self.module}",
            cause=cause,
        )


def implementations(hook: str) -> Iterator[Implementation]:
    """The enabled implementations of a hook besides ``nnkit_register``, in the order in which pluggy calls them.

    The modules of the hook's group are imported at the first call. With ``NNKIT_PLUGINS`` empty there are none.
    """
    if none_allowed():
        return
    registry = current()
    registry.load_hooks(group=HOOK_GROUPS[hook])
    for implementation in reversed(getattr(registry.manager.hook, hook).get_hookimpls()):
        distribution, _, module = implementation.plugin_name.partition(":")
        if why_disabled(distribution) is None:
            yield Implementation(distribution, module, hook, implementation, registry)


def accelerate(part: AnyPart) -> AnyPart:
    """The faster counterpart of ``part`` that an installed plugin offers, or ``part`` itself.

    The first implementation of ``nnkit_accelerate(part)`` that does not return ``None`` is used. An
    accelerator that fails is skipped with one warning.

    Example:
        >>> from nnkit.registry import create
        >>> relu = create("activation", "leaky_relu")
        >>> accelerate(relu).kind
        'activation'
    """
    for implementation in implementations("nnkit_accelerate"):
        try:
            counterpart = implementation.call(part=part)
        except Exception as error:  # noqa: BLE001  # a broken accelerator must not end a training
            implementation.skip(f"failed with {brief(error)}", cause=error)
            continue
        if counterpart is None:
            continue
        if isinstance(counterpart, KINDS[part.kind].bases()):
            return cast("AnyPart", counterpart)  # of the same kind
        implementation.skip(f"returned {counterpart!r}, which is not a part of kind {part.kind!r}")
    return part
