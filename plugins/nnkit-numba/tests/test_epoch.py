"""Many steps a call: as the plain parts train, bit-identical however an epoch is divided, only for its own family."""

import logging
import os
import signal
import threading

import numpy as np
import pytest

from nnkit import Dense, Network
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import PluginWarning
from nnkit.inference import compiled, prediction
from nnkit_numba import epoch
from nnkit_numba.compiling import kernel
from nnkit_numba.elementwise import logarithm, logarithm_above_1

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
DROPOUT = "dropout(rate=0.3)"
LABELS, ROWS, YES, SQUARES = (
    "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error",
)  # fmt: skip
BRANCHES = {
    "name": "concatenate",
    "branches": [["robust_scale", "activation(activation='tanh')"], "activation", "standardize"],
    "columns": [[0, 3], [2, 4], [4, 6]],
}
FAMILY = {
    "every activation": ([Dense(9, "relu"), Dense(8, "tanh"), Dense(7, "sigmoid"), Dense(6)], LABELS, "adam", 16),
    "wider than two vectors": ([Dense(70, "relu"), Dense(40, "tanh")], ROWS, "adamw(weight_decay=0.1)", 16),
    "dropout": ([DROPOUT, Dense(20, "tanh"), DROPOUT], YES, "rmsprop", 50),
    "all rows at once": ([Dense(20, "relu"), DROPOUT], SQUARES, "adam", 203),
    "one row at a time": ([Dense(3, "sigmoid")], "half_squared_error", "sgd", 1),
    "without biases": ([Dense(11, "relu", use_bias=False)], "squared_error", "sgd(momentum=0.9, nesterov=True)", 64),
    "decays": ([Dense(5, "tanh")], LABELS, "sgd(momentum=0.5, weight_decay=0.1, decays='all')", 7),
    "decays weights": ([Dense(5, "tanh")], LABELS, "sgd(weight_decay=0.1)", 7),
    "schedule": ([Dense(4, "relu")], YES, {"name": "adam", "learning_rate": "exponential"}, 10),
    "no hidden layer": ([], ROWS, "rmsprop(rho=0.8)", 30),
    "fixed layers in front": (["standardize", "rescale(scale=0.5)", DROPOUT, Dense(5, "tanh")], ROWS, "adam", 20),
    "fixed branches in front": ([BRANCHES, Dense(5, "relu")], SQUARES, "adam", 203),
}
HEADS = {LABELS: "softmax", ROWS: "softmax", YES: "sigmoid"}
OUTPUTS = 3


def network(hidden, loss, optimizer, dtype=np.float32):
    last = Dense(OUTPUTS, HEADS.get(loss.partition("(")[0], "identity"))
    return Network([6, *hidden, last], loss=loss, optimizer=optimizer, dtype=np.dtype(dtype).name, seed=3)


def data(loss, rows=203, dtype=np.float32):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, 6)).astype(dtype), rng.normal(size=(rows, OUTPUTS)).astype(dtype)
    if "categorical" in loss:
        return x, y.argmax(axis=1)
    return x, (y > 0).astype(dtype) if loss == YES else y


def trained(hidden, loss, optimizer, batch, dtype=np.float32, **options):
    net = network(hidden, loss, optimizer, dtype)
    net.fit(*data(loss, dtype=dtype), **{"epochs": 3, "batch_size": batch, **options})
    return net


def made_by(net):
    return net._contents()[2].plan.kernel


@every_dtype
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FAMILY)
def test_it_trains_as_the_plain_parts_do(name, weighted, dtype, plainly):
    case, weight = FAMILY[name], np.random.default_rng(1).random(203) if weighted else None
    fast = trained(*case, dtype, sample_weight=weight)
    assert made_by(fast) == epoch.NAME
    with plainly():
        plain = trained(*case, dtype, sample_weight=weight)
    assert made_by(plain) == ""
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(fast.parameters, plain.parameters, rtol=0, atol=300 * eps)
    np.testing.assert_allclose(fast.history["loss"], plain.history["loss"], rtol=100 * eps)
    assert fast.step == plain.step


@pytest.mark.parametrize("name", ["dropout", "schedule", "every activation"])
def test_bits_do_not_depend_on_how_an_epoch_is_divided(name, monkeypatch):
    at_once, seen = trained(*FAMILY[name]), []
    listened = trained(*FAMILY[name], callbacks=[LambdaCallback(batch_end=lambda view: seen.append(view.batch))])
    monkeypatch.setattr(epoch, "WORK", 1 << 16)
    in_parts = trained(*FAMILY[name])
    assert len(seen) == at_once.step
    for other in (listened, in_parts):
        assert np.array_equal(other.parameters, at_once.parameters)
        assert other.history == at_once.history


OUTSIDE = {
    "a regularizer": lambda: trained([Dense(4, weight_regularizer="l2")], *FAMILY["decays"][1:]),
    "another activation": lambda: trained([Dense(4, "gelu")], *FAMILY["decays"][1:]),
    "frozen weights": lambda: trained([Dense(4, trainable=False)], *FAMILY["decays"][1:]),
    "a layer in front that follows the batches": lambda: trained(["standardize(streaming=True)"], LABELS, "adam", 16),
    "another layer in front": lambda: trained(["standardize", "gaussian_noise"], LABELS, "adam", 16),
    "fixed layers behind": lambda: trained([Dense(4), "rescale(scale=2.0)"], LABELS, "adam", 16),
    "another layer": lambda: trained(["batch_norm"], LABELS, "adam", 16),
    "another loss": lambda: trained([Dense(4)], "huber", "adam", 16),
    "smoothed labels": lambda: trained([Dense(4)], ROWS + "(label_smoothing=0.1)", "adam", 16),
    "another optimizer": lambda: trained([Dense(4)], SQUARES, "lamb", 16),
    "another form of the optimizer": lambda: trained([Dense(4)], SQUARES, "rmsprop(centered=True)", 16),
    "a large product": lambda: trained([Dense(300, "relu"), Dense(20)], SQUARES, "adam", 64),
    "many parameters": lambda: trained([Dense(200), Dense(200)], SQUARES, "adam", 2, epochs=1),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_of_the_family_single_steps_are_made_without_a_warning(name, caplog):
    with caplog.at_level(logging.DEBUG, logger="nnkit.training"):
        assert made_by(OUTSIDE[name]()) == ""
    assert "steps: one at a time" in caplog.text


def test_the_log_reports_what_makes_the_steps(caplog):
    with caplog.at_level(logging.DEBUG, logger="nnkit.training"):
        trained(*FAMILY["decays"])
    assert f"steps: {epoch.NAME}" in caplog.text


def test_after_a_training_predict_uses_compiled_code(monkeypatch):
    used = threading.Event()
    for module in (compiled, prediction):
        monkeypatch.setattr(module, "USED", used)
    net, x = trained(*FAMILY["decays"]), data(LABELS)[0][:5]
    assert used.is_set()
    assert np.array_equal(net.predict(x), net.predictor().predict(x))


def test_it_can_be_disabled(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "nnkit-numba")
    assert made_by(trained(*FAMILY["decays"])) == ""


def test_where_it_cannot_be_compiled_single_steps_are_made(monkeypatch):
    def broken(*_):
        raise RuntimeError("LLVM ERROR: no more memory")

    monkeypatch.setattr(epoch.many_steps, "compile", broken)
    epoch._compiled.cache_clear()
    with pytest.warns(PluginWarning, match="could not compile many_steps: RuntimeError: LLVM ERROR: no more memory;"):
        net = trained(*FAMILY["decays"])
    assert made_by(net) == ""
    epoch._compiled.cache_clear()


def test_ctrl_c_within_a_call_leaves_a_network_that_resumes_bit_identically(tmp_path):
    """A signal that the system really sends, at any time within the second epoch or a later one."""
    x, y = data(LABELS, rows=100_000)
    cut = network([Dense(8, "relu"), DROPOUT, Dense(4, "relu")], LABELS, "adam")
    options = {"batch_size": 64}

    def press(view):
        if view.epoch == 1:
            threading.Timer(0.004, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt, match=r"resume=True\) goes on from here"):
        cut.fit(x, y, epochs=500, callbacks=[LambdaCallback(epoch_end=press)], **options)
    assert 1563 < cut.step < 500 * 1563
    cut.save(tmp_path / "cut.npz")
    loaded, done = Network.load(tmp_path / "cut.npz"), cut.epoch + 1
    loaded.fit(x, y, resume=True, epochs=done, callbacks=[LambdaCallback(epoch_end=press)], **options)
    whole = network([Dense(8, "relu"), DROPOUT, Dense(4, "relu")], LABELS, "adam")
    whole.fit(x, y, epochs=done, **options)
    assert np.array_equal(loaded.parameters, whole.parameters)
    assert loaded.history == whole.history


def test_two_python_threads_train_as_one_does():
    alone, nets = trained(*FAMILY["dropout"]), {}

    def fit(place):
        nets[place] = trained(*FAMILY["dropout"])

    threads = [threading.Thread(target=fit, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(nets[place].parameters, alone.parameters) for place in range(3))


@kernel
def logarithms(x, out, above):
    for i in range(x.size):
        out[i] = logarithm(x[i])
    for i in range(x.size):
        above[i] = logarithm_above_1(x[i] - x.dtype.type(1))


@every_dtype
def test_logarithms_of_compiled_code(dtype):
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    wide = np.exp(np.concatenate([rng.uniform(-80, 80, 5000), rng.uniform(-1, 1, 5000)])).astype(dtype)
    near = np.concatenate([rng.uniform(0.7, 2.0, 5000), [1.0, 2.0, np.nan]]).astype(dtype)
    for x, name in ((wide, "log"), (near, "log1p")):
        out, above = np.empty_like(x), np.empty_like(x)
        logarithms(x, out, above)
        exact = np.log(x.astype(np.longdouble))
        np.testing.assert_allclose(out, exact, rtol=2 * eps, atol=eps)
        if name == "log1p":
            np.testing.assert_allclose(above, np.log1p((x - dtype(1)).astype(np.longdouble)), rtol=2 * eps)
