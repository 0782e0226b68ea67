"""How a program controls plugins: which ones may be used, whether their faults are errors, where they may print."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from typing import TypeVar

from nnkit.errors import SpecError
from nnkit.spelling import BUILTIN, CORE_DISTRIBUTION, IN_PROCESS, did_you_mean, distribution_key

Value = TypeVar("Value")

ALLOW = "NNKIT_PLUGINS"
"""Environment variable: the distributions that may be used; set but empty, none may."""

DISABLE = "NNKIT_PLUGINS_DISABLE"
"""Environment variable: the distributions that may not be used."""

STRICT = "NNKIT_PLUGINS_STRICT"
"""Environment variable: set to 1, every fault of a plugin is an error instead of a warning."""

_disabled: ContextVar[frozenset[str]] = ContextVar("nnkit_disabled_plugins", default=frozenset())
_reporting: ContextVar[bool] = ContextVar("nnkit_reporting_faults", default=False)


def strict() -> bool:
    """Whether a fault of a plugin is an error: ``NNKIT_PLUGINS_STRICT`` is set, and nothing is reporting faults."""
    return os.environ.get(STRICT, "").lower() not in {"", "0", "false", "no", "off"} and not _reporting.get()


def _words(value: str | None) -> list[str] | None:
    return None if value is None else [word for word in re.split(r"[,;\s]+", value) if word]


def none_allowed() -> bool:
    """Whether ``NNKIT_PLUGINS`` is set and empty, so that nothing need be looked for."""
    return _words(os.environ.get(ALLOW)) == []


def why_disabled(namespace: str) -> str | None:
    """Why the distribution may not be used, in words; ``None`` when it may."""
    return _why(namespace, *_settings())


def enabled_among(namespaces: Iterable[str]) -> list[str]:
    """Those of the distributions that may be used; the settings are read once for all."""
    settings = _settings()
    return [namespace for namespace in namespaces if _why(namespace, *settings) is None]


def _settings() -> tuple[str | None, str | None, frozenset[str]]:
    return os.environ.get(ALLOW), os.environ.get(DISABLE), _disabled.get()


@lru_cache(maxsize=1024)
def _why(namespace: str, allow: str | None, disable: str | None, here: frozenset[str]) -> str | None:
    if namespace == IN_PROCESS:
        return None
    if namespace in here:
        return "nnkit.plugins.disabled(...) names it"
    if namespace in {distribution_key(name) for name in _words(disable) or ()}:
        return f"the environment variable {DISABLE} names it"
    allowed = _words(allow)
    if allowed is not None and namespace not in {distribution_key(name) for name in allowed}:
        return f"the environment variable {ALLOW} is {'empty' if not allowed else 'set and does not name it'}"
    return None


def unknown_names(installed: Collection[str]) -> list[str]:
    """A sentence for each name in the variables that is not the name of an installed plugin."""
    allow, disable, _ = _settings()
    names = [(name, ALLOW) for name in _words(allow) or () if distribution_key(name) != BUILTIN]
    names += [(name, DISABLE) for name in _words(disable) or ()]
    sentences = (unknown_name(name, f"the environment variable {variable}", installed) for name, variable in names)
    return [sentence for sentence in sentences if sentence is not None]


def unknown_name(name: str, where: str, installed: Collection[str]) -> str | None:
    """A sentence when no installed plugin is called ``name``, else ``None``.

    Raises:
        SpecError: When ``name`` is not a string.
    """
    if not isinstance(name, str):
        raise SpecError(f"{where} names {name!r}; expected the names of distributions, each a string")
    namespace = distribution_key(name)
    if namespace in installed:
        return None
    if namespace == BUILTIN:
        return f"{where} names {name!r}, but {CORE_DISTRIBUTION} contains the built-in parts, which cannot be disabled"
    hint = did_you_mean(namespace, installed)
    names = ", ".join(sorted(installed)) or "none"
    return f"{where} names {name!r}, but no installed plugin has that name{hint} (installed plugins: {names})"


@contextmanager
def within(variable: ContextVar[Value], value: Value) -> Iterator[None]:
    """Within the block, and in this thread or task alone, ``variable`` has this value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def disabled_here(namespaces: Collection[str]) -> AbstractContextManager[None]:
    """Within the block, and in this thread or task alone, these distributions may not be used."""
    return within(_disabled, _disabled.get() | frozenset(namespaces))


def disabled_names() -> frozenset[str]:
    """The distributions that may not be used in this thread or task, besides those of the environment variables."""
    return _disabled.get()


def reporting() -> AbstractContextManager[None]:
    """Within the block, faults are collected to be shown, so that even in strict mode they are not raised."""
    return within(_reporting, True)  # the value


PLUGIN_OUTPUT: ContextVar[Callable[[], AbstractContextManager[object]]] = ContextVar(
    "nnkit_plugin_output", default=nullcontext
)
"""What surrounds all plugin code that the registry runs; the command line sets ``stdout_to_stderr``."""


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Within the block, what goes to stdout goes to stderr: from Python, from C and from child processes."""
    sys.stdout.flush()
    try:
        saved = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of the two is closed, so there is no output to protect
        saved = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)
