"""A package in two versions, really built, installed one after the other: a file of the first, read with the second."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from registry.conftest import BUILD, run_checked, write_project

PARTS = """
    import attrs
    import numpy as np
    from nnkit.interfaces import Elementwise, Layer, Optimizer, ParameterSpec
    from nnkit.interfaces.fields import rate, real

    @attrs.frozen(kw_only=True)
    class Affine(Layer):
        def parameter_specs(self, inputs):
            def spec(name, initializer):
                return ParameterSpec(
                    name=name, shape=(inputs,), fan_in=1, fan_out=1, role="bias", initializer=initializer
                )

            return {affine}

        def forward(self, parameters, x, *, training, rng):
            return x * parameters["gamma"] + parameters["beta"], x

        def backward(self, parameters, cache, grad):
            gradients = {{"gamma": (grad * cache).sum(axis=0), "beta": grad.sum(axis=0)}}
            return grad * parameters["gamma"], gradients

    @attrs.frozen(kw_only=True)
    class Swoosh(Elementwise):
        def forward(self, z):
            return {swoosh} * np.tanh(z)

        def derivative(self, z, a):
            return {swoosh} / np.cosh(z) ** 2

    @attrs.frozen(kw_only=True)
    class Puma(Optimizer):
        {rate}: object = rate(0.1)

        def init(self, parameters, blocks=()):
            return {{"{state}": np.zeros_like(parameters), "step": 0}}

        def update(self, parameters, gradient, state):
            state["step"] += 1
            state["{state}"] = 0.9 * state["{state}"] + gradient
            return parameters - 0.01 * state["{state}"]
"""
VERSIONS = {
    "1.0": {"affine": 'spec("gamma", "ones"), spec("beta", "zeros")', "swoosh": "1.0", "rate": "speed", "state": "sum"},
    "2.0": {
        "affine": 'spec("beta", "zeros"), spec("gamma", "ones")',
        "swoosh": "1.5",
        "rate": "speed",
        "state": "moment",
    },
    "3.0": {"affine": 'spec("gamma", "ones"), spec("beta", "zeros")', "swoosh": "1.0", "rate": "pace", "state": "sum"},
}
SAVE = """
    import sys
    import numpy as np
    import nnkit

    X = np.random.default_rng(0).normal(size=(30, 2))
    net = nnkit.Network([2, *{layers}, 1], optimizer={optimizer!r}, seed=0)
    net.fit(X, X[:, 0] + 5.0, epochs=30)
    net.save(sys.argv[1])
    np.save(sys.argv[1] + ".npy", net.predict(X))
"""
LOAD = """
    import json, sys, warnings
    import numpy as np
    import nnkit

    X = np.random.default_rng(0).normal(size=(30, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            net = nnkit.Network.load(sys.argv[1])
            np.save(sys.argv[1] + ".npy", net.predict(X))
            error = None
        except nnkit.errors.NNKitError as problem:
            error = f"{type(problem).__name__}: {problem}"
    print(json.dumps({"error": error, "warnings": [f"{one.category.__name__}: {one.message}" for one in caught]}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder for each version, in which pip has installed it."""
    base = tmp_path_factory.mktemp("versions")
    points = {
        "nnkit.layers": {"affine": "acme_nn.parts:Affine"},
        "nnkit.activations": {"swoosh": "acme_nn.parts:Swoosh"},
        "nnkit.optimizers": {"puma": "acme_nn.parts:Puma"},
    }
    targets = {}
    for version, words in VERSIONS.items():
        project, wheels = base / version / "src", base / version / "wheels"
        write_project(project, "acme-nn", version, points, {"acme_nn/parts.py": PARTS.format(**words)})
        wheels.mkdir()
        run_checked([sys.executable, "-c", BUILD, wheels, project])
        targets[version] = base / version / "installed"
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
        ]
        run_checked([*pip, "--target", targets[version], *wheels.iterdir()])
    return targets


def run(program, folder, path):
    """The output of a program with one version installed."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{textwrap.dedent(program)}"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def moved(installed, path, second, layers=(), optimizer="adam"):
    """The report of loading a file of version 1.0 with another version, and both predictions."""
    run(SAVE.format(layers=list(layers), optimizer=optimizer), installed["1.0"], path)
    before = np.load(f"{path}.npy")
    report = json.loads(run(LOAD, installed[second], path))
    return report, before, np.load(f"{path}.npy")


def test_a_layer_with_swapped_parameters_is_loaded_right(installed, tmp_path):
    report, before, after = moved(installed, tmp_path / "net.npz", "2.0", layers=["affine"])
    assert report == {"error": None, "warnings": []}
    np.testing.assert_allclose(before, after, rtol=1e-12)


def test_a_changed_formula_is_reported_with_both_versions(installed, tmp_path):
    layers = [{"name": "dense", "units": 4, "activation": "swoosh"}]
    report, before, after = moved(installed, tmp_path / "net.npz", "2.0", layers=layers)
    assert report["error"] is None
    (warning,) = report["warnings"]
    assert warning.startswith("PluginWarning: ")
    assert "no longer predicts" in warning
    assert "acme-nn 1.0 (installed: 2.0): install those versions" in warning
    assert np.abs(before - after).max() > 0.1


def test_a_renamed_state_key_is_answered_with_both_lists_and_versions(installed, tmp_path):
    report, _, _ = moved(installed, tmp_path / "net.npz", "2.0", optimizer="puma")
    assert "the keys 'step', 'sum'; this acme-nn/puma needs 'moment', 'step'" in report["error"]
    assert "training_state=False" in report["error"]
    assert "acme-nn 1.0 (installed: 2.0): install those versions" in report["error"]


def test_a_renamed_hyperparameter_names_package_versions_and_what_to_do(installed, tmp_path):
    report, _, _ = moved(installed, tmp_path / "net.npz", "3.0", optimizer="puma(speed=0.2)")
    assert "'speed'" in report["error"]
    assert "acme-nn 1.0" in report["error"]
    assert "acme-nn 3.0" in report["error"]
    assert "install acme-nn 1.0" in report["error"]


def test_another_version_alone_is_no_reason_for_a_warning(installed, tmp_path):
    report, before, after = moved(installed, tmp_path / "net.npz", "3.0", layers=["affine"])
    assert report == {"error": None, "warnings": []}
    np.testing.assert_array_equal(before, after)
