"""Which plugins may be used: two environment variables and a context manager."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nnkit.registry.names import BUILTIN, CORE_DISTRIBUTION, distribution_key, nearest

__all__ = ["ALLOW", "DISABLE", "disabled_here", "none_allowed", "unknown_names", "why_disabled"]

ALLOW = "NNKIT_PLUGINS"
"""Environment variable: the distributions that may be used; set but empty, none may."""

DISABLE = "NNKIT_PLUGINS_DISABLE"
"""Environment variable: the distributions that may not be used."""

_disabled: ContextVar[frozenset[str]] = ContextVar("nnkit_disabled_plugins", default=frozenset())


def _listed(variable: str) -> list[str] | None:
    value = os.environ.get(variable)
    return None if value is None else [word for word in re.split(r"[,;\s]+", value) if word]


def none_allowed() -> bool:
    """Whether ``NNKIT_PLUGINS`` is set and empty, so that nothing need be looked for."""
    return _listed(ALLOW) == []


def why_disabled(namespace: str) -> str | None:
    """Why the distribution may not be used, in words; ``None`` when it may."""
    if namespace in _disabled.get():
        return "nnkit.plugins.disabled(...) names it"
    if namespace in {distribution_key(name) for name in _listed(DISABLE) or ()}:
        return f"the environment variable {DISABLE} names it"
    allowed = _listed(ALLOW)
    if allowed is not None and namespace not in {distribution_key(name) for name in allowed}:
        return f"the environment variable {ALLOW} is {'empty' if not allowed else 'set and does not name it'}"
    return None


def unknown_names(installed: Collection[str]) -> list[tuple[str, str]]:
    """The names in the variables that no installed plugin bears: the variable, and a sentence."""
    found = []
    for variable in (ALLOW, DISABLE):
        for name in _listed(variable) or ():
            sentence = unknown_name(name, variable, installed, may_be_core=variable == ALLOW)
            if sentence is not None:
                found.append((variable, sentence))
    return found


def unknown_name(name: str, where: str, installed: Collection[str], *, may_be_core: bool = False) -> str | None:
    """A sentence when no installed plugin is called ``name``, else ``None``."""
    namespace = distribution_key(name)
    if namespace in installed or (may_be_core and namespace == BUILTIN):
        return None
    if namespace == BUILTIN:
        return f"{where} names {name!r}, but {CORE_DISTRIBUTION} holds the built-in parts, which cannot be disabled"
    close = nearest(namespace, installed, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    known = ", ".join(sorted(installed)) or "none"
    return f"{where} names {name!r}, but no installed plugin is called so{hint} (installed plugins: {known})"


@contextmanager
def disabled_here(namespaces: Collection[str]) -> Iterator[None]:
    """Within the block, and in this thread or task alone, these distributions may not be used."""
    token = _disabled.set(_disabled.get() | frozenset(namespaces))
    try:
        yield
    finally:
        _disabled.reset(token)
