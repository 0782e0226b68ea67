"""What is installed: reads the metadata of distributions, and imports nothing of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from nnkit.errors import PluginError
from nnkit.registry.kinds import KINDS
from nnkit.registry.names import BUILTIN, display, distribution_key, is_name, nearest
from nnkit.registry.registrar import Entry, Shelf
from nnkit.registry.targets import looks_like_target

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["ACCELERATORS", "HOOKS", "HookModule", "Installed", "scan"]

HOOKS = "nnkit"
"""Entry-point group of hook modules."""

ACCELERATORS = "nnkit.accelerators"
"""Entry-point group of the hook modules that implement ``nnkit_accelerate``, so that no other is asked."""

_KIND_OF_GROUP = {kind.group: kind for kind in KINDS.values()}


@attrs.frozen
class HookModule:
    """A module with hook implementations, named by an entry point.

    Args:
        distribution: The namespace of its distribution.
        group: The group of its entry point (the first, where it stands in both).
        name: The name of its entry point.
        target: The module.
        registers: It is asked for parts: it stands in the group ``nnkit``.
        accelerates: It is asked for faster twins: it stands in ``nnkit.accelerators``, or its
            distribution has nothing there and so leaves open which module does.
    """

    distribution: str
    group: str
    name: str
    target: str
    registers: bool
    accelerates: bool

    @property
    def origin(self) -> str:
        """The entry point in words, for messages."""
        return _origin(self.distribution, self.group, self.name, self.target)


@attrs.frozen(eq=False)
class Installed:
    """A distribution with entry points for nnkit.

    Args:
        namespace: Its normalized name.
        version: Its version.
        shelf: Its static parts.
        hooks: Its hook modules.
        problems: What is wrong with its entry points, in words.
    """

    namespace: str
    version: str
    shelf: Shelf
    hooks: tuple[HookModule, ...]
    problems: tuple[str, ...] = ()


def scan() -> dict[str, Installed]:
    """Every installed distribution with entry points for nnkit, by namespace; the first on the path counts."""
    from importlib.metadata import distributions

    found: dict[str, Installed] = {}
    for distribution in distributions():
        text = _entry_points_text(distribution)
        if text is None or HOOKS not in text:
            continue
        one = _read(distribution)
        if one is not None:
            found.setdefault(one.namespace, one)
    return dict(sorted(found.items()))


def _entry_points_text(distribution: Distribution) -> str | None:
    try:
        return distribution.read_text("entry_points.txt")
    except (OSError, UnicodeDecodeError):
        return None  # unreadable metadata cannot be told from that of a stranger


def _read(distribution: Distribution) -> Installed | None:
    try:
        metadata = distribution.metadata
        name, version = (metadata["Name"], metadata["Version"]) if "Name" in metadata else (None, None)
    except Exception:  # noqa: BLE001  # damaged metadata raises whatever the reader stumbles over
        name, version = None, None
    problems: list[str] = []
    if not name:
        name = f"unnamed-in-{distribution.locate_file('')}"
        problems.append(f"the metadata in {distribution.locate_file('')} has no Name; reinstall the package")
    try:
        points = [point for point in distribution.entry_points if _ours(point.group)]
    except Exception as error:  # noqa: BLE001  # as above: one damaged package must not stop the others
        points = []
        problems.append(f"its entry_points.txt cannot be read ({type(error).__name__}: {error}); reinstall it")
    if not points and not problems:
        return None
    namespace = distribution_key(name)
    if namespace == BUILTIN:
        problems.append(
            f"a distribution called {name!r} cannot provide parts: 'nnkit/…' names nnkit's own; uninstall it"
        )
        return Installed(f"{name.lower()} (the distribution)", version or "unknown", Shelf(name), (), tuple(problems))
    shelf, hooks = Shelf(namespace), _hooks(namespace, points)
    for point in points:
        problems.extend(_place(shelf, point))
    return Installed(namespace, version or "unknown", shelf, hooks, tuple(problems))


def _ours(group: str) -> bool:
    return group == HOOKS or group.startswith(HOOKS + ".")


def _hooks(namespace: str, points: Iterable[EntryPoint]) -> tuple[HookModule, ...]:
    """The hook modules, each target once."""
    groups: dict[str, dict[str, str]] = {HOOKS: {}, ACCELERATORS: {}}
    for point in points:
        if point.group in groups:
            groups[point.group].setdefault(point.value, point.name)
    registering, marked = groups[HOOKS], groups[ACCELERATORS]
    return tuple(
        HookModule(
            distribution=namespace,
            group=HOOKS if target in registering else ACCELERATORS,
            name=registering.get(target) or marked[target],
            target=target,
            registers=target in registering,
            accelerates=target in marked or not marked,
        )
        for target in {**registering, **marked}
    )


def _place(shelf: Shelf, point: EntryPoint) -> list[str]:
    """Put a static part on the shelf; what is wrong with the entry point, in words."""
    if point.group in {HOOKS, ACCELERATORS}:
        return []
    origin = _origin(shelf.namespace, point.group, point.name, point.value)
    kind = _KIND_OF_GROUP.get(point.group)
    if kind is None:
        close = nearest(point.group, [*_KIND_OF_GROUP, ACCELERATORS], 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return [f"{origin}: nnkit knows no such group{hint}"]
    if not is_name(point.name):
        return [f"{origin}: {point.name!r} is not a name; expected a letter, then letters, digits, '_' and '-'"]
    problem = None if looks_like_target(point.value) else f"{origin}: expected 'module:Class', got {point.value!r}"
    entry = Entry(kind, display(point.name), shelf.namespace, point.value, origin, problem=problem)
    try:
        shelf.add(entry)
    except PluginError as error:
        taken = shelf.entries[kind.name, entry.keys[0]]
        shelf.entries[kind.name, entry.keys[0]] = attrs.evolve(taken, problem=str(error))
        return [str(error)]
    return [problem] if problem else []


def _origin(distribution: str, group: str, name: str, target: str) -> str:
    return f"{distribution} (entry point {name} = {target} in {group!r})"
