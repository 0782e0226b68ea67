"""Names of parts and of distributions: which spellings are the same name."""

from __future__ import annotations

import re

BUILTIN = "nnkit"
"""The namespace of nnkit's own parts: ``nnkit/relu``."""

CORE_DISTRIBUTION = "nnkit-core"
"""The distribution that contains them."""

IN_PROCESS = "in-process"
"""The namespace of the parts that ``nnkit.plugins.register`` adds to this process: ``in-process/bent``."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def is_name(name: object) -> bool:
    """Whether a part may be registered as ``name``: a letter, then letters, digits, ``_`` and ``-``."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def is_distribution(name: object) -> bool:
    """Whether ``name`` can be the name of a distribution (PEP 508)."""
    return isinstance(name, str) and _DISTRIBUTION.fullmatch(name) is not None


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
