"""Networks of PyTorch in nnkit and back, and safetensors files both ways."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import nn

import nnkit
from nnkit.errors import FileFormatError, SpecError
from nnkit.plugins import names
from nnkit_export import ExportError, NetworkImportError, from_safetensors, from_torch, to_safetensors, to_torch

DATA = Path(__file__).parent / "oracles" / "data"
RECORDED = json.loads((DATA / "expected.json").read_text())
ROWS = np.array(RECORDED["rows"])

NUMBERED = [
    4,
    "dense(units=8, activation='relu')",
    "dropout(rate=0.3)",
    "dense(units=8, use_bias=False)",
    "batch_norm",
    "activation(activation='tanh')",
    "dense(units=6)",
    "layer_norm(epsilon=1e-6)",
    "activation(activation='gelu')",
    "dense(units=6)",
    "group_norm(groups=2)",
    "prelu",
    "dense(units=8)",
    "glu",
    "dense(units=3, activation='softmax')",
]
ACTIVATIONS = {
    "leaky_relu": "leaky_relu(negative_slope=0.2)",
    "elu": "elu(alpha=1.5)",
    "gelu_tanh": "gelu(approximate=True)",
}
SINGLE = sorted(RECORDED["torch"].keys() - {"numbered", "named", "chain", "elu-bf16", "softplus-bf16"})


def expect(network, expected, tolerance=1e-12, rows=ROWS):
    np.testing.assert_allclose(network.predict(rows), expected, rtol=tolerance, atol=tolerance)


def test_a_state_dict_in_a_file_predicts_as_pytorch_did():
    network = from_torch(DATA / "torch-numbered.safetensors", NUMBERED)
    expect(network, RECORDED["torch"]["numbered"])
    assert (network.dtype, network.task) == (np.float64, "multiclass")


@pytest.mark.parametrize("name", SINGLE)
def test_every_activation_predicts_as_pytorch_did(name):
    network = from_torch(DATA / f"torch-{name}.safetensors", [4, 5, 2], hidden_activation=ACTIVATIONS.get(name, name))
    # PyTorch's softplus is x above 20
    expect(network, RECORDED["torch"][name], 1e-8 if name == "softplus" else 1e-12)


@pytest.mark.parametrize("name", ["elu", "softplus"])
def test_bfloat16_becomes_float32(name):
    path = DATA / f"torch-{name}-bf16.safetensors"
    network = from_torch(path, [4, 5, 2], hidden_activation=ACTIVATIONS.get(name, name))
    assert network.dtype == np.float32
    expect(network, RECORDED["torch"][f"{name}-bf16"], 1e-6)


def test_modules_with_names_need_their_order():
    options = {"hidden_activation": "tanh", "output_activation": "sigmoid"}
    path = DATA / "torch-named.safetensors"
    with pytest.raises(NetworkImportError, match=r"pass names=\['alpha', 'head', 'zeta'\] in theirs"):
        from_torch(path, [4, 4, 4, 1], **options)
    network = from_torch(path, [4, 4, 4, 1], names=["zeta", "alpha", "head"], **options)
    expect(network, RECORDED["torch"]["named"])
    assert network.task == "binary"
    with pytest.raises(NetworkImportError, match="expected an order of"):
        from_torch(path, [4, 4, 4, 1], names=["zeta", "head"], **options)


def sequential(dtype=torch.float64):
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6, affine=False), nn.Identity(), nn.SiLU(), nn.PReLU())
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), inner, nn.LayerNorm(6, bias=False), nn.Linear(6, 2))
    inner[1].running_mean.normal_()
    inner[1].running_var.uniform_(0.5, 2.0)
    return model.to(dtype).eval()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_a_module_and_back(dtype, tolerance):
    model = sequential(dtype)
    network = from_torch(model)
    with torch.no_grad():
        expected = model(torch.tensor(ROWS, dtype=dtype)).numpy()
        expect(network, expected, tolerance)
        again = to_torch(network)
        np.testing.assert_allclose(
            again(torch.tensor(ROWS, dtype=dtype)).numpy(), expected, rtol=tolerance, atol=tolerance
        )
    assert np.dtype(str(dtype).removeprefix("torch.")) == network.dtype


def test_a_state_dict_of_tensors_needs_no_file():
    model = sequential()
    layers = [
        4,
        "dense(units=6)",
        "dense(units=6)",
        {"name": "batch_norm"},
        "activation(activation='silu')",
        "prelu",
        "layer_norm",
        2,
    ]
    state = model.state_dict()
    with pytest.raises(NetworkImportError, match=r"layer 2 \(batch_norm\) needs .* module '2.1' has \['running_mean'"):
        from_torch(state, layers)
    state |= {"2.1.weight": torch.ones(6), "2.1.bias": torch.zeros(6), "3.bias": torch.zeros(6)}
    state = {key: state[key] for key in sorted(state)}
    with torch.no_grad():
        expect(from_torch(state, layers), model(torch.tensor(ROWS)).numpy())


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU6()), r"module 1: ReLU6 has no equal in nnkit; there are "),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Bilinear(2, 2, 2))), r"module 1.0: Bilinear has no equal"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(dim=0)), r"module 1: Softmax has dim=0; nnkit has 1 or -1 only"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softplus(beta=2)), "Softplus has beta=2"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=None)), "momentum=None"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)), "track_running_stats=False"),
        (nn.Sequential(nn.Linear(2, 3), nn.GLU()), "even number"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3)), r"module 1: Linear: the weight has .* shape \(2, 3\)"),
        (nn.Sequential(nn.ReLU()), "no layer with weights"),
        (nn.LSTM(4, 1), "the model: LSTM has no equal"),
        (type("Net", (nn.Module,), {})(), "a Net, whose forward pass is code"),
    ],
)
def test_what_has_no_equal_is_refused_by_name(module, reason):
    with pytest.raises(NetworkImportError, match=reason):
        from_torch(module)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (None, "has arrays, but no layers"),
        ([4, 5], r"leave the modules \['2'\]"),
        ([4, 5, 2, 2], r"layer 2 \(dense\) has no module left"),
        ([4, 5, 3], r"layer 1 \(dense\), module '2': weight has .* shape \(5, 2\); expected .*\(5, 3\)"),
        ([4, "weight_norm_dense(units=5)", 2], r"layer 0 \(weight_norm_dense\) has no equal in PyTorch"),
        ([4, 5, "batch_norm"], r"needs \['running_mean'"),
        ([None, 5, 2], "begin it with the number of inputs"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, reason):
    with pytest.raises(NetworkImportError, match=reason):
        from_torch(DATA / "torch-elu.safetensors", layers)


def test_a_pickle_is_never_read(tmp_path):
    torch.save(sequential(), tmp_path / "model.pt")
    with pytest.raises(FileFormatError, match=r"model.pt is a pickle, which can run code .*; save the weights with"):
        from_torch(tmp_path / "model.pt", [4, 2])


# -- to PyTorch ----------------------------------------------------------------------------------------

NO_MODULE = {"exponential": "PyTorch has no module for exponential"}


@pytest.mark.parametrize("name", names("activation"))
def test_every_activation_becomes_its_module_or_is_refused_by_name(name):
    network = nnkit.Network([4, 5, 2], hidden_activation=name, seed=0)
    if name in NO_MODULE:
        with pytest.raises(ExportError, match=NO_MODULE[name]):
            to_torch(network)
        return
    model = to_torch(network)
    with torch.no_grad():
        np.testing.assert_allclose(model(torch.tensor(ROWS)).numpy(), network.predict(ROWS), rtol=1e-12, atol=1e-13)
    again = from_torch(model)
    assert again.layers == network.layers or name == "identity"
    np.testing.assert_array_equal(again.parameters, network.parameters)


def test_scalings_become_part_of_the_linear_modules():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 50.0, 0.0, 7.0]
    X[:, 3] = 7.0  # constant: standardize gives 0
    layers = ["rescale(scale=0.5, offset=1.0)", "standardize", "dense(units=6, activation='tanh')", "dense(units=2)"]
    network = nnkit.Network([4, *layers], target_scaling="standardize", seed=0)
    network.fit(X, 1e3 + X[:, :2], epochs=3)
    X[0, 3] = 9.0
    with torch.no_grad():
        np.testing.assert_allclose(to_torch(network)(torch.tensor(X)).numpy(), network.predict(X), rtol=1e-10)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([4, "rescale(scale=2.0)", "layer_norm", 2], r"layer 1 \(layer_norm\) follows a fixed scaling"),
        ([4, 2, "rescale(scale=2.0)"], "the last layers are a fixed scaling"),
        ([4, "maxout", 2], r"layer 0 \(maxout\): no module of PyTorch"),
    ],
)
def test_what_pytorch_lacks_is_refused_by_name(layers, reason):
    with pytest.raises(ExportError, match=reason):
        to_torch(nnkit.Network(layers, seed=0))


# -- safetensors ---------------------------------------------------------------------------------------


def trained(dtype):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 3))
    layers = ["standardize", "dense(units=5, activation='gelu')", "batch_norm", "dense(units=2, activation='softmax')"]
    network = nnkit.Network([3, *layers], loss="categorical_crossentropy", seed=0, dtype=dtype)
    network.fit(X, np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)], epochs=2)
    return network, X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_returns_from_safetensors_as_it_was(dtype, tmp_path):
    network, X = trained(dtype)
    (path,) = to_safetensors(network, tmp_path / "model.safetensors")
    copy = from_safetensors(path)
    assert copy.composition == network.composition
    assert copy.classes == ("no", "yes")
    np.testing.assert_array_equal(copy.predict(X), network.predict(X))
    theirs = safetensors.numpy.load_file(path)
    assert {name: array.shape for name, array in theirs.items()} == {n: a.shape for n, a in network.arrays.items()}
    for name, array in network.arrays.items():
        np.testing.assert_array_equal(theirs[name], array)
    mean = copy.arrays["0.mean"].copy()
    copy.fit(X + 5.0, network.predict(X, labels=True), epochs=1)
    np.testing.assert_array_equal(copy.arrays["0.mean"], mean)  # statistics are learned once


def rewritten(path, change):
    """The file with another header."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = change(json.loads(content[8 : 8 + length])) or b""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def entry(**changes):
    return lambda header: header | {"1.bias": header["1.bias"] | changes}


def config(**changes):
    def change(header):
        meta = header["__metadata__"]
        return header | {"__metadata__": meta | {"config": json.dumps(json.loads(meta["config"]) | changes)}}

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (entry(shape=[1 << 60]), "does not fill its place"),
        (entry(shape=[1 << 70]), "the entry of 1.bias"),
        (entry(data_offsets=[0, 40]), "does not fill its place"),
        (entry(dtype="F128"), "the entry of 1.bias"),
        (lambda header: header | {"extra": header["1.bias"]}, "does not fill its place"),
        (lambda header: [1], "the JSON in it is list"),
        (lambda header: b"[" * 100_000, "cannot be read"),
        (lambda header: header | {"__metadata__": {"config": 3}}, "not texts"),
        (config(inputs=1 << 40), "the arrays do not fit"),
        (config(layers=[{"name": "dense", "units": 1 << 50, "activation": "softmax"}]), "more than fit into memory"),
        (config(inputs=None), "no inputs"),
        (lambda header: {k: v for k, v in header.items() if k != "__metadata__"}, "from_torch"),
    ],
)
def test_a_damaged_safetensors_file_is_refused(change, reason, tmp_path):
    (path,) = to_safetensors(trained("float32")[0], tmp_path / "model.safetensors")
    rewritten(path, change)
    with pytest.raises((FileFormatError, NetworkImportError, SpecError), match=reason):
        from_safetensors(path)


def test_a_shortened_file_is_refused(tmp_path):
    (path,) = to_safetensors(trained("float32")[0], tmp_path / "model.safetensors")
    content = path.read_bytes()
    for size in (0, 5, 8, 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(FileFormatError, match=r"damaged|not a safetensors"):
            from_safetensors(path)
