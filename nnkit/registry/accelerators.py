"""Accelerators: installed plugins may offer a faster twin of a part."""

from __future__ import annotations

from typing import TypeVar, cast

from nnkit.interfaces.part import Part
from nnkit.registry import control, explain
from nnkit.registry.kinds import KINDS
from nnkit.registry.manager import Registry, current

__all__ = ["accelerate"]

AnyPart = TypeVar("AnyPart", bound=Part)


def accelerate(part: AnyPart) -> AnyPart:
    """The faster twin of ``part`` that an installed plugin offers, or ``part`` itself.

    Asks ``nnkit_accelerate(component)`` of the hook modules; the first that is not ``None`` wins.
    The modules asked are those in the group ``nnkit.accelerators``, and the hook modules of a
    distribution that has nothing in that group; they are imported at the first call. With
    ``NNKIT_PLUGINS`` empty nothing is looked for. An accelerator that fails is skipped with one
    warning.

    Example:
        >>> from nnkit.registry import create
        >>> relu = create("activation", "leaky_relu")
        >>> accelerate(relu).kind
        'activation'
    """
    if control.none_allowed():
        return part
    registry = current()
    registry.load_hooks(accelerators=True)
    hook = registry.manager.hook.nnkit_accelerate
    implementations = [impl for impl in reversed(hook.get_hookimpls()) if _enabled(impl.plugin_name)]
    for implementation in implementations:
        others = [plugin for plugin in registry.manager.get_plugins() if plugin is not implementation.plugin]
        asked = registry.manager.subset_hook_caller("nnkit_accelerate", others)
        try:
            twin = asked(component=part)
        except Exception as error:  # noqa: BLE001  # a broken accelerator must not end a training
            _skip(registry, implementation.plugin_name, f"failed with {explain.brief(error)}")
            continue
        if twin is None:
            continue
        if isinstance(twin, KINDS[part.kind].bases()):
            return cast("AnyPart", twin)  # of the same kind
        _skip(registry, implementation.plugin_name, f"returned {twin!r}, which is no {part.kind}")
    return part


def _enabled(plugin_name: str) -> bool:
    return control.why_disabled(plugin_name.partition(":")[0]) is None


def _skip(registry: Registry, plugin_name: str, reason: str) -> None:
    registry.warn(f"the accelerator {plugin_name} {reason}; it is skipped", once=f"accelerator {plugin_name}")
