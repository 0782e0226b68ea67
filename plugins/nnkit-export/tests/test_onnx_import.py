"""Dense graphs in ONNX files: those of PyTorch, those of nnkit itself, and what is refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import nnkit
from nnkit.errors import FileFormatError
from nnkit_export import NetworkImportError, from_onnx, to_onnx

DATA = Path(__file__).parent / "oracles" / "data"
RECORDED = json.loads((DATA / "expected.json").read_text())
ROWS = np.array(RECORDED["rows"])
NAMES = sorted(name for name in RECORDED["torch"] if "bf16" not in name and name != "numbered")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_predicts_as_pytorch_did(name):
    network = from_onnx(DATA / f"torch-{name}.onnx")
    assert network.dtype == np.float32
    np.testing.assert_allclose(network.predict(ROWS), RECORDED["torch"][name], rtol=2e-6, atol=1e-6)


def test_an_operator_between_rows_is_refused_by_name():
    with pytest.raises(NetworkImportError, match=r"operator Reshape \(/10/Reshape\) has no equal in nnkit here"):
        from_onnx(DATA / "torch-numbered.onnx")


def trained(activation, **options):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 0.0]
    network = nnkit.Network([3, "standardize", {"name": "dense", "units": 5, "activation": activation}, 2], **options)
    network.fit(X, 100.0 + X[:, :2], epochs=2)
    return network, X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "silu", "mish", "softplus", "leaky_relu", "selu"])
def test_what_nnkit_writes_returns_with_its_activation(activation, dtype, tmp_path):
    network, X = trained(activation, target_scaling="standardize", seed=0, dtype=dtype)
    copy = from_onnx(to_onnx(network, tmp_path / "model.onnx")[0])
    assert copy.layers[1].activation == network.layers[1].activation
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(copy.predict(X), network.predict(X), rtol=tolerance)


@pytest.mark.parametrize(("head", "loss"), [("softmax", "categorical_crossentropy"), ("log_softmax", "nll")])
@pytest.mark.parametrize("outputs", [2, 4])
def test_a_classifier_of_nnkit_returns(head, loss, outputs, tmp_path):
    network = nnkit.Network([3, 5, outputs], hidden_activation="elu", output_activation=head, loss=loss, seed=0)
    copy = from_onnx(to_onnx(network, tmp_path / "model.onnx")[0])
    assert copy.layers == network.layers
    assert copy.task == "multiclass"
    rows = np.random.default_rng(0).normal(size=(9, 3)) * 5
    np.testing.assert_allclose(copy.predict(rows), network.predict(rows), rtol=1e-12)


def test_classes_and_features_return(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    network = nnkit.Network([3, 4, 1], output_activation="sigmoid", loss="binary_crossentropy", seed=0)
    network.fit(X, np.where(X[:, 0] > 0, "yes", "no"), epochs=2)
    copy = from_onnx(to_onnx(network, tmp_path / "model.onnx")[0])
    assert copy.classes == ("no", "yes")
    assert copy.predict(X, labels=True).tolist() == network.predict(X, labels=True).tolist()


# -- graphs made by hand -------------------------------------------------------------------------------

W = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def graph(*nodes, arrays=None, inputs=("x",), outputs=("y",), shape=("N", 2)):
    """A model of these nodes ``(operator, inputs, outputs, attributes)``."""
    arrays = {"W": W} | (arrays or {})
    made = [
        helper.make_node(op, ins.split(), outs.split(), f"{op}-{k}", **(rest[0] if rest else {}))
        for k, (op, ins, outs, *rest) in enumerate(nodes)
    ]
    model_inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs]
    model_outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    return helper.make_model(helper.make_graph(made, "g", model_inputs, model_outputs, initializers))


def loaded(model, folder, **options):
    onnx.save(model, folder / "model.onnx")
    return from_onnx(folder / "model.onnx", **options)


def test_products_and_sums_become_layers(tmp_path):
    model = graph(
        ("Sub", "x mean", "a"),
        ("Div", "a std", "b"),
        ("MatMul", "b W", "c"),
        ("Add", "bias c", "d"),
        ("Tanh", "d", "e"),
        ("Gemm", "e V v", "f", {"transB": 1, "alpha": 2.0, "beta": 3.0}),
        ("Mul", "f scale", "g"),
        ("Add", "g shift", "y"),
        arrays={
            "mean": np.float32([1, 2]),
            "std": np.float32([2, 4]),
            "bias": np.float32([1, 2, 3]),
            "V": np.float32([[1, -1, 1]]),
            "v": np.float32([5]),
            "scale": np.float32(10),
            "shift": np.float32([7]),
        },
    )
    x = np.float32([[0, 1], [2, 3]])
    hidden = np.tanh((x - [1, 2]) / [2, 4] @ W + [1, 2, 3])
    expected = (2 * hidden @ np.float32([[1], [-1], [1]]) + 15) * 10 + 7
    network = loaded(model, tmp_path)
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-6)
    assert [type(layer).__name__ for layer in network.layers] == ["Standardize", "Dense", "Dense"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (graph(("Conv", "x W", "y")), r"operator Conv \(Conv-0\) has no equal in nnkit here; there are Add, "),
        (graph(("MatMul", "x W", "a"), ("Add", "a a", "y")), r"operator Add \(Add-1\) has no equal"),
        (graph(("MatMul", "x W", "a"), ("MatMul", "x W", "b"), ("Add", "a b", "y")), "operator MatMul .*no equal"),
        (graph(("MatMul", "W x", "y")), "operator MatMul .*no equal"),
        (graph(("MatMul", "x W", "a"), ("Softmax", "a", "y", {"axis": 0})), r"has axis=0; nnkit has -1 or 1 only"),
        (graph(("MatMul", "x W", "a"), ("HardSigmoid", "a", "y")), "has alpha=0.2"),
        (graph(("Gemm", "x W", "y", {"transA": 1})), "has transA=1"),
        (graph(("MatMul", "x W", "a"), ("Clip", "a", "y")), "operator Clip"),
        (graph(("MatMul", "x W", "y"), inputs=("x", "z")), r"the inputs \['x', 'z'\]; expected one"),
        (graph(("MatMul", "x W", "y"), shape=("N", 2, 2)), "has 3 axes"),
        (graph(("MatMul", "x W", "y"), shape=("N", 5)), r"shape \(2, 3\); expected numbers of shape \(5, 'any'\)"),
        (graph(("MatMul", "x W", "y"), ("Tanh", "y", "z"), outputs=("y", "z")), r"expected one of \['y', 'z'\]"),
        (graph(("MatMul", "x W", "y"), arrays={"W": W * np.nan}), "NaN or infinite"),
        (graph(("MatMul", "x W", "a"), ("Div", "a zero", "y"), arrays={"zero": np.zeros(1)}), "by 0"),
        (graph(), "no operators"),
    ],
)
def test_what_has_no_equal_is_refused_by_name(model, reason, tmp_path):
    with pytest.raises((NetworkImportError, FileFormatError), match=reason):
        loaded(model, tmp_path)


def test_an_output_can_be_chosen(tmp_path):
    model = graph(("MatMul", "x W", "y"), ("Tanh", "y", "z"), outputs=("y", "z"))
    network = loaded(model, tmp_path, output="z")
    np.testing.assert_allclose(network.predict([[1.0, 2.0]]), np.tanh([[1.0, 2.0]] @ W), rtol=1e-6)


def test_weights_outside_of_the_file_are_not_read(tmp_path):
    model = graph(("MatMul", "x W", "y"))
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(NetworkImportError, match=r"the weights 'W' are in another file, which is not read"):
        from_onnx(tmp_path / "model.onnx")


def test_sizes_that_the_file_does_not_have_are_refused(tmp_path):
    model = graph(("MatMul", "x W", "y"))
    model.graph.initializer[0].dims[0] = 1 << 40
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(FileFormatError, match="is not an ONNX file, or damaged: ValueError"):
        from_onnx(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(b"hello" * 10)
    with pytest.raises(FileFormatError, match="is not an ONNX file, or damaged"):
        from_onnx(tmp_path / "model.onnx")
