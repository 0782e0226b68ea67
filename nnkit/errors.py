"""One family of exceptions: every error that nnkit raises on purpose is an ``NNKitError``.

Each is also the built-in exception that a caller would expect, so ``except ValueError`` keeps
working. A message names what came, what was expected, and what to do.
"""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "AmbiguousNameError",
    "ArgumentError",
    "BusyError",
    "DataError",
    "DivergedError",
    "FileFormatError",
    "FileSaveError",
    "HyperparameterError",
    "MissingExtraError",
    "MissingProviderError",
    "NNKitError",
    "NNKitWarning",
    "NotOfferedError",
    "OrderError",
    "PluginError",
    "PluginLoadError",
    "PluginWarning",
    "ShapeError",
    "SpecError",
    "TrainingWarning",
    "UnknownNameError",
    "brief",
    "headline",
    "warn",
]


class NNKitError(Exception):
    """The base of every error raised on purpose."""


class NNKitWarning(UserWarning):
    """The base of every warning issued on purpose."""


class PluginWarning(NNKitWarning):
    """A plugin could not be loaded, or a name in a control variable is unknown."""


class TrainingWarning(NNKitWarning):
    """Training goes on, but probably not as intended; the message suggests what to change."""


class HyperparameterError(NNKitError, ValueError):
    """A hyperparameter is outside its range: names the part, the field, the value and the range."""


class BusyError(NNKitError, RuntimeError):
    """The network is being fitted, so it cannot be fitted, reset or assigned to, nor saved by another thread."""


class SpecError(NNKitError, ValueError):
    """A spec (``"adam(learning_rate=3e-4)"``, a dict, a tuple …) cannot be understood."""


class ArgumentError(NNKitError, TypeError):
    """A call has an argument that the method does not have; the message names what to write instead."""


class UnknownNameError(NNKitError, LookupError, ValueError):
    """No part has this name; the message names the nearest, or why it is missing."""


class AmbiguousNameError(UnknownNameError):
    """Several packages provide this bare name; the message lists the qualified spellings."""


class PluginError(NNKitError):
    """A plugin breaks a rule of registration (misspelt hook, taken name, wrong type …)."""


class PluginLoadError(PluginError, ImportError):
    """A plugin that would provide the name failed to load; its own error is the cause."""


class MissingProviderError(UnknownNameError):
    """A saved config names a part of a distribution that is not installed."""


class MissingExtraError(NNKitError, ImportError):
    """An optional dependency is missing; names the extra to install."""


class DataError(NNKitError, ValueError):
    """The data cannot be used: names the argument, what came and what was expected."""


class ShapeError(DataError):
    """An array has the wrong shape."""


class FileFormatError(NNKitError, ValueError):
    """A file is damaged, of another program, or newer than this library; the message states which."""


class FileSaveError(NNKitError, OSError):
    """A file could not be written; an existing file is unchanged."""


class DivergedError(FileSaveError):
    """The network holds NaN or infinite values, so it was not saved; a file that stood there is as it was."""


class NotOfferedError(NNKitError, NotImplementedError):
    """The part does not offer this optional method, so what needs it cannot be done with it."""


class OrderError(NNKitError, KeyError):
    """Functional calls were made out of order: a key that an earlier call sets is not there."""

    def __str__(self) -> str:
        """The message as it stands (``KeyError`` would show it in quotes)."""
        return str(self.args[0]) if self.args else ""


def brief(value: object, letters: int = 60) -> str:
    """A value in a few words, whatever its size, for messages.

    Example:
        >>> brief(list(range(1000))), brief("abc" * 100, 10), brief(10**5000)
        ('a list of 1000 entries', "'abcabcabca'… (300 letters)", 'an integer of 16610 bits')
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= letters else f"{value[:letters]!r}… ({len(value)} letters)"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    if isinstance(value, (list, tuple, dict, set)):
        return f"a {type(value).__name__} of {len(value)} entries"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        return f"an array of shape {shape} and dtype {dtype}"
    return f"an object of type {type(value).__name__}"


def headline(error: BaseException) -> str:
    r"""An exception in one line: its type and the first line of its message.

    Example:
        >>> headline(ValueError("no such column\nthe columns are …"))
        'ValueError: no such column'
    """
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this library, and what it calls plugins and imports with, that the call came from.

    The command line counts as outside: it is a program that uses the library.
    """
    inside = ("nnkit.", "pluggy.", "contextlib.", "importlib.")
    frame, level = sys._getframe(1), 2  # noqa: SLF001  # what `warnings` itself counts in
    while frame.f_back is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(inside):
        if frame.f_globals["__name__"].startswith("nnkit.cli"):
            break
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
