"""The config of a network as it comes from outside, checked and brought to the present version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnkit.errors import FileFormatError, SpecError
from nnkit.files.schema import CompositionRecord, from_tree, to_tree
from nnkit.files.versions import upgraded

__all__ = ["checked_config"]


def checked_config(config: object) -> dict[str, Any]:
    """A config of any version as one of the present version.

    Raises:
        SpecError: When it is not a config, or newer than this library.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise SpecError("the config has no list 'layers'; expected a result of Network.to_config()")
    try:
        return to_tree(from_tree(CompositionRecord, upgraded("config", config.get("version"), config)))
    except FileFormatError as error:
        raise SpecError(f"the config {str(error).removeprefix('damaged: ')}") from error
