"""The sources and pages are written in plain technical English: words that readers stumbled over stay out.

What can be tested is a list of words; each has the words to write in its place.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [".ci", ".github", "benchmarks", "docs", "examples", "nnkit", "plugins", "tests"]
SUFFIXES = {".md", ".py", ".toml", ".tmpl", ".yml"}

WORDS = {
    r"mend(s|ed|ing)?": "fix, what to do",
    r"honest(ly|y)?": "full-Jacobian path, correct, real",
    r"twins?": "in-place variant, compiled counterpart",
    r"to the bit": "bit-identical",
    r"whoever|nobody|somebody|everybody": "name the actor, or use the passive",
    r"shel(f|ves)": "list, group",
    r"doors?": "entry point, command, way",
    r"from (0|1|zero|one) on": "non-negative, positive",
    r"a whole number from": "a non-negative integer, a positive integer",
}
ANY = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(WORDS)})(?![A-Za-z])", re.IGNORECASE)
CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def pages():
    """Every text file of the project, by its path; this one lists the words."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    files += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {path for path in files if path.suffix in SUFFIXES or path.name in {"Makefile", "run"}}
    skipped = {"_build", "build", "dist", "__pycache__"}
    return sorted(path.relative_to(ROOT) for path in wanted - {Path(__file__)} if not skipped & set(path.parts))


def complaints(name, text):
    """Each use of such a word, as ``file:line: word: what to write``; line 0 is the file's name."""
    # Names are words too: test_a_twin_is_equal, CompiledTwin.
    words = CAPITAL.sub(" ", f"{name}\n{text}".replace("_", " "))
    for match in ANY.finditer(words):
        fix = next(fix for pattern, fix in WORDS.items() if re.fullmatch(pattern, match[0], re.IGNORECASE))
        yield f"{name}:{words.count(chr(10), 0, match.start())}: {match[0]!r}: write {fix}"


def problems():
    return [line for path in pages() for line in complaints(path, (ROOT / path).read_text(encoding="utf-8"))]


def test_no_file_uses_a_word_of_the_list():
    assert problems() == []


def test_every_folder_is_read():
    names = {path.as_posix() for path in pages()}
    assert {"README.md", "Makefile", "pyproject.toml", ".ci/run", "nnkit/__init__.py", "tests/test_make.py"} <= names
    assert {
        "docs/training.md",
        "plugins/nnkit-numba/HOW-IT-WORKS.md",
        "plugins/nnkit-numba/nnkit_numba/team.py",
    } <= names


@pytest.mark.parametrize(
    "text",
    [
        "# the mend",
        "class DenseTwin: ...",
        "def test_twins_agree(): ...",
        "x = shelf()",
        "Nobody does.",
        "units from 1 on.",
    ],
)
def test_a_word_is_reported_with_its_line(text):
    (problem,) = complaints("a.py", f"\n{text}")
    assert problem.startswith("a.py:2: ")


@pytest.mark.parametrize("text", ["recommended", "outdoor", "bookshelves", "intertwine", "amend"])
def test_longer_words_are_left_alone(text):
    assert [] == list(complaints("a.py", text))
