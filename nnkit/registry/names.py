"""Names of parts and of distributions: what counts as the same name, and what is nearest to a wrong one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["BUILTIN", "CORE_DISTRIBUTION", "display", "distribution_key", "is_name", "key", "nearest", "split"]

BUILTIN = "nnkit"
"""The namespace of nnkit's own parts: ``nnkit/relu``."""

CORE_DISTRIBUTION = "nnkit-core"
"""The distribution that carries them."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def is_name(name: object) -> bool:
    """Whether a part may be registered as ``name``: a letter, then letters, digits, ``_`` and ``-``."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def key(name: str) -> str:
    """What two spellings of one name share: case, ``-`` and ``_`` do not count.

    Example:
        >>> key("Leaky-ReLU") == key("leaky_relu")
        True
    """
    return name.strip().lower().replace("-", "").replace("_", "")


def display(name: str) -> str:
    """The one spelling in which nnkit shows a name.

    Example:
        >>> display("Leaky-ReLU")
        'leaky_relu'
    """
    return name.strip().lower().replace("-", "_")


def distribution_key(name: str) -> str:
    """The normalized name of a distribution (PEP 503); ``nnkit-core`` is the namespace ``nnkit``.

    Example:
        >>> distribution_key("Acme_NN.parts")
        'acme-nn-parts'
    """
    normal = re.sub(r"[-_.]+", "-", name.strip()).lower()
    return BUILTIN if normal == CORE_DISTRIBUTION else normal


def split(name: str) -> tuple[str | None, str]:
    """The namespace (or ``None``) and the bare name of ``acme-nn/lion`` or ``lion``."""
    namespace, slash, bare = name.partition("/")
    return (distribution_key(namespace), bare) if slash else (None, name)


def nearest(name: str, candidates: Iterable[str], count: int = 3, *, cutoff: float = 0.6) -> list[str]:
    """The candidates most like ``name``, best first: letters swapped, then alike, then initials (``lr``).

    Args:
        name: The wrong name.
        candidates: The right ones.
        count: How many to give at most.
        cutoff: How much alike, in [0, 1], they must be (``difflib``'s ratio).

    Example:
        >>> nearest("adma", ["adamax", "adam", "sgd"])
        ['adam', 'adamax']
        >>> nearest("lr", ["momentum", "learning_rate"])
        ['learning_rate']
    """
    by_key: dict[str, str] = {}
    for candidate in candidates:
        by_key.setdefault(key(candidate), candidate)
    wanted = key(name)
    swapped = [candidate for known, candidate in by_key.items() if sorted(known) == sorted(wanted)]
    close = [by_key[match] for match in difflib.get_close_matches(wanted, by_key, n=count, cutoff=cutoff)]
    initials = [c for c in by_key.values() if "_" in c and wanted == "".join(word[:1] for word in c.split("_"))]
    return list(dict.fromkeys([*swapped, *close, *initials]))[:count]
