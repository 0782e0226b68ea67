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


ELSEWHERE = {
    "learning_rate": 'the learning rate belongs to the optimizer: [network] optimizer = "adam(learning_rate=0.01)"',
    "lr": 'the learning rate belongs to the optimizer: [network] optimizer = "adam(learning_rate=0.01)"',
    "validation_split": "write [data.split] validation = 0.2",
    "validation_fraction": "write [data.split] validation = 0.2",
    "test_size": "write [data.split] test = 0.2",
    "test_split": "write [data.split] test = 0.2",
}
"""Keys that people write, and what they mean in an experiment."""


def check_keys(
    given: Mapping[str, Any], known: Iterable[str], where: str, others: Mapping[str, Iterable[str]] | None = None
) -> None:
    """Refuse a key that is not known.

    Args:
        given: The keys of a section.
        known: Those that it has.
        where: The file and the section, for messages.
        others: Those of all sections, by the names of these.

    Raises:
        ExperimentError: Names the key and the section that has it, or the nearest known one, and all of them.
    """
    known = sorted(known)
    for key in given:
        if key in known:
            continue
        sections = " or ".join(f"[{name}]" for name, keys in (others or {}).items() if key in keys)
        if others is not None and (sections or key in ELSEWHERE):
            advice = ELSEWHERE.get(key) or f"it belongs to {sections}"
            raise ExperimentError(f"{where} has no key {key!r}; {advice}")
        hint = did_you_mean(key, known, {name: own for name, own in FOREIGN_KEYS.items() if own in known}, start=" ")
        raise ExperimentError(f"{where} has no key {key!r};{hint} it takes {', '.join(known)}")


def read_section(cls: type[T], given: Any, where: str, others: Mapping[str, Iterable[str]] | None = None) -> T:
    """An attrs class filled from a table of the file.

    Raises:
        ExperimentError: An unknown key, a missing one, or a value that its field refuses.
    """
    if not isinstance(given, Mapping):
        raise ExperimentError(f"{where} is {given!r}; expected a table of keys")
    fields = {field.name: field for field in attrs.fields(cls)}  # type: ignore[arg-type]
    check_keys(given, fields, where, others)
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
