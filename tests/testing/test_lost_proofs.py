"""A proof that pytest would have lost ends red: skipped above its line, made under no test's name, or never reached."""

import subprocess
import sys

import pytest

from nnkit.testing.pytest_plugin import proof_lines

PROOF = 'from nnkit.testing import conformance\n\ntest_conformance = conformance("nnkit/relu", only="ACT-001")\n'
SKIPPED = "was skipped, so nothing is proven"
NO_TEST = "made no test, so nothing is proven"

LOST = {
    "skip": ({"test_it.py": f'import pytest\npytest.skip("not here", allow_module_level=True)\n{PROOF}'}, SKIPPED),
    "importorskip": ({"test_it.py": f'import pytest\npytest.importorskip("no_such_module")\n{PROOF}'}, SKIPPED),
    "unittest": ({"test_it.py": f'import unittest\nraise unittest.SkipTest("not here")\n{PROOF}'}, SKIPPED),
    "conftest": (
        {"conftest.py": 'import pytest\npytest.skip("not here", allow_module_level=True)\n', "test_it.py": PROOF},
        SKIPPED,
    ),
    "package": (
        {"__init__.py": 'import pytest\npytest.skip("not here", allow_module_level=True)\n', "test_it.py": PROOF},
        SKIPPED,
    ),
    "attribute": (
        {
            "test_it.py": "import pytest\npytest.importorskip('no_such_module')\n"
            "import nnkit.testing as kit\ntest_it = kit.conformance('nnkit/relu')\n"
        },
        SKIPPED,
    ),
    "name": ({"test_it.py": PROOF.replace("test_conformance", "proof")}, NO_TEST),
    "alias": (
        {"test_it.py": "from nnkit.testing import conformance as prove\nproof = prove('nnkit/relu')\n"},
        NO_TEST,
    ),
    "condition": ({"test_it.py": PROOF.replace("test_conf", "if False:\n    test_conf")}, NO_TEST),
    "switched_off": ({"test_it.py": f"{PROOF}\n__test__ = False\n"}, NO_TEST),
    "second_of_two": ({"test_it.py": f"{PROOF}\nproof = conformance('nnkit/elu', only='ACT-001')\n"}, NO_TEST),
}

SOUND = {
    "plain": PROOF,
    "long": PROOF.replace('"nnkit/relu", ', '\n    "nnkit/relu",\n    kind="activation",\n    '),
    "loop": "from nnkit.testing import conformance\n\nfor name in ('relu', 'elu'):\n"
    "    globals()[f'test_{name}'] = conformance(f'nnkit/{name}', only='ACT-001')\n",
    "in_a_function": "from nnkit.testing import conformance\n\ndef test_it():\n    assert conformance('nnkit/relu')\n",
    "skip_without_proof": "import pytest\npytest.skip('about conformance', allow_module_level=True)\n",
    "imported": "from proofs import test_conformance\n",
}


def run(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.returncode, done.stdout + done.stderr


def write(folder, files):
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def lost(tmp_path):
    """A package with one folder for each way to lose a proof, and a test that passes beside them."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name, (files, _) in LOST.items():
        write(tmp_path / name, files)
    write(tmp_path, {"test_green.py": "def test_green(): pass\n"})
    return tmp_path


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_lost_proof_is_an_error_with_its_reason(lost, arguments):
    code, out = run(lost, "--continue-on-collection-errors", *arguments)
    assert 1 == code, out
    assert f"1 passed, {len(LOST)} errors" in out, out
    for name, (_, reason) in LOST.items():
        told = [line for line in out.splitlines() if f"/{name}/test_it.py:" in line]
        assert told, f"{name}\n{out}"
        assert all(reason in line for line in told), told


def test_one_lost_proof_ends_the_whole_run(lost):
    code, out = run(lost)
    assert 2 == code, out
    assert "errors during collection" in out


def test_sound_files_are_left_alone(tmp_path):
    write(tmp_path, {f"test_{name}.py": text for name, text in SOUND.items()})
    write(tmp_path, {"proofs.py": PROOF})
    code, out = run(tmp_path, "-p", "no:xdist", "--doctest-modules")
    assert 0 == code, out
    assert "11 passed, 2 skipped" in out, out


@pytest.mark.parametrize(
    "arguments",
    [("-k", "selection"), ("test_it.py::test_conformance[activation:nnkit/relu::ACT-001/shape]",)],
    ids=["keyword", "id"],
)
def test_choosing_one_item_is_no_loss(tmp_path, arguments):
    write(tmp_path, {"test_it.py": PROOF})
    code, out = run(tmp_path, *arguments)
    assert 0 == code, out
    assert "1 passed" in out


def test_lines_are_those_that_a_module_runs(tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(
        "from nnkit.testing import conformance\n"
        "import nnkit\n"
        "test_a = conformance(\n    'acme-nn'\n)\n"
        "if True:\n    test_b = nnkit.testing.conformance('b')\n"
        "later = lambda: conformance('c')\n"
        "class Other:\n    test_d = conformance('d')\n"
        "'conformance(e)'\n"
    )
    assert [range(3, 6), range(7, 8)] == proof_lines(file)


@pytest.mark.parametrize("text", ["conformance(", "conformance = 3\x00", "def conformance(x): ...\nconformance('x')\n"])
def test_other_texts_have_none(tmp_path, text):
    file = tmp_path / "test_it.py"
    file.write_text(text)
    assert [] == proof_lines(file)
