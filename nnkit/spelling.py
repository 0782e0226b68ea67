"""Names and specs as people write them: which spellings are the same, and what a wrong one was probably meant to be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from nnkit.errors import SpecError

_NOTHING: Mapping[str, str] = MappingProxyType({})

BUILTIN = "nnkit"
"""The namespace of nnkit's own parts: ``nnkit/relu``."""

CORE_DISTRIBUTION = "nnkit-core"
"""The distribution that contains them."""

IN_PROCESS = "in-process"
"""The namespace of the parts that ``nnkit.plugins.register`` adds to this process: ``in-process/bent``."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_CALL = re.compile(r"\s*([^\s()=,]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
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


@lru_cache(maxsize=1024)
def distribution_key(name: str) -> str:
    """The normalized name of a distribution (PEP 503); ``nnkit-core`` is the namespace ``nnkit``.

    Example:
        >>> distribution_key("Acme_NN.parts")
        'acme-nn-parts'
    """
    normal = re.sub(r"[-_.]+", "-", name.strip()).lower()
    return BUILTIN if normal == CORE_DISTRIBUTION else normal


def distribution_of(namespace: str) -> str:
    """The distribution that has a namespace: ``distribution_key`` the other way round."""
    return CORE_DISTRIBUTION if namespace == BUILTIN else namespace


def split(name: str) -> tuple[str | None, str]:
    """The namespace (or ``None``) and the bare name of ``acme-nn/lion`` or ``lion``."""
    namespace, slash, bare = name.partition("/")
    return (distribution_key(namespace), bare) if slash else (None, name)


def key(name: str) -> str:
    """What two spellings of one name share: case, ``-`` and ``_`` do not count.

    Example:
        >>> key("Leaky-ReLU") == key("leaky_relu")
        True
    """
    return name.strip().lower().replace("-", "").replace("_", "")


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and the keywords of ``"name"`` or ``"name(keyword=literal, …)"``.

    Raises:
        SpecError: When it is neither.

    Example:
        >>> parse("adam(learning_rate=3e-4, beta1=0.8)")
        ('adam', {'learning_rate': 0.0003, 'beta1': 0.8})
    """
    form = "expected 'name' or 'name(keyword=literal, …)'"
    match = _CALL.fullmatch(spec)
    if match is None:
        raise SpecError(f"the spec {spec!r} cannot be understood: {form}")
    name, arguments = match.groups()
    if arguments is None:
        return name, {}
    try:
        call = ast.parse(f"part({arguments}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SpecError(f"the spec {spec!r} cannot be understood ({reason}): {form}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise SpecError(f"the spec {spec!r} cannot be understood: {form}")
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise SpecError(f"the spec {spec!r} has an argument without a keyword: {form}")
    words = [str(keyword.arg) for keyword in call.keywords]
    repeated = next((word for word in words if words.count(word) > 1), None)
    if repeated is not None:
        raise SpecError(f"the spec {spec!r} gives {repeated} twice: {form}")
    return name, {word: _literal(keyword, spec) for word, keyword in zip(words, call.keywords, strict=True)}


def _literal(keyword: ast.keyword, spec: str) -> Any:
    try:
        return ast.literal_eval(keyword.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        written = ast.unparse(keyword.value)
        hint = f"; write the part in quotes: {keyword.arg}={written!r}" if isinstance(keyword.value, ast.Call) else ""
        raise SpecError(
            f"in the spec {spec!r}, {keyword.arg}={written} is not a literal (a number, a string, True, None,"
            f" a list, a dict …){hint}"
        ) from error


def suggest(
    word: str, candidates: Iterable[str], foreign: Mapping[str, str] = _NOTHING, *, count: int = 3
) -> list[str]:
    """The candidates that ``word`` was probably meant to be, best first; none when that is not clear.

    A word that ``foreign`` lists is answered from there alone, so a name that means something else
    elsewhere is not taken for a misspelling. Any other word may be a slip away from a candidate:
    one letter too many, missing, wrong or swapped with its neighbour (two in long words).

    Args:
        word: The wrong name.
        candidates: The right ones.
        foreign: Names that other libraries use, with their counterparts, separated by blanks; empty where
            there is none.
        count: The largest number of suggestions, a positive integer.

    Example:
        >>> suggest("adma", ["adamax", "adam", "sgd"])
        ['adam']
        >>> suggest("lr", ["momentum", "learning_rate"], {"lr": "learning_rate"})
        ['learning_rate']
        >>> suggest("mape", ["mae"], {"mape": "mean_absolute_percentage_error"})
        []
    """
    by_key: dict[str, str] = {}
    for candidate in candidates:
        by_key.setdefault(key(candidate), candidate)
    wanted = key(word)
    known = {key(name): targets for name, targets in foreign.items()}
    if wanted in known:
        return [by_key[key(target)] for target in known[wanted].split() if key(target) in by_key][:count]
    distances = {candidate: _slips(wanted, spelling) for spelling, candidate in by_key.items()}
    close = [name for name, distance in distances.items() if distance <= _allowed(wanted, key(name))]
    return sorted(close, key=distances.__getitem__)[:count]


def did_you_mean(
    word: str, candidates: Iterable[str], foreign: Mapping[str, str] = _NOTHING, *, start: str = "; ", other: str = ""
) -> str:
    """``start`` and the question whether the best of ``suggest`` was meant; ``other`` where there is none.

    Example:
        >>> did_you_mean("adma", ["adam", "sgd"])
        "; did you mean 'adam'?"
    """
    close = suggest(word, candidates, foreign, count=1)
    return f"{start}did you mean {close[0]!r}?" if close else other


def _allowed(word: str, candidate: str) -> int:
    """How many slips may separate the two; short words differ in meaning when they differ in a letter."""
    if max(len(word), len(candidate)) < 4:
        return 1 if sorted(word) == sorted(candidate) else 0
    return 2 if min(len(word), len(candidate)) >= 9 else 1


def _slips(a: str, b: str) -> int:
    """The number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment)."""
    if abs(len(a) - len(b)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a):
        last, row, oldest = row, [i + 1], before
        for j, other in enumerate(b):
            cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (letter != other))
            if i and j and letter == b[j - 1] and a[i - 1] == other:
                cost = min(cost, oldest[j - 1] + 1)
            row.append(cost)
        before = last
    return row[-1]
