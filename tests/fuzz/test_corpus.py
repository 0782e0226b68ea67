"""What the fuzzing has found, and that its own program finds what it looks for."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from files.resealing import members_of, sealed
from fuzz import cases

import nnkit

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cases.make_bases(folder)
    return folder


@pytest.fixture(autouse=True)
def _limited_memory():
    """No case may take more than 1 GB, so that a mistake here cannot exhaust the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def put(*place, value):
    """A change of one entry of a tree."""

    def change(tree):
        for key in place[:-1]:
            tree = tree[key]
        tree[place[-1]] = value

    return change


STATE = ("training", "optimizer", "state")
MODELS = {
    "negative damping": (3, put(*STATE, "damping", value=-1.0)),
    "no damping": (3, put(*STATE, "damping", value=0.0)),
    "infinite damping": (3, put(*STATE, "damping", value=float("inf"))),
    "a rate beyond all floats": (
        4,
        put("composition", "optimizer", "optimizer", "learning_rate", "learning_rate", value=10**400),
    ),
    "a negative step": (0, put(*STATE, "step", value=-1)),
    "a step beyond all floats": (0, put(*STATE, "step", value=10**400)),
    "a leader that is not there": (0, put("composition", "optimizer", "name", value="nnkit/bayesian_regularization")),
    "a thousand million units": (0, put("composition", "layers", 0, "units", value=10**9)),
    "a batch that the epoch does not have": (0, put("training", "batch", value=7)),
    "a distribution without a name": (0, put("software", value={"": "1.0"})),
    "a provider without a name": (0, put("composition", "providers", value={"": "1.0"})),
    "deferred choices that are mappings": (0, put("composition", "deferred", value=[{}])),
    "deep notes": (0, put("notes", value=cases.mutations.nested(400))),
}


@pytest.mark.parametrize(("base", "change"), MODELS.values(), ids=MODELS.keys())
def test_a_changed_model_file_is_refused_or_used(bases, base, change):
    manifest, arrays = members_of((bases / f"model-{base}.npz").read_bytes())
    change(manifest["tree"])
    assert cases.examine_model(sealed(manifest, arrays)) in {"refused", "loaded", "trained"}


def test_huge_parameters_do_not_stop_a_solver(bases):
    manifest, arrays = members_of((bases / "model-3.npz").read_bytes())
    for index, entry in enumerate(manifest["arrays"]):
        if entry[0].startswith("parameters."):
            arrays[index] = np.full_like(arrays[index], 1e300)
    assert cases.examine_model(sealed(manifest, arrays)) in {"refused", "loaded", "trained"}


@pytest.mark.parametrize("dtype", ["<f2", ">f8", "<f4"])
def test_an_archived_step_of_another_dtype_is_refused_or_used(bases, dtype, tmp_path):
    folder = tmp_path / "archive"
    shutil.copytree(bases / "archive", folder)
    for path in folder.glob("step-*.npz"):
        manifest, arrays = members_of(path.read_bytes())
        names = [entry[0] for entry in manifest["arrays"]]
        arrays = [a.astype(dtype) if n.endswith("parameters") else a for n, a in zip(names, arrays, strict=True)]
        path.write_bytes(sealed(manifest, arrays))
    assert cases.examine_archive(folder) in {"refused", "read"}


CONFIGS = {
    "a matrix of all pairs of parameters that no memory holds": (3, put("layers", 1, "units", value=10**5)),
    "a thousand million units": (0, put("layers", 0, "units", value=10**9)),
    "inputs beyond all arrays": (0, put("inputs", value=2**52)),
    "units beyond all arrays": (0, put("layers", 0, "units", value=10**400)),
    "a part in itself, deeply": (0, put("optimizer", value=cases.mutations.nested(200))),
    "deferred choices that are lists": (0, put("deferred", value=[["loss"]])),
    "code as a name": (0, put("optimizer", value={"name": cases.mutations.PAYLOADS[0]})),
    "code as a spec": (4, put("optimizer", "optimizer", value=cases.mutations.PAYLOADS[1])),
}


@pytest.mark.parametrize(("base", "change"), CONFIGS.values(), ids=CONFIGS.keys())
def test_a_changed_config_is_refused_or_used(bases, base, change):
    config = json.loads((bases / f"config-{base}.json").read_text())
    change(config)
    assert cases.examine_config(config) in {"refused", "loaded", "trained"}


@pytest.mark.parametrize("kind", ["models", "archives", "configs"])
def test_a_few_cases_in_a_process_with_limits(bases, kind):
    command = [sys.executable, str(HERE / "child.py"), kind, "7", "0", "12", str(bases)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert not [report for report in reports if "wrong" in report]
    assert sum(value for name, value in reports[-1]["counts"].items() if name != "slowest ms") == 12


def test_a_leak_is_found(bases, monkeypatch):
    """The examination lets exceptions through that are not nnkit's own."""

    def broken(*arguments, **options):
        raise KeyError("leak")

    monkeypatch.setattr(nnkit.Network, "load", broken)
    with pytest.raises(KeyError):
        cases.examine_model(b"")
