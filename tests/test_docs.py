"""The documentation: every snippet runs, every command works, every method of every interface is there."""

import inspect
import re
import shutil
import signal
import tomllib
from pathlib import Path

import attrs
import click
import pytest
from click.testing import CliRunner
from oracles.snippets import blocks, commands, run_python

import nnkit as nnkit_package
from nnkit import Network, interfaces
from nnkit.cli.app import nnkit
from nnkit.cli.experiment import NOT_IN_FILES, DataSection, OutputSection
from nnkit.cli.folder import FolderGroup
from nnkit.cli.splitting import Split
from nnkit.interfaces import Part

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Pages whose steps need a machine of their own: the test that takes them.
TAKEN_ELSEWHERE = {
    "first-plugin.md": ROOT / "tests" / "testing" / "test_first_plugin_page.py",
    "more-machines.md": ROOT / "plugins" / "nnkit-dask" / "tests" / "test_page.py",
    "elsewhere.md": ROOT / "plugins" / "nnkit-export" / "tests" / "test_elsewhere_page.py",
    "from-scikit-learn.md": ROOT / "plugins" / "nnkit-sklearn" / "tests" / "test_pages.py",
}

RUN_HERE = [page for page in PAGES if page.name not in TAKEN_ELSEWHERE]


@attrs.frozen(kw_only=True)
class Careless(interfaces.Loss):
    """The squared error, with a gradient that lacks its factor: something for the kit to find."""

    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return prediction - target


# What the reader of a page of fragments has at hand.
AT_HAND = {"conformance.md": {"nnkit": nnkit_package, "MyLoss": Careless}}


@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: page.name)
def test_every_python_snippet_runs(page, folder):
    run_python(page, {"__name__": "__page__"} | AT_HAND.get(page.name, {}))


def test_the_pages_taken_elsewhere_are():
    for name, test in TAKEN_ELSEWHERE.items():
        assert (DOCS / name).exists()
        assert name in test.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_runs(page, folder):
    for command in commands(page):
        if command[0] == "nnkit":
            shown = CliRunner().invoke(nnkit, command[1:], prog_name="nnkit")
            assert 0 == shown.exit_code, (command, shown.output)
        elif command[0] == "make":
            assert re.search(rf"^{command[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        else:
            by_its_plugin = command[0] == "mpirun" and page.name in TAKEN_ELSEWHERE
            assert by_its_plugin or command[:2] in (["pip", "install"], ["python", "-m"]), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        generated = target.startswith(("api/", "gallery/", "parts/"))  # Sphinx checks these, in make docs
        assert generated or (page.parent / target).exists(), target


def test_the_first_network_leaves_what_it_says(folder):
    run_python(DOCS / "first-network.md", {"__name__": "__page__"})
    assert {"half-planes.npz", "learning-curve.png", "confusion-matrix.png"} <= {path.name for path in folder.iterdir()}


EXPERIMENTS = [block.text for block in blocks(DOCS / "experiment-file.md") if block.language == "toml"]


@pytest.mark.parametrize("text", EXPERIMENTS)
def test_every_experiment_of_the_page_trains(text, folder):
    shutil.copy(ROOT / "examples" / "data" / "digits.npz", folder / "digits.npz")
    (folder / "digits.toml").write_text(text)
    shown = CliRunner().invoke(nnkit, ["train", "digits.toml"], prog_name="nnkit", catch_exceptions=False)
    assert 0 == shown.exit_code, shown.output
    assert (folder / "digits-model.npz").exists()


def section(page, heading):
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {heading!r}"
    return found[1]


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("[data]", {field.name for field in attrs.fields(DataSection)} - {"split"}),
        ("[data.split]", {field.name for field in attrs.fields(Split)}),
        ("[output]", {field.name for field in attrs.fields(OutputSection)}),
        ("[network]", set(inspect.signature(Network.__init__).parameters) - NOT_IN_FILES | {"recipe"}),
        ("[training]", set(inspect.signature(Network.fit).parameters) - NOT_IN_FILES),
    ],
)
def test_the_experiment_page_has_every_key_and_no_other(heading, keys):
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section("experiment-file.md", heading), re.MULTILINE)
    assert keys == set(re.findall(r"`(\w+)`", " ".join(rows)))


def all_commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, FolderGroup):
            yield from all_commands(command, (*path, name))


def test_the_command_line_page_has_every_command_and_option():
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    everywhere = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    for path, command in all_commands(nnkit):
        assert f"nnkit {' '.join(path)}" in everywhere, path
        if f"## nnkit {' '.join(path)}\n" in page:
            for option in [name for parameter in command.params for name in parameter.opts if name.startswith("--")]:
                assert f"{option}" in section("command-line.md", f"nnkit {' '.join(path)}"), (path, option)
    for name in ("train", "predict", "describe", "plugins"):
        assert f"## nnkit {name}\n" in page


def test_the_exit_codes_of_the_page_are_those_of_the_program():
    codes = set(re.findall(r"^\| (\d+) \|", (DOCS / "command-line.md").read_text(encoding="utf-8"), re.MULTILINE))
    stopped = {str(128 + number) for number in (signal.SIGINT, signal.SIGTERM)}
    assert {"0", "1", "2"} | stopped == codes


KINDS = {
    "Activation": "Activation",
    "Elementwise": "Elementwise",
    "BlockOptimizer": "Optimizers of arrays",
    "ClosureOptimizer": "Optimizers that evaluate more than once",
    "Wrapper": "Wrappers",
    "Loss": "Loss",
    "LocationLoss": "Losses of a location",
    "Optimizer": "Optimizer",
    "Solver": "Solver",
    "Initializer": "Initializer",
    "Layer": "Layer",
    "Schedule": "Schedule",
    "Regularizer": "Regularizer",
    "Metric": "Metric",
    "MeanMetric": "Means over the samples",
    "Callback": "Callback",
    "Recipe": "Recipe",
}


def test_the_contracts_page_knows_every_interface():
    found = {name for name in interfaces.__all__ if isinstance(getattr(interfaces, name), type)}
    assert set(KINDS) == {name for name in found if issubclass(getattr(interfaces, name), Part)} - {"Part"}


@pytest.mark.parametrize("name", KINDS)
def test_the_contracts_page_has_every_method_with_its_arguments_and_every_attribute(name):
    cls = getattr(interfaces, name)
    told = section("contracts.md", KINDS[name])
    inherited = {"kind"} | {method for base in cls.__mro__[1:] for method in vars(base)}
    for method, function in vars(cls).items():
        if method.startswith("_") or method in inherited:
            continue
        if inspect.isfunction(function):
            starred, shown = False, []
            for parameter in list(inspect.signature(function).parameters.values())[1:]:
                if parameter.kind is parameter.KEYWORD_ONLY and not starred:
                    starred = True
                    shown.append("*")
                shown.append(parameter.name)
            assert f"`{method}({', '.join(shown)})`" in told
        else:
            assert f"`{method}`" in told
            default = {True: "True", False: "False"}.get(function) if isinstance(function, bool) else None
            if default is not None:
                row = next(line for line in told.splitlines() if f"`{method}`" in line)
                assert f"`{default}`" in row


def test_the_contracts_page_has_the_objective_and_the_view():
    solver = section("contracts.md", "Solver")
    for name, function in vars(interfaces.ObjectiveLike).items():
        if not name.startswith("_") and inspect.isfunction(function):
            arguments = list(inspect.signature(function).parameters)[1:]
            assert f"`{name}({', '.join(arguments)})`" in solver
    view = section("contracts.md", "Callback")
    assert [] == [name for name in vars(interfaces.TrainingView) if not name.startswith("_") and f"`{name}" not in view]


def test_a_failing_snippet_fails(tmp_path):
    for text in ("```python\nassert 1 == 2\n```\n", "```python\n>>> 1 + 1\n3\n```\n"):
        page = tmp_path / "page.md"
        page.write_text(text)
        with pytest.raises(AssertionError):
            run_python(page, {})


def test_the_sphinx_settings_name_the_extensions_of_the_extra():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["docs"]
    settings = (DOCS / "conf.py").read_text()
    names = {re.match(r"[\w-]+", name)[0] for name in wanted}
    assert {"furo", "myst-parser", "sphinx", "sphinx-gallery", "sphinx-mathjax-offline", "matplotlib"} <= names
    assert 'html_theme = "furo"' in settings
    extensions = re.search(r"^extensions = \[\n(.*?)^\]", settings, re.MULTILINE | re.DOTALL)[1]
    assert ["_generate", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax"] == re.findall(
        r'"(.*)"', extensions
    )[:4]
