"""The version of the file format, and the steps that bring older content to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nnkit.errors import FileFormatError, TrainingWarning, brief, warn
from nnkit.files.trees import NamedArrays

__all__ = ["FORMAT_VERSION", "check_version", "upgraded"]

FORMAT_VERSION: Final = 2
"""The version that is written: of model files, archives and configs."""


def check_version(version: object) -> int:
    """The version, where this nnkit can read it.

    Raises:
        FileFormatError: When it is newer, or not a version.
    """
    if type(version) is not int or version < 1:
        raise FileFormatError(f"damaged: its format version is {brief(version)}; expected a positive integer")
    if version > FORMAT_VERSION:
        raise FileFormatError(
            f"has format version {brief(version)}; this nnkit reads up to {FORMAT_VERSION}: install a newer nnkit-core"
        )
    return version


def upgraded(what: str, version: object, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Content of any version as content of the present one.

    Args:
        what: The kind of content: ``"network"``, ``"config"``, …
        version: The version that it was written with.
        tree: The content.

    Raises:
        FileFormatError: When the version is newer, not one, or not one of this kind of content.
    """
    present = dict(tree)
    for step in range(check_version(version), FORMAT_VERSION):
        if (what, step) not in _STEPS:
            raise FileFormatError(f"has format version {step}, in which no {what} can be read; write it anew")
        try:
            present = _STEPS[what, step](present)
        except (KeyError, TypeError, AttributeError) as error:
            raise FileFormatError(f"damaged: it is not a {what} of format version {step}") from error
    return present


def _network_from_1(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 saved vectors without names, and the state of training without its owner."""
    state = tree["state"]
    memory = state["callbacks"]
    present = {
        "composition": upgraded("config", 1, {**tree["config"], "inputs": tree["inputs"]}),
        "parameters": NamedArrays(state["parameters"], None),
        "buffers": NamedArrays(state["buffers"], None),
        "epoch": state["epoch"],
        "step": state["step"],
        "adapted": state["adapted"],
        "history": memory.get("History", {}),
        "notes": tree.get("notes", {}),
    }
    if state["optimizer"] is not None or set(memory) - {"History"}:
        warn(
            "the file has format version 1: its parameters, buffers and history are loaded; the optimizer's state and "
            "the memory of callbacks are not, so training begins with new ones",
            TrainingWarning,
        )
    return present


def _config_from_1(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "version": 2}


_STEPS: Final[Mapping[tuple[str, int], Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    ("network", 1): _network_from_1,
    ("config", 1): _config_from_1,
}
