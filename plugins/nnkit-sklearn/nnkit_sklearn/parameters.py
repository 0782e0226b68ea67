"""The parameters of an estimator, stored as scikit-learn asks for it: under their names, as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["store_parameters"]


def store_parameters(estimator: object, arguments: Mapping[str, Any]) -> None:
    """Set each argument of a constructor as an attribute.

    Args:
        estimator: What is constructed.
        arguments: ``locals()`` in the first line of ``__init__``.

    Example:
        >>> class Estimator:
        ...     def __init__(self, width=3, *, depth=2):
        ...         store_parameters(self, locals())
        >>> vars(Estimator(depth=5))
        {'width': 3, 'depth': 5}
    """
    for name, value in arguments.items():
        if name not in {"self", "__class__"}:
            setattr(estimator, name, value)
