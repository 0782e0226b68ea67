"""Tables of an experiment file, read strictly: every key is known and of its type, or a sentence says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from nnkit.errors import HyperparameterError, NNKitError
from nnkit.spelling import did_you_mean

__all__ = ["ExperimentError", "check_keys", "read_section"]

T = TypeVar("T")


class ExperimentError(NNKitError, ValueError):
    """The experiment file cannot be understood; names the section, the key and what it takes."""


FOREIGN_KEYS = {
    "path": "file",
    "filename": "file",
    "csv": "file",
    "label": "target",
    "sep": "delimiter",
    "separator": "delimiter",
    "index_col": "index_column",
    "na_values": "missing",
    "usecols": "features",
    "hidden_layer_sizes": "hidden",
    "activation": "hidden_activation",
    "random_state": "seed",
    "n_epochs": "epochs",
    "max_iter": "epochs",
}
"""Keys that people know from pandas and scikit-learn, with those of an experiment."""


def check_keys(given: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse a key that is not known.

    Raises:
        ExperimentError: Names the key, the nearest known one, and all of them.
    """
    known = sorted(known)
    for key in given:
        if key in known:
            continue
        hint = did_you_mean(key, known, {name: own for name, own in FOREIGN_KEYS.items() if own in known}, start=" ")
        raise ExperimentError(f"{where} has no key {key!r};{hint} it takes {', '.join(known)}")


def read_section(cls: type[T], given: Any, where: str) -> T:
    """An attrs class filled from a table of the file.

    Raises:
        ExperimentError: An unknown key, a missing one, or a value that its field refuses.
    """
    if not isinstance(given, Mapping):
        raise ExperimentError(f"{where} is {given!r}; expected a table of keys")
    fields = {field.name: field for field in attrs.fields(cls)}  # type: ignore[arg-type]
    check_keys(given, fields, where)
    for name, field in fields.items():
        if field.default is attrs.NOTHING and name not in given:
            raise ExperimentError(f"{where} lacks the key {name!r}")
    try:
        return cls(**given)
    except HyperparameterError as error:
        said = str(error).partition("): ")[2]
        raise ExperimentError(f"{where}: {said}; got {given.get(said.partition(' ')[0])!r}") from error
    except ExperimentError as error:
        raise ExperimentError(f"{where}: {error}") from error
