"""Networks that Keras 3 has saved, read without Keras."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from nnkit.errors import FileFormatError
from nnkit_export import NetworkImportError, from_keras

DATA = Path(__file__).parent / "oracles" / "data"
RECORDED = json.loads((DATA / "expected.json").read_text())
ROWS = np.array(RECORDED["rows"])


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", sorted(RECORDED["keras"]))
def test_a_file_predicts_as_keras_did(name, ending):
    network = from_keras(DATA / f"keras-{name}{ending}")
    tolerance = {"float32": 1e-6, "float64": 1e-12}[name.rpartition("-")[2]]
    np.testing.assert_allclose(network.predict(ROWS), RECORDED["keras"][name], rtol=tolerance, atol=tolerance)
    assert network.dtype.name == name.rpartition("-")[2]


def test_what_training_needs_is_read():
    network = from_keras(DATA / "keras-sequential-float32.keras")
    text = str(network.layers)
    assert "momentum=0.1, epsilon=0.001" in text
    assert "Dropout(trainable=True, rate=0.3)" in text
    assert "GaussianNoise(trainable=True, stddev=0.1)" in text
    assert "multiclass" == network.task


# -- damaged, foreign and hostile files ----------------------------------------------------------------


def rezipped(path, config=None, weights=None, method=zipfile.ZIP_STORED, leave_out=()):
    """The recorded archive with other members."""
    with zipfile.ZipFile(DATA / "keras-functional-float32.keras") as source:
        members = {name: source.read(name) for name in source.namelist() if name not in leave_out}
    if config is not None:
        members["config.json"] = json.dumps(config(json.loads(members["config.json"]))).encode()
    if weights is not None:
        members["model.weights.h5"] = weights(members["model.weights.h5"])
    with zipfile.ZipFile(path, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def layer(index, **changes):
    """Changes of one layer's config; the layers are input, rescaling, dense, leaky_relu, …"""

    def change(config):
        entry = config["config"]["layers"][index]
        entry["class_name"] = changes.pop("class_name", entry["class_name"])
        entry["inbound_nodes"] = changes.pop("inbound_nodes", entry["inbound_nodes"])
        entry["config"] |= changes
        return config

    return change


def nested(config):
    for _ in range(100):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [config]}}
    return config


CODE = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (layer(3, class_name="Lambda", function=CODE), "layer 'leaky_re_lu': Lambda has no equal in nnkit"),
        (layer(3, class_name="Conv1D"), "Conv1D has no equal"),
        (layer(3, class_name="os.system"), "os.system has no equal"),
        (layer(2, activation="relu6"), "layer 'hidden': Dense has the activation 'relu6'; nnkit has "),
        (layer(2, activation=CODE), "has the activation"),
        (layer(2, inbound_nodes=[]), r"layer 'hidden' has the inputs \[\]; expected \['rescaling'\]"),
        (layer(2, quantization_config={"mode": "int8"}), "quantized"),
        (layer(1, scale=[1.0, 2.0]), r"has scale=a list of 2 entries; expected a number"),
        (layer(6, axis=2), "axis=2"),
        (layer(0, batch_shape=[None, 28, 28]), r"has the shape \[None, 28, 28\]; expected rows"),
        (lambda config: config | {"class_name": "MyModel"}, "the model is a 'MyModel'; expected Sequential"),
        (lambda config: config | {"config": 3}, "the config of the model is int"),
        (lambda config: {"class_name": "Sequential", "config": {"layers": 1}}, "no list of layers"),
        (nested, "inside each other"),
    ],
)
def test_what_has_no_equal_is_refused_by_name(change, reason, tmp_path):
    with pytest.raises((NetworkImportError, FileFormatError), match=reason):
        from_keras(rezipped(tmp_path / "model.keras", config=change))


def rewritten(change):
    """The HDF5 file with something else in it."""

    def rewrite(content):
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as store:
            change(store)
        return file.getvalue()

    return rewrite


def replaced(**options):
    def change(store):
        del store["layers/dense/vars/0"]
        store["layers/dense/vars"].create_dataset("0", **options)

    return change


def linked(link):
    def change(store):
        del store["layers/dense/vars/0"]
        store["layers/dense/vars"]["0"] = link

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            replaced(shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1, 1024)),
            "damaged: layers/dense/vars/0 of dtype float32 and shape .* claims",
        ),
        (replaced(shape=(4, 5), dtype="f4", chunks=(4, 5), compression="gzip"), "claims 80 bytes and has 0"),
        (replaced(shape=(4, 5), dtype="f4"), "claims 80 bytes and has 0"),
        (replaced(shape=(4, 5), dtype="f4", external=[("/etc/passwd", 0, 80)]), "no array of numbers in this file"),
        (replaced(data=np.array(["text"], dtype="S8")), "no array of numbers in this file"),
        (replaced(data=np.full((4, 5), np.nan, "f4")), "has NaN or infinite values"),
        (replaced(data=np.ones((3, 5), "f4")), r"shape \(3, 5\); expected numbers of shape \(4, 'any'\)"),
        (linked(h5py.ExternalLink("/tmp/other.h5", "/x")), "there is no layers/dense/vars/0"),
        (linked(h5py.SoftLink("/layers/dense_1/vars/0")), "there is no layers/dense/vars/0"),
        (lambda store: store.pop("layers"), "there is no layers/dense"),
    ],
)
def test_hostile_weights_are_refused(change, reason, tmp_path):
    with pytest.raises((NetworkImportError, FileFormatError), match=reason):
        from_keras(rezipped(tmp_path / "model.keras", weights=rewritten(change)))


def test_an_archive_that_grows_when_it_is_read_is_refused(tmp_path):
    def bomb(content):
        return content + bytes(50_000_000)

    with pytest.raises(FileFormatError, match="claim 50,0"):
        from_keras(rezipped(tmp_path / "model.keras", weights=bomb, method=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_an_incomplete_archive_is_refused(member, tmp_path):
    with pytest.raises(FileFormatError, match=f"no {member}"):
        from_keras(rezipped(tmp_path / "model.keras", leave_out=(member,)))


def test_weights_without_a_model_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as store:
        store["x"] = 1.0
    with pytest.raises(FileFormatError, match=r"has no model_config, only weights; save the model with model.save"):
        from_keras(path)
    path.write_text("hello")
    with pytest.raises(FileFormatError, match="damaged: .*file signature not found"):
        from_keras(path)
    shutil.copy(path, tmp_path / "x.keras")
    with pytest.raises(FileFormatError, match="is not a Keras file, or damaged: BadZipFile"):
        from_keras(tmp_path / "x.keras")
