"""What ``nnkit export`` writes: self-tests, labels, units; and parts of a package that is really installed."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import nnkit
from nnkit.data.columns import ColumnPlan
from nnkit_export import to_onnx

rng = np.random.default_rng(3)
X = rng.normal(size=(60, 3))
NAMES = np.array(["left", "middle", "right"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]


def classifier():
    net = nnkit.Network([3, 6, 3], output_activation="softmax", loss="categorical_crossentropy", seed=0)
    net.fit(X, NAMES, epochs=20)
    return net


def in_units():
    net = nnkit.Network([3, 6, 2], hidden_activation="tanh", target_scaling="standardize", seed=0)
    net.fit(X, 1e4 + 500.0 * X[:, :2], epochs=5)
    return net


NETWORKS = {"labels": classifier, "units": in_units}


def run(*command, folder, **variables):
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | variables
    return subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def export(target, output, folder, model="model.npz", **variables):
    code = "from nnkit.cli import main; main()"
    return run(sys.executable, "-c", code, "export", model, "--to", target, "-o", output, folder=folder, **variables)


@pytest.fixture
def self_test(tools):
    """``self_test(target, folder)``: the finished self-test of the files called model."""

    def tested(target, folder):
        if target == "python":
            return run(sys.executable, "-S", "-I", "model_test.py", folder=folder)
        if target == "js":
            return run(*tools["node"], "model_test.mjs", folder=folder)
        build = [*tools["cc"], *tools["strict"], "model.c", "model_test.c", "-lm", "-o", "model_test"]
        built = run(*build, folder=folder)
        assert 0 == built.returncode, built.stderr
        return run("./model_test", folder=folder)

    return tested


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize(("target", "suffix"), [("python", ".py"), ("js", ".mjs"), ("c", ".c")])
def test_the_command_writes_a_network_whose_self_test_passes_and_can_fail(target, suffix, make, tmp_path, self_test):
    net = make()
    net.save(tmp_path / "model.npz")
    done = export(target, f"model{suffix}", tmp_path)
    assert 0 == done.returncode, done.stderr
    assert sorted(done.stdout.split()) == sorted(p.name for p in tmp_path.iterdir() if p.name != "model.npz")
    passed = self_test(target, tmp_path)
    assert (0, "ok: ") == (passed.returncode, passed.stdout[:4]), passed.stderr
    net.parameters = net.parameters * 1.01
    (tmp_path / "other").mkdir()
    net.save(tmp_path / "other" / "model.npz")
    assert 0 == export(target, f"model{suffix}", tmp_path / "other").returncode
    (tmp_path / "other" / f"model{suffix}").replace(tmp_path / f"model{suffix}")  # another network, the first's test
    failed = self_test(target, tmp_path)
    assert 0 != failed.returncode
    assert "FAILED" in failed.stdout + failed.stderr


def test_labels_are_those_of_predict(tmp_path, tools):
    net = classifier()
    net.save(tmp_path / "model.npz")
    expected = net.predict(X, labels=True).tolist()
    for target, output in (("python", "model.py"), ("js", "model.mjs"), ("onnx", "model.onnx")):
        assert 0 == export(target, output, tmp_path).returncode
    spec = importlib.util.spec_from_file_location("exported_model", tmp_path / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert expected == [module.label(row) for row in X.tolist()]
    (tmp_path / "all.mjs").write_text(
        f'import {{ label }} from "./model.mjs";\nconsole.log(JSON.stringify({json.dumps(X.tolist())}.map(label)));\n'
    )
    assert expected == json.loads(run(*tools["node"], "all.mjs", folder=tmp_path).stdout)
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[session.get_inputs()[0].type]
    labels = [output.name for output in session.get_outputs() if output.name != "prediction"]
    (answer,) = session.run(labels, {"x": X.astype(kind)})
    assert expected == np.asarray(answer).ravel().tolist()


def test_onnx_answers_in_the_units_of_the_target(tmp_path):
    import onnxruntime

    net = in_units()
    to_onnx(net, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (answer,) = session.run(["prediction"], {"x": X.astype(np.dtype(net.dtype))})
    np.testing.assert_allclose(answer, net.predict(X), rtol=1e-12 if net.dtype == np.float64 else 1e-5)


@pytest.mark.parametrize(("target", "output"), [("onnx", "model.txt"), ("python", "my-model.py"), ("c", "model.js")])
def test_a_name_that_does_not_fit_is_refused_and_nothing_is_written(target, output, tmp_path):
    in_units().save(tmp_path / "model.npz")
    done = export(target, output, tmp_path)
    assert 1 == done.returncode
    assert output in done.stderr
    assert "Traceback" not in done.stderr
    assert ["model.npz"] == [path.name for path in tmp_path.iterdir()]


# -- a package whose author never heard of export, really installed ------------------------------------

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-nn"
version = "1.0"
[tool.hatch.build.targets.wheel]
packages = ["acme_nn"]
[project.entry-points."nnkit.activations"]
bump = "acme_nn.parts:Bump"
stairs = "acme_nn.parts:Stairs"
{exporter}
"""

PARTS = """
import attrs
import numpy as np
from nnkit.interfaces import Elementwise

@attrs.frozen(kw_only=True)
class Bump(Elementwise):
    def forward(self, z):
        return z / (1 + np.abs(z))
    def derivative(self, z, a):
        return 1 / (1 + np.abs(z)) ** 2

@attrs.frozen(kw_only=True)
class Stairs(Elementwise):
    def forward(self, z):
        if z.size and z.max() > 1e3:
            return np.tanh(z)
        return np.tanh(z)
    def derivative(self, z, a):
        return 1 - a * a
"""

HOOK = """
import numpy as np
from nnkit.plugins import hookimpl
from acme_nn.parts import Stairs

@hookimpl
def nnkit_export(part, graph, inputs):
    return np.tanh(inputs["z"]) if isinstance(part, Stairs) else None
"""

TRAIN = """
import sys, nnkit
net = nnkit.Network([2, 4, 1], hidden_activation=sys.argv[1], seed=0)
net.fit([[0.0, 1.0], [1.0, 0.5]], [[1.0], [0.0]], epochs=2)
net.save("model.npz")
"""


@pytest.fixture
def installed(tmp_path):
    """``installed(hook)``: a folder with acme-nn installed from its wheel, with or without an exporter."""

    def install(*, hook):
        source, site = tmp_path / "source", tmp_path / f"site-{hook}"
        (source / "acme_nn").mkdir(parents=True, exist_ok=True)
        exporter = '[project.entry-points."nnkit.exporters"]\nacme = "acme_nn.hooks"\n' if hook else ""
        (source / "pyproject.toml").write_text(PROJECT.format(exporter=exporter))
        for name, text in (("__init__", ""), ("parts", PARTS), ("hooks", HOOK)):
            (source / "acme_nn" / f"{name}.py").write_text(text)
        options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", site]
        done = run(
            sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, source, folder=tmp_path
        )
        assert 0 == done.returncode, done.stderr
        return site

    return install


def test_parts_of_an_installed_package_travel_by_tracing_or_by_their_hook(tmp_path, installed):
    (tmp_path / "train.py").write_text(TRAIN)

    def exported(activation, site):
        variables = {"PYTHONPATH": str(site)}
        trained = run(sys.executable, "train.py", activation, folder=tmp_path, **variables)
        assert 0 == trained.returncode, trained.stderr
        return export("python", "model.py", tmp_path, **variables)

    plain, hooked = installed(hook=False), installed(hook=True)
    traced = exported("bump", plain)
    assert 0 == traced.returncode, traced.stderr
    assert 0 == run(sys.executable, "-S", "-I", "model_test.py", folder=tmp_path).returncode
    refused = exported("stairs", plain)
    assert 1 == refused.returncode
    assert "parts.py" in refused.stderr
    assert "if z.size and z.max() > 1e3:" in refused.stderr.replace("\n", " ")
    assert "nnkit_export" in refused.stderr
    code = "from nnkit.cli import main; main()"
    selected = ["acme-nn", "--check", "ACT-001", "--check", "EXP-001", "--check", "EXP-002"]
    kit = run(sys.executable, "-c", code, "conform", *selected, folder=tmp_path, PYTHONPATH=str(plain))
    assert 0 == kit.returncode, kit.stdout + kit.stderr
    assert "EXP-001/exportable" in kit.stdout
    assert "if z.size and z.max() > 1e3:" in kit.stdout.replace("\n", " ")
    by_hook = exported("stairs", hooked)
    assert 0 == by_hook.returncode, by_hook.stderr
    assert 0 == run(sys.executable, "-S", "-I", "model_test.py", folder=tmp_path).returncode


def test_a_file_of_another_library_becomes_a_model_file(tmp_path):
    net = classifier()
    net.save(tmp_path / "model.npz")
    assert 0 == export("safetensors", "model.safetensors", tmp_path).returncode
    code = "from nnkit.cli import main; main()"
    done = run(sys.executable, "-c", code, "import", "model.safetensors", "-o", "copy.npz", folder=tmp_path)
    assert (0, "copy.npz: Network([3, 6, 3]") == (done.returncode, done.stdout[:27]), done.stderr
    np.testing.assert_array_equal(nnkit.Network.load(tmp_path / "copy.npz").predict(X), net.predict(X))
    refused = run(sys.executable, "-c", code, "import", "model.npz", "-o", "other.npz", folder=tmp_path)
    assert 1 == refused.returncode
    assert ".safetensors" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "other.npz").exists()


def test_the_column_plan_stands_beside_the_file(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"city": ["a", "b", "a", "c"] * 5, "age": [1.0, 2.0, None, 3.0] * 5})
    net = nnkit.Network(hidden=[4], columns="auto", target_scaling="standardize", seed=0)
    net.fit(frame, np.arange(20.0) / 3 + 0.5, epochs=2)
    net.save(tmp_path / "model.npz")
    done = export("python", "model.py", tmp_path)
    assert ["model.py", "model_columns.json", "model_test.py"] == sorted(done.stdout.split()), done.stderr
    assert 0 == run(sys.executable, "-S", "-I", "model_test.py", folder=tmp_path).returncode
    stated = json.loads((tmp_path / "model_columns.json").read_text())
    assert list(net.features) == stated["inputs"]
    plan = ColumnPlan.from_config(stated["columns"])
    (tmp_path / "rows.json").write_text(json.dumps(plan.matrix(frame).tolist()))
    code = "import json, sys; sys.path.insert(0, '.'); import model; rows = json.load(open('rows.json'));"
    code += "print([model.predict(row) for row in rows])"
    answer = json.loads(run(sys.executable, "-S", "-c", code, folder=tmp_path).stdout)
    np.testing.assert_allclose(answer, net.predict(frame), rtol=1e-12)


def test_the_picture_has_a_box_for_every_operation(tmp_path):
    net = classifier()
    net.save(tmp_path / "model.npz")
    assert "model.dot" == export("dot", "model.dot", tmp_path).stdout.strip()
    text = (tmp_path / "model.dot").read_text()
    boxes = [line.split(" [")[0].strip() for line in text.splitlines() if "label=" in line]
    arrows = [line.split(" -> ") for line in text.splitlines() if "->" in line]
    assert {name.strip() for arrow in arrows for name in arrow} == set(boxes)
    assert text.count("matmul") == 2
