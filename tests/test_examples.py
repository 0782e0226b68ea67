"""Every example runs as it stands, without a warning, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PICTURES = {
    "archived_classifier": {"archived-gradients.png", "archived-parameters.png", "archived-regions.png"},
    "functional_style": {"functional-loss.png"},
    "half_planes": {
        "half-planes-confusion.png",
        "half-planes-line.png",
        "half-planes-loss.png",
        "half-planes-network.png",
    },
    "own_parts": {"own-parts.png"},
}


def run(name, folder):
    variables = {**os.environ, "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "" == done.stderr
    assert PICTURES[name] == {path.name for path in folder.iterdir()}
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000 for path in folder.iterdir())
    return done.stdout


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PICTURES)


@pytest.mark.ledger("S0.1", "S0.34", "S0.41", "S0.44", "S0.50", "S0.51")
def test_the_archived_classifier(tmp_path):
    said = run("archived_classifier", tmp_path)
    assert "bit-identical to its network's prediction: True" in said
    assert "first value that is not finite: None" in said
    assert number(r"validation accuracy ([\d.]+),", said) > 0.95
    assert re.match(r"training precision, iter\. 400: [\d.]+\nvalidation precision, iter\. 400: [\d.]+\n={10}\n", said)


@pytest.mark.ledger("S1.3", "S1.4", "S1.11", "S1.17", "S1.19", "S1.20")
def test_the_functional_style(tmp_path):
    said = run("functional_style", tmp_path)
    assert (
        "Layer 1:\tShape of W1: (784, 15)\tShape of b1: (15,)\nLayer 2:\tShape of W2: (15, 10)\tShape of b2: (10,)"
        in said
    )
    assert "out of turn: the model has no 'grad_weights': call backward first" in said
    assert number(r"beginning, ([\d.]+) after 29500 epochs", said) < 0.2 * number(r"Loss: ([\d.]+) at", said)


@pytest.mark.ledger("S2.1", "S2.5", "S2.6", "S2.8", "S2.12", "S2.16", "S2.20", "S2.22")
def test_own_parts(tmp_path):
    said = run("own_parts", tmp_path)
    assert number(r"accuracy ([\d.]+)", said) > 0.98
    assert "523 parameters in one vector, 6 arrays that are views of it: True" in said


@pytest.mark.ledger("S3.19", "S3.22", "S3.23", "S3.24")
def test_the_half_planes(tmp_path):
    said = run("half_planes", tmp_path)
    assert number(r"logistic regression: ([\d.]+)%", said) < 90
    assert number(r"network 8-4-1: ([\d.]+)%", said) >= 98
