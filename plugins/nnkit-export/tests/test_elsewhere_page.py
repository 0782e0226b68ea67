"""Every step of docs/elsewhere.md, in the order of the page; scipy writes the file that MATLAB would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.io

DATA = Path(__file__).parent / "oracles" / "data"
PAGE = Path(__file__).parents[3] / "docs" / "elsewhere.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cell(*entries, shape=(-1, 1)):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape, order="F")


def as_matlab_saves(path):
    empty, rng = np.zeros((0, 0)), np.random.default_rng(0)
    nothing = {"processFcns": cell(shape=(0, 0)), "processSettings": cell(shape=(0, 0))}
    properties = {
        "IW": cell(rng.normal(size=(3, 4)), empty),
        "LW": cell(empty, rng.normal(size=(2, 3)), empty, empty, shape=(2, 2)),
        "b": cell(np.ones((3, 1)), np.ones((2, 1))),
        "layers": cell({"transferFcn": "tansig"}, {"transferFcn": "purelin"}),
        "inputs": cell(nothing),
        "outputs": cell(empty, nothing),
    }
    scipy.io.savemat(path, properties)


def test_every_step_of_the_page(tmp_path, monkeypatch, tools):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copy(DATA / "keras-functional-float32.keras", "model.keras")
    shutil.copy(DATA / "keras-functional-float32.h5", "model.h5")
    as_matlab_saves("net.mat")
    programs = tmp_path / "programs"
    programs.mkdir()
    commands = {"cc": tools["cc"], "node": tools["node"], "python": [sys.executable]}
    commands["nnkit"] = [sys.executable, "-c", "'from nnkit.cli import main; main()'"]
    for name, command in commands.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        (programs / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    namespace, ran = {"__name__": "__page__"}, []
    for language, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        ran.append(language)
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), namespace)
        elif language in {"c", "js"}:
            Path("main.c" if language == "c" else "main.mjs").write_text(text)
        elif language == "sh":
            done = subprocess.run(
                ["sh", "-e", "-c", text], env=environment, capture_output=True, text=True, check=False
            )
            assert 0 == done.returncode, text + done.stdout + done.stderr
            if "./main" in text or "main.mjs" in text or "small.label" in text:
                (answer,) = namespace["network"].predict([[1.0, 2.0, 0.0, 0.0]], labels=True)
                assert answer == done.stdout.split()[-1], text + done.stdout
    assert (7, 8) == (ran.count("python"), ran.count("sh"))
