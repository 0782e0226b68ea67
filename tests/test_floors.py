"""The order of the floors, read from the imports: everything imports only from below."""

import ast
from pathlib import Path

import pytest

import nnkit
from nnkit.registry import builtins
from nnkit.registry.kinds import KINDS

ROOT = Path(nnkit.__file__).parent
FOLDERS = [kind.plural for kind in KINDS.values()]

FLOORS = [
    ["errors", "cpu", "markup"],
    ["spelling"],
    ["arrays", "plugin_control"],
    ["interfaces"],
    ["core", *FOLDERS],
    ["data"],
    ["registry"],
    ["files"],
    ["network"],
    ["network.composition"],
    ["network.archive"],
    ["inference"],
    ["network.fitting"],
    ["preparing"],
    ["network.network"],
    ["many"],
    ["plot", "testing"],
    ["functional", "plugins"],
    ["cli"],
    ["__init__", "_pyinstaller"],
]
"""The order of CONTRIBUTING; a file of ``network/`` has a floor of its own."""

FLOOR = {unit: number for number, units in enumerate(FLOORS) for unit in units}
MOST_LINES = 400
MOST_FILES = {"network": 5, "registry": 10}

TARGETS = {
    name: target
    for table in vars(builtins).values()
    if isinstance(table, dict)
    for name, target in table.items()
    if isinstance(target, str) and ":" in target
}


def files():
    return sorted(ROOT.rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit_of(path):
    return unit_of_module(module_of(path))


def unit_of_module(module):
    """``core`` for ``nnkit.core.model``, ``network.fitting`` for the files of ``network/``."""
    parts = [*module.split("."), "__init__"][1:]
    own = ".".join(parts[:2])
    return own if own in FLOOR else parts[0]


def modules_imported(tree):
    """Every module of nnkit that is imported, with ``from nnkit import x`` traced to where x lives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "nnkit")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor they come from"
            if node.module == "nnkit":
                for alias in node.names:
                    if alias.name != "__version__":  # the one fact that stands above and is needed below
                        yield nnkit._HOME.get(alias.name, f"nnkit.{alias.name}")
            elif (node.module or "").startswith("nnkit."):
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_every_file_stands_on_a_floor():
    assert {unit_of(path) for path in files()} <= set(FLOOR)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_below(path):
    unit = unit_of(path)
    for module in modules_imported(parsed(path)):
        other = unit_of_module(module)
        assert other == unit or FLOOR[other] < FLOOR[unit], f"{path.name} ({unit}) imports {module}"


def files_imported(tree, modules):
    """The files that are imported: of ``from package import module`` the module, not the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nnkit":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module


def test_there_is_no_circle():
    modules = {module_of(path): path for path in files()}
    imports = {
        module: set(files_imported(parsed(path), modules)) & set(modules) - {module}
        for module, path in modules.items()
        if module != "nnkit"  # its lines for type checkers stand for names that are loaded when they are asked for
    }
    # Remove, again and again, the files that import nothing or that nothing imports: what remains is in a circle.
    while True:
        used = set().union(*imports.values())
        rest = {module: imported & set(imports) for module, imported in imports.items() if imported & set(imports)}
        rest = {module: imported for module, imported in rest.items() if module in used}
        if rest == imports:
            break
        imports = rest
    assert not imports, f"these import each other: {imports}"


def test_no_file_is_long():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    del lengths["registry/builtins.py"]  # tables of names alone, one line for each part
    assert not {path: lines for path, lines in lengths.items() if lines > MOST_LINES}


@pytest.mark.parametrize("folder", MOST_FILES)
def test_a_folder_has_few_files(folder):
    assert len(list((ROOT / folder).glob("*.py"))) <= MOST_FILES[folder]


@pytest.mark.parametrize(("folder", "most"), [("registry", 1_900), ("testing", 10_650)])
def test_a_folder_is_small(folder, most):
    counted = set((ROOT / folder).rglob("*.py")) - {ROOT / "registry" / "builtins.py"}
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in counted) <= most


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_part_imports_no_other_part(folder):
    allowed = ("nnkit.interfaces", "nnkit.arrays", "nnkit.errors", "nnkit.spelling", f"nnkit.{folder}._")
    for path in (ROOT / folder).glob("*.py"):
        for module in modules_imported(parsed(path)):
            shared = module == f"nnkit.{folder}"  # only on the way to one of its private modules
            assert shared or module.startswith(allowed), f"{path.name} imports {module}"


def strings(tree):
    """Every string that is not a docstring."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


WORDS = {
    "core/curvature.py": {"residual"},  # a method of losses, as in the next lines
    "core/objective.py": {"residual"},
    "core/solving.py": {"residual"},
    "interfaces/loss.py": {"residual"},
    "testing/oracles.py": {"step"},  # an argument of schedules, as in the next line
    "testing/recording.py": {"step"},
    "testing/checks/loss/domains.py": {"residual"},
    "testing/checks/loss/ends.py": {"residual"},
    "testing/checks/loss/gradients.py": {"residual"},
    "core/feeding.py": {"sequential"},  # an order of the samples
    "core/order.py": {"sequential"},
    "data/planning.py": {"sequential"},
    "cli/building.py": {"standardize"},  # a value of target_scaling
    "data/table.py": {"tabular"},  # a function of its own
    "many/recipes.py": {"gamma"},  # a value of the logs
    "data/scaling.py": {"standardize"},  # a value of target_scaling
    "files/checks.py": {"step"},  # a key of an archive
    "files/saving.py": {"step", "history"},  # fields of a record
    "inference/calling.py": {"dropout", "early_stopping"},  # arguments of other libraries
    "interfaces/block_optimizer.py": {"step"},  # an entry of a state
    "interfaces/stepping.py": {"step"},  # likewise
    "interfaces/moments.py": {"step"},  # a key of an optimizer's state
    "testing/record.py": {"normal"},  # a function of its own
    "testing/checks/regularizer.py": {"l1", "l2", "residual"},  # fields that the interface calls strengths; a method
    "testing/checks/callback.py": {"step"},  # what a view counts
    "testing/training.py": {"accuracy", "mean_squared_error"},  # keys of logs
    "testing/checks/solver.py": {"step", "gauss_newton"},  # the number of a report, a method of an objective
    "files/schema.py": {"step"},  # a member of a file
    "files/versions.py": {"step", "history"},  # members of a file
    "testing/checks/schedule.py": {"step"},  # the argument of ``Schedule.rate``
    "plot/__init__.py": {"confusion_matrix"},  # a picture
    "plot/distributions.py": {"step"},  # the label of an axis
    "cli/report.py": {"precision", "recall", "f1"},  # headings of a table
    "network/archive.py": {"accuracy", "precision", "step"},  # targets of an archive, a key of its figures
    "cli/commands/describe.py": {"history"},  # a key of its JSON
}
"""Words that are the name of a part elsewhere, and something else where they stand."""


@pytest.mark.parametrize(
    "path", [p for p in files() if unit_of(p) not in FOLDERS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_parts_are_named_in_builtins_and_in_the_defaults(path):
    if path in {ROOT / "registry" / "builtins.py", ROOT / "network" / "composition.py"}:
        return  # the table of parts, and the parts used where none is named
    tree = parsed(path)
    homes = {target.partition(":")[0] for target in TARGETS.values()}
    public = set(nnkit._HOME.values()) if path == ROOT / "__init__.py" else set()
    assert not [module for module in modules_imported(tree) if module in homes - public]
    words = set(KINDS) | WORDS.get(path.relative_to(ROOT).as_posix(), set())  # a kind is no part
    named = [text for text in strings(tree) if text in TARGETS and text not in words]
    assert not named, f"{path.relative_to(ROOT)} names {named}"
    assert not [
        text for text in strings(tree) if text.startswith(tuple(f"nnkit.{f}." for f in FOLDERS)) and text not in public
    ]
