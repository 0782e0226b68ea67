"""The package is found by its entry points alone, and is not imported before it is used."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from nnkit import plugins
from nnkit.interfaces import Optimizer

README = Path(__file__).parents[1] / "README.md"


def test_every_entry_point_leads_to_an_optimizer_of_this_package(names):
    points = [
        point for point in metadata.distribution("nnkit-optimizers").entry_points if point.group == "nnkit.optimizers"
    ]

    assert sorted(names) == sorted(point.name for point in points)
    for point in points:
        assert issubclass(point.load(), Optimizer)
        assert point.load() is plugins.get("optimizer", point.name)


def test_names_resolve_bare_and_qualified(names):
    for name in names:
        bare = plugins.create("optimizer", name)

        assert bare == plugins.create("optimizer", f"nnkit-optimizers/{name}")
        assert bare == plugins.create("optimizer", {"name": name.upper()})
    assert set(names) <= set(plugins.names("optimizer"))


def test_listing_names_imports_nothing_of_this_package():
    code = (
        "import sys; from nnkit import plugins; assert 'lion' in plugins.names('optimizer'); "
        "print([name for name in sys.modules if name.startswith('nnkit_optimizers')])"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert listed.stdout.strip() == "[]"


def test_the_readme_runs_and_names_every_optimizer(names):
    text = README.read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(snippet, str(README), "exec"), {})

    assert sorted(names) == sorted(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
