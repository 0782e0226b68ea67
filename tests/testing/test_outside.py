"""The entry points from outside the repository: a wheel in a fresh environment, and nothing of tests/ on the path."""

import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PLACES = """python - <<'END'
import importlib.util, json, sys
import nnkit
print(json.dumps({
    "nnkit": nnkit.__file__,
    "path": sys.path,
    "strangers": [name for name in ("kit_power", "nnkit_losses", "conftest") if importlib.util.find_spec(name)],
    "providers": [one.distribution for one in nnkit.plugins.providers()],
}))
END
"""

CHECK = """python - <<'END'
import nnkit.testing
report = nnkit.testing.check("acme-nn")
print(report)
raise SystemExit(not report.ok)
END
"""

ENTRY_POINTS = {
    "pytest": "pytest -q tests",
    "conform": "nnkit conform acme-nn",
    "module": "python -m nnkit.testing acme-nn",
    "check": CHECK,
}

RIGHT, WRONG = "slope: Array = error / ", "slope: Array = 2 * error / "

NEAR = "no distribution and no part is called 'acme-nm', so nothing is proven; did you mean 'acme-nn'?"
FAR = "no distribution and no part is called 'zeta-nn', so nothing is proven. Installed distributions with parts: "
EMPTY = "pseudo_huber: no core check was executed, so nothing is proven: OPT-001/shape-and-type is no check of a loss"
UNKNOWN = "there is no check 'LOSS-777'"

RED = {
    "a skip": ("pytest", "import pytest\n\ntest_it = pytest.mark.skip(conformance('acme-nn'))", "was skipped"),
    "a skip above": (
        "pytest",
        "import pytest\n\npytest.importorskip('no_such_module')\ntest_it = conformance('acme-nn')",
        "conformance(...) was skipped, so nothing is proven",
    ),
    "no test's name": (
        "pytest",
        "proof = conformance('acme-nn')",
        "conformance(...) made no test, so nothing is proven",
    ),
    "an empty selection, pytest": ("pytest", "test_it = conformance('acme-nn', only='OPT-001')", EMPTY),
    "a mistyped distribution, pytest": ("pytest", "test_it = conformance('acme-nm')", NEAR),
    "an uninstalled plugin, pytest": ("pytest", "test_it = conformance('zeta-nn')", FAR),
    "an unknown id, pytest": (
        "pytest",
        "test_it = conformance('acme-nn', expected_failures={'LOSS-777': 'x'})",
        UNKNOWN,
    ),
    "an empty selection": ("commands", "acme-nn --check OPT-001", EMPTY),
    "a mistyped distribution": ("commands", "acme-nm", NEAR),
    "an uninstalled plugin": ("commands", "zeta-nn", FAR),
    "an unknown id": ("commands", "acme-nn --expect LOSS-777=x", UNKNOWN),
    "an empty selection, check": ("check", "'acme-nn', only='OPT-001'", EMPTY),
    "a mistyped distribution, check": ("check", "'acme-nm'", NEAR),
    "an uninstalled plugin, check": ("check", "'zeta-nn'", FAR),
    "an unknown id, check": ("check", "'acme-nn', expected_failures={'LOSS-777': 'x'}", UNKNOWN),
}
"""What proves nothing: the entry point, what is written there, and the reason that must be printed."""


@pytest.fixture(scope="module")
def package(fresh, tmp_path_factory):
    """A folder with the sources of acme-nn, which is installed from a wheel of its own."""
    folder = tmp_path_factory.mktemp("author")
    fresh.checked("nnkit plugins new acme-nn --kind loss --name pseudo_huber", folder)
    built = "wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir wheels ./acme-nn"
    fresh.checked(f"pip {built}\npip install wheels/*.whl", folder)
    yield folder / "acme-nn"
    fresh.remove("acme-nn")


def test_nothing_of_the_repository_is_there(fresh, package):
    found = json.loads(fresh.checked(PLACES, package.parent))
    assert Path(found["nnkit"]).is_relative_to(fresh.home)
    assert not [place for place in found["path"] if Path(place).is_relative_to(REPOSITORY)]
    assert [] == found["strangers"]
    assert ["nnkit-core", "acme-nn"] == found["providers"]


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_each_entry_point_proves_an_installed_package(fresh, package, entry):
    done = fresh.run(ENTRY_POINTS[entry], package)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "acme-nn/pseudo_huber" in done.stdout
    assert "not applicable" in done.stdout


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_each_entry_point_finds_a_planted_fault(fresh, package, entry):
    """Where the package is installed and where its sources are: pytest puts neither first."""
    (file,) = fresh.site.glob("acme_nn/pseudo_huber.py")
    sound = file.read_text()
    assert 1 == sound.count(RIGHT)
    file.write_text(sound.replace(RIGHT, WRONG))
    try:
        done = fresh.run(ENTRY_POINTS[entry], package / "tests" if entry != "pytest" else package)
    finally:
        file.write_text(sound)
    assert 1 == done.returncode, done.stdout + done.stderr
    assert "LOSS-002/gradient-stencil FAILED for acme-nn/pseudo_huber" in done.stdout
    assert "rerun    " in done.stdout


@pytest.mark.parametrize("name", RED)
def test_what_proves_nothing_ends_red_with_the_reason(fresh, package, tmp_path, name):
    entry, text, reason = RED[name]
    if entry == "pytest":
        (tmp_path / "test_green.py").write_text("def test_green():\n    pass\n")
        (tmp_path / "test_it.py").write_text(f"from nnkit.testing import conformance\n{text}\n")
        commands = ["pytest -q ."]
    elif entry == "commands":
        commands = [f"nnkit conform {text}", f"python -m nnkit.testing {text}"]
    else:
        commands = [f"python - <<'END'\nfrom nnkit.testing import check\ncheck({text}).raise_if_failed()\nEND\n"]
    for command in commands:
        done = fresh.run(command, tmp_path)
        assert 0 != done.returncode, f"{command}\n{done.stdout}"
        output = " ".join((done.stdout + done.stderr).split())
        assert reason in output, f"{command}\n{output}"


STRANGER = {
    "conftest.py": """
import atexit, pathlib, sys

folder = pathlib.Path(__file__).parent
opened = []


def audit(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and pathlib.Path(arguments[0]).parent == folder:
        frame = sys._getframe()
        while frame is not None:
            if "nnkit" in pathlib.Path(frame.f_code.co_filename).parts:
                opened.append(arguments[0])
            frame = frame.f_back


sys.addaudithook(audit)
atexit.register(lambda: print("opened:", sorted(set(opened))))
""",
    "test_plain.py": "import numpy\n\ndef test_it():\n    assert 'conformance'\n",
    "test_skip.py": "import pytest\n\npytest.skip('not here', allow_module_level=True)\n# conformance\n",
    "test_absent.py": "import pytest\n\nthing = pytest.importorskip('no_such_module')\n",
    "test_proof.py": "from nnkit.testing import conformance\n\ntest_it = conformance('nnkit/relu', only='ACT-001')\n",
}


def test_modules_of_another_project_are_not_read(fresh, tmp_path):
    """Only the module that mentions the kit is opened by the plugin of an installed nnkit-core."""
    for name, text in STRANGER.items():
        (tmp_path / name).write_text(text)
    done = fresh.run("pytest -q -p no:cacheprovider .", tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "3 passed, 2 skipped" in done.stdout
    assert f"opened: {[str(tmp_path / 'test_proof.py')]}" in done.stdout
