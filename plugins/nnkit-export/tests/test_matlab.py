"""Networks of MATLAB: files written by scipy in the shape that MATLAB's ``net`` has, and MATLAB's own formulas."""

import numpy as np
import pytest
import scipy.io

from nnkit.errors import FileFormatError
from nnkit_export import NetworkImportError, from_matlab

rng = np.random.default_rng(4)
X = rng.normal(size=(20, 4)) * [1.0, 10.0, 0.1, 0.0] + [0.0, 5.0, -1.0, 3.0]  # the fourth column was constant


def cell(*entries, shape=None):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape or (-1, 1), order="F")


def mapminmax(low, high, ymin=-1.0, ymax=1.0):
    low, high = np.asarray(low)[:, None], np.asarray(high)[:, None]
    gain = (ymax - ymin) / (high - low)
    return {"name": "mapminmax", "xoffset": low, "gain": gain, "ymin": ymin, "ymax": ymax, "no_change": 0.0}


def mapstd(mean, std):
    return {"name": "mapstd", "xmean": np.c_[mean], "xstd": np.c_[std], "ymean": 0.0, "ystd": 1.0, "no_change": 0.0}


def constant(rows, value=()):
    return {
        "name": "removeconstantrows",
        "remove": np.array([rows]),
        "value": np.array([value]).reshape(-1, 1),
        "no_change": 0.0,
    }


def layers(hidden, **options):
    return cell({"name": "Hidden", "transferFcn": hidden} | options, {"transferFcn": "purelin"})


def processed(name):
    """An input with one processing function, whose settings are missing."""
    return cell({"processFcns": cell(name), "processSettings": cell({"name": name})})


TWICE = cell(rng.normal(size=(3, 3)), rng.normal(size=(2, 3)))


def net(**changes):
    """The properties of a ``fitnet`` with 4 inputs (one constant), 3 hidden units and 2 targets."""
    properties = {
        "IW": cell(rng.normal(size=(3, 3)), np.zeros((0, 0))),
        "LW": cell(np.zeros((0, 0)), rng.normal(size=(2, 3)), np.zeros((0, 0)), np.zeros((0, 0)), shape=(2, 2)),
        "b": cell(rng.normal(size=(3, 1)), rng.normal(size=(2, 1))),
        "layers": cell(
            {"name": "Hidden", "transferFcn": "tansig", "netInputFcn": "netsum"}, {"transferFcn": "purelin"}
        ),
        "inputs": cell(
            {
                "processFcns": cell("fixunknowns", "removeconstantrows", "mapminmax"),
                "processSettings": cell(
                    {"name": "fixunknowns", "unknown": np.zeros((0, 0))},
                    constant([4]),
                    mapminmax([-3.0, -20.0, -2.0], [3.0, 30.0, 0.0]),
                ),
            }
        ),
        "outputs": cell(
            np.zeros((0, 0)), {"processFcns": cell("mapstd"), "processSettings": cell(mapstd([10.0, -2.0], [3.0, 0.5]))}
        ),
    }
    return properties | changes


def saved(properties, folder, **options):
    scipy.io.savemat(folder / "net.mat", properties, do_compression=True)
    return from_matlab(folder / "net.mat", **options)


def simulated(properties, x, activation=np.tanh):
    """The formulas of MATLAB's ``sim``, by column, as ``genFunction`` writes them."""
    p = x[:, :3].T
    settings = properties["inputs"][0, 0]["processSettings"][2, 0]
    p = (p - settings["xoffset"]) * settings["gain"] + settings["ymin"]
    a = activation(properties["IW"][0, 0] @ p + properties["b"][0, 0])
    y = properties["LW"][1, 0] @ a + properties["b"][1, 0]
    std = properties["outputs"][1, 0]["processSettings"][0, 0]
    return (y * std["xstd"] + std["xmean"]).T


@pytest.mark.parametrize(
    ("transfer", "formula"),
    [
        ("tansig", lambda n: 2 / (1 + np.exp(-2 * n)) - 1),
        ("logsig", lambda n: 1 / (1 + np.exp(-n))),
        ("poslin", lambda n: np.maximum(n, 0)),
        ("purelin", lambda n: n),
        ("elliotsig", lambda n: n / (1 + np.abs(n))),
        ("softmax", lambda n: np.exp(n) / np.exp(n).sum(axis=0)),
    ],
)
def test_a_network_predicts_as_matlab_computes(transfer, formula, tmp_path):
    properties = net(layers=layers(transfer))
    network = saved(properties, tmp_path)
    np.testing.assert_allclose(network.predict(X), simulated(properties, X, formula), rtol=1e-12, atol=1e-12)
    assert (network.inputs, network.outputs, network.task) == (4, 2, "regression")


def test_training_goes_on_in_the_same_units(tmp_path):
    network = saved(net(), tmp_path)
    before = network.predict(X)
    network.fit(X, before + rng.normal(size=before.shape), epochs=1)
    np.testing.assert_allclose(network.predict(X), before, rtol=0.1, atol=0.1)


def test_a_struct_in_a_variable_and_a_saved_copy(tmp_path):
    properties = net()
    network = saved({"other": 1.0, "net": properties}, tmp_path, variable="net")
    expected = simulated(properties, X)
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12, atol=1e-12)
    network.save(tmp_path / "copy.npz")
    np.testing.assert_array_equal(type(network).load(tmp_path / "copy.npz").predict(X), network.predict(X))
    with pytest.raises(NetworkImportError, match=r"there is no IW, .* among \['net', 'other'\]; pass variable="):
        from_matlab(tmp_path / "net.mat")
    with pytest.raises(NetworkImportError, match=r"variable is 'nut'; the file has \['net', 'other'\]"):
        from_matlab(tmp_path / "net.mat", variable="nut")


def test_a_constant_target_returns(tmp_path):
    outputs = cell(
        np.zeros((0, 0)),
        {
            "processFcns": cell("removeconstantrows", "mapminmax"),
            "processSettings": cell(constant([2], [42.0]), mapminmax([0.0, 5.0], [10.0, 6.0])),
        },
    )
    prediction = saved(net(outputs=outputs), tmp_path).predict(X)
    assert (20, 3) == prediction.shape
    np.testing.assert_array_equal(prediction[:, 1], 42.0)


def test_layers_without_bias_and_a_single_layer(tmp_path):
    identity = cell({"processFcns": cell(shape=(0, 0)), "processSettings": cell(shape=(0, 0))})
    weight = rng.normal(size=(2, 4))
    properties = {
        "IW": cell(weight),
        "LW": cell(np.zeros((0, 0))),
        "b": cell(np.zeros((0, 0))),
        "layers": cell({"transferFcn": "logsig"}),
        "inputs": identity,
        "outputs": identity,
    }
    network = saved(properties, tmp_path)
    np.testing.assert_allclose(network.predict(X), 1 / (1 + np.exp(-X @ weight.T)), rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": layers("radbas")}, r"layers\{1\} has the transfer function 'radbas'"),
        ({"layers": layers("tansig", netInputFcn="netprod")}, "netprod"),
        ({"layers": cell(1.0, 2.0)}, r"layers\{1\} is .*expected a struct: see the three lines"),
        ({"IW": TWICE}, r"connected \(to, from\) as \[\(1, 0\), \(2, 0\), \(2, 1\)\]"),
        ({"IW": 3.0}, "IW is .*; expected a cell array"),
        ({"IW": cell(rng.normal(size=(3, 3)))}, r"IW, LW and b have \[1, 4, 2\] entries for 2 layers"),
        ({"b": cell(np.full((3, 1), np.nan), rng.normal(size=(2, 1)))}, "NaN or infinite"),
        ({"b": cell(rng.normal(size=(5, 1)), rng.normal(size=(2, 1)))}, r"layer 1: the bias has .* shape \(5,\)"),
        ({"inputs": processed("processpca")}, "processpca of the input has no equal"),
        ({"inputs": processed("mapminmax")}, "has no gain"),
        ({"outputs": cell({"a": 1.0}, {"a": 1.0})}, "2 outputs; expected one"),
    ],
)
def test_what_has_no_equal_is_refused_by_name(changes, reason, tmp_path):
    with pytest.raises(NetworkImportError, match=reason):
        saved(net(**changes), tmp_path)


def test_sizes_that_the_file_does_not_have_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "net.mat", {"IW": np.ones((3, 2))})
    content = (tmp_path / "net.mat").read_bytes()
    dims = np.array([3, 2], dtype="<i4").tobytes()
    assert content.count(dims) == 1
    (tmp_path / "net.mat").write_bytes(content.replace(dims, np.array([1 << 30, 2], dtype="<i4").tobytes()))
    with pytest.raises(FileFormatError, match=r"damaged: 'IW' claims the shape \(1073741824, 2\) and has 48 bytes"):
        from_matlab(tmp_path / "net.mat")
    (tmp_path / "net.mat").write_bytes(content[:-8])
    with pytest.raises(FileFormatError, match="longer than the file"):
        from_matlab(tmp_path / "net.mat")
    (tmp_path / "net.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF")
    with pytest.raises(FileFormatError, match="a MAT-file of version 7.3; save it in MATLAB with '-v7'"):
        from_matlab(tmp_path / "net.mat")


def test_a_variable_that_grows_when_it_is_read_is_bounded(tmp_path):
    scipy.io.savemat(tmp_path / "net.mat", {"IW": np.zeros((2000, 1000))}, do_compression=True)
    content = bytearray((tmp_path / "net.mat").read_bytes())
    assert len(content) < 40_000
    with pytest.raises(NetworkImportError, match="there is no LW"):
        from_matlab(tmp_path / "net.mat")
    content[-4:] = b"\0\0\0\0"  # the checksum of the compressed data
    (tmp_path / "net.mat").write_bytes(content)
    with pytest.raises(FileFormatError, match="damaged"):
        from_matlab(tmp_path / "net.mat")
