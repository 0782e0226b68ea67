"""State as it comes back from a saved network."""

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.testing.failure import fail, require


def through_file(state: Mapping[str, Any], *, nested: bool = False, array_kinds: str = "fiub") -> dict[str, Any]:
    """The state as it comes back from a saved network: arrays through npy, everything else through JSON.

    Args:
        state: Values by name.
        nested: Whether lists and dicts are allowed besides arrays and plain values.
        array_kinds: The kinds of dtype that arrays may have.

    Raises:
        CheckFailure: When something cannot be saved.
    """
    for name in state:
        require(isinstance(name, str), "a name in the state is not a string", got=name, expected="a string")
    return {name: _stored(value, f"state[{name!r}]", nested, array_kinds) for name, value in state.items()}


def plain(value: Any) -> Any:
    """The same with lists for tuples and arrays, and numbers for those of numpy."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _stored(value: Any, where: str, nested: bool, array_kinds: str) -> Any:
    if isinstance(value, np.ndarray):
        require(value.dtype.kind in array_kinds, f"{where} is an array of a type that cannot be saved", got=value.dtype)
        file = io.BytesIO()
        np.save(file, value, allow_pickle=False)
        file.seek(0)
        return np.load(file, allow_pickle=False)
    if nested and isinstance(value, (list, tuple)):
        return [_stored(item, f"{where}[{i}]", nested, array_kinds) for i, item in enumerate(value)]
    if nested and isinstance(value, dict):
        return {str(key): _stored(item, f"{where}[{key!r}]", nested, array_kinds) for key, item in value.items()}
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (int, float, bool, str, type(None))):
        allowed = "arrays, numbers, strings" + (", lists and dicts" if nested else "")
        fail(f"{where} cannot be saved", got=type(value).__name__, expected=allowed)
    return json.loads(json.dumps(plain))
