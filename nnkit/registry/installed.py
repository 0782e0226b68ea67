"""What is installed and may be used: reads the metadata of distributions, and imports nothing of theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nnkit.errors import PluginError
from nnkit.registry.hooks import HOOK_GROUPS, PROJECT, Entry, PartTable
from nnkit.registry.kinds import KINDS, is_target
from nnkit.spelling import BUILTIN, IN_PROCESS, did_you_mean, display, distribution_key, is_distribution, is_name

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint


@attrs.frozen
class HookModule:
    """A module with hook implementations, and the entry point that names it, in words.

    It is asked for the hooks of ``groups``: those that name it, and each further group in which its
    distribution names no module and so leaves open which one implements the hook.
    """

    distribution: str
    target: str
    origin: str
    groups: frozenset[str]


@attrs.frozen(eq=False)
class Installed:
    """A distribution with entry points for nnkit: its static parts, its hook modules, and what is wrong with it."""

    namespace: str
    version: str
    table: PartTable
    hooks: tuple[HookModule, ...] = ()
    problems: tuple[str, ...] = ()


# -- metadata ------------------------------------------------------------------------------------


def scan() -> tuple[dict[str, Installed], tuple[str, ...]]:
    """Every installed distribution with entry points for nnkit, by namespace, and what went wrong while looking.

    The first of a name on the path counts.
    """
    problems: list[str] = []
    installed: dict[str, Installed] = {}
    for distribution in _distributions(problems):
        text = None
        with suppress(OSError, UnicodeDecodeError):  # unreadable metadata may belong to an unrelated package
            text = distribution.read_text("entry_points.txt")
        if text is None or PROJECT not in text:
            continue
        provider = _read(distribution)
        if provider is not None:
            installed.setdefault(provider.namespace, provider)
    return dict(sorted(installed.items())), tuple(problems)


def _distributions(problems: list[str]) -> Iterator[Distribution]:
    """What every finder finds; a finder that raises, and an entry of ``sys.path`` that is no string, stop no other."""
    from importlib.metadata import DistributionFinder  # imported when first needed: built-in names never get here

    context = DistributionFinder.Context(path=[entry for entry in sys.path if isinstance(entry, str)])
    for finder in sys.meta_path:
        try:
            if hasattr(finder, "find_distributions"):
                yield from finder.find_distributions(context)
        except Exception as error:  # noqa: BLE001  # a foreign finder can raise anything
            problems.append(
                f"the finder {finder!r} in sys.meta_path failed while listing installed packages"
                f" ({type(error).__name__}: {error}), so plugins that only it can find are missing"
            )


def _read(distribution: Distribution) -> Installed | None:
    problems: list[str] = []
    name, version = _name_and_version(distribution, problems)
    try:
        points = [p for p in distribution.entry_points if p.group == PROJECT or p.group.startswith(PROJECT + ".")]
    except Exception as error:  # noqa: BLE001  # damaged metadata raises whatever the reader stumbles over
        points = []
        problems.append(f"its entry_points.txt cannot be read ({type(error).__name__}: {error}); reinstall it")
    if not points and not problems:
        return None
    namespace = distribution_key(name)
    if namespace in {BUILTIN, IN_PROCESS}:
        whose = "nnkit's own" if namespace == BUILTIN else "the parts that nnkit.plugins.register adds"
        problems.append(
            f"a distribution called {name!r} cannot provide parts: '{namespace}/…' names {whose}; uninstall it"
        )
        return Installed(f"{name.lower()} (the distribution)", version, PartTable(name), problems=tuple(problems))
    table = PartTable(namespace)
    modules: dict[str, dict[str, str]] = {}  # by target, the groups that name it, with the name of the entry point
    for point in points:
        target = _target(point)
        origin = f"{namespace} (entry point {point.name} = {point.value} in {point.group!r})"
        if point.group in HOOK_GROUPS.values():
            modules.setdefault(target, {}).setdefault(point.group, origin)
        else:
            problems.extend(_add_part(table, point, target, origin))
    unnamed = set(HOOK_GROUPS.values()) - {group for groups in modules.values() for group in groups}
    hooks = tuple(
        HookModule(
            distribution=namespace,
            target=target,
            origin=groups.get(PROJECT) or next(iter(groups.values())),
            groups=frozenset({*groups, *(unnamed if PROJECT in groups else ())}),
        )
        for target, groups in sorted(modules.items(), key=lambda item: PROJECT not in item[1])
    )
    return Installed(namespace, version, table, hooks, tuple(problems))


def _name_and_version(distribution: Distribution, problems: list[str]) -> tuple[str, str]:
    """From METADATA, or where that is missing or damaged, from the name of its folder (PEP 427)."""
    try:
        metadata = distribution.metadata
        name, version = (metadata["Name"], metadata["Version"]) if "Name" in metadata else (None, None)
    except Exception:  # noqa: BLE001  # as above: one damaged package must not stop the others
        name, version = None, None
    if is_distribution(name):
        return str(name), version if version and str(version).isprintable() else "unknown"
    folder = Path(str(getattr(distribution, "_path", "")))
    name, _, version = folder.stem.partition("-")
    problems.append(
        f"the metadata in {folder or distribution.locate_file('')} has no valid Name; reinstall the package"
    )
    return name or f"unnamed-in-{distribution.locate_file('')}", version.partition("-")[0] or "unknown"


def _target(point: EntryPoint) -> str:
    """The value without blanks and extras: ``mod:Cls`` of ``mod : Cls [extra]``."""
    if point.pattern.match(point.value) is None:
        return point.value
    return f"{point.module}:{point.attr}" if point.attr else point.module


def _add_part(table: PartTable, point: EntryPoint, target: str, origin: str) -> list[str]:
    """Add a static part; what is wrong with the entry point, in words."""
    kinds = {kind.group: kind for kind in KINDS.values()}
    kind = kinds.get(point.group)
    if kind is None:
        other = f"; the groups are {', '.join(kinds)}"
        hint = did_you_mean(point.group, [*kinds, *HOOK_GROUPS.values()], other=other)
        return [f"{origin}: {point.group!r} is not a group of nnkit{hint}"]
    if not is_name(point.name):
        return [f"{origin}: {point.name!r} is not a name; expected a letter, then letters, digits, '_' and '-'"]
    problem = None if is_target(target) else f"{origin}: expected 'module:Class', got {point.value!r}"
    entry = Entry(kind, display(point.name), table.namespace, target, origin, problem=problem)
    try:
        table.add(entry)
    except PluginError as error:
        place = (kind.name, entry.keys[0])
        table.entries[place] = attrs.evolve(table.entries[place], problem=str(error))
        return [str(error)]
    return [problem] if problem else []
