"""Large arrays of another dtype and sparse rows: trained on without a converted or dense copy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import nnkit
from nnkit.data import lazy_rows
from nnkit.errors import DataError, NNKitError, ShapeError

ROWS, COLUMNS = 230, 12


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let every array be large."""
    monkeypatch.setattr(lazy_rows, "LARGE", 0)


def array_of(dtype):
    return np.random.default_rng(0).integers(0, 9, size=(ROWS, COLUMNS)).astype(dtype)


def targets(X):
    return np.asarray(X, dtype=np.float64)[:, :2].sum(axis=1)


def sparse_rows(dtype=np.float64):
    rng = np.random.default_rng(1)
    dense = rng.normal(size=(ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < 0.2)
    dense[5] = 0.0
    return sparse.csr_array(dense.astype(dtype))


RUNS = {
    "shuffled, with a short last batch": {"batch_size": 32},
    "sequential": {"batch_size": 23, "sampling": "sequential"},
    "drawn": {"batch_size": 32, "sampling": "random_batch"},
    "all at once": {"batch_size": None},
    "split, weighted, with metrics": {
        "validation_split": 0.3,
        "metrics": ["r2"],
        "sample_weight": np.arange(ROWS) % 3,
    },
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize(
    ("stored", "trained"), [("uint8", "float32"), ("int64", "float64"), ("float64", "float32"), (">f4", "float64")]
)
def test_an_array_of_another_dtype_trains_as_its_converted_copy(stored, trained, run):
    X, y = array_of(stored), targets(array_of(stored))
    networks = [nnkit.Network(["standardize", 6, 1], seed=0, dtype=trained) for _ in range(2)]
    histories = [
        network.fit(data, y, epochs=2, **run) for network, data in zip(networks, [X.astype(trained), X], strict=True)
    ]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)
    np.testing.assert_array_equal(networks[0].predict(X.astype(trained)), networks[1].predict(X))
    assert networks[0].evaluate(X.astype(trained), y) == networks[1].evaluate(X, y)


def test_a_large_array_is_neither_copied_nor_changed():
    X = array_of("uint8")
    rows = lazy_rows.as_rows(X, dtype=np.dtype(np.float32))
    assert rows.values is X
    assert isinstance(
        lazy_rows.as_rows(X.T, dtype=np.dtype(np.float32)), np.ndarray
    )  # whose rows are not in memory order
    half = rows.part(np.arange(0, ROWS, 2)).part(np.array([1, 0]))
    np.testing.assert_array_equal(half[:], X[[2, 0]])


def test_a_value_beyond_the_dtype_is_found_in_its_row():
    X = array_of("float64")
    X[200, 3] = 1e39
    network = nnkit.Network([COLUMNS, 1], seed=0, dtype="float32")
    with pytest.raises(DataError, match=r"X\[200, 3\] is 1e\+39 .*which float32 cannot hold"):
        network.fit(X, targets(X))
    assert network.step == 0


@pytest.mark.parametrize("backward", ["fast", "jacobian"])
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_sparse_rows_train_as_dense_ones(run, backward):
    X = sparse_rows()
    y = targets(X.toarray())
    networks = [nnkit.Network([None, 6, 1], seed=0, regularizer="l2", backward=backward) for _ in range(2)]
    for network, data in zip(networks, [X.toarray(), X], strict=True):
        network.fit(data, y, epochs=3, **run)
    np.testing.assert_allclose(networks[1].parameters, networks[0].parameters, rtol=0, atol=1e-12)
    np.testing.assert_allclose(networks[1].predict(X), networks[0].predict(X.toarray()), rtol=0, atol=1e-12)
    assert networks[1].score(X, y) == pytest.approx(networks[0].score(X.toarray(), y), abs=1e-12)


def test_a_sparse_run_that_was_cut_goes_on_bit_identically():
    X = sparse_rows(np.float32)
    y = targets(X.toarray())
    whole, cut = (nnkit.Network([None, 6, 1], seed=0) for _ in range(2))
    whole.fit(X, y, epochs=4)
    cut.fit(X, y, epochs=2)
    cut.fit(X, y, epochs=4, resume=True)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole.parameters, cut.parameters)
    with pytest.raises(DataError, match="other training data"):
        cut.fit(X * 2, y, epochs=6, resume=True)


def damaged(**arrays):
    X = sparse_rows()
    for name, values in arrays.items():
        setattr(X, name, values)
    return X


REFUSED = {
    "columns": (lambda: sparse_rows().tocsc(), DataError, r"format 'csc'; expected rows: pass X\.tocsr\(\)"),
    "another width": (lambda: sparse_rows()[:, :5], ShapeError, "X has 5 columns; this network takes 12"),
    "no rows": (lambda: sparse_rows()[:0], DataError, "X is empty"),
    "NaN": (lambda: sparse_rows() * np.nan, DataError, "not finite"),
    "an index beyond": (lambda: damaged(indices=sparse_rows().indices + 9), DataError, "damaged CSR matrix"),
    "complex numbers": (lambda: sparse_rows() * 1j, DataError, "dtype complex128"),
}


@pytest.mark.parametrize(("make", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_sparse_rows_that_cannot_be_used_are_refused(make, error, words):
    network = nnkit.Network([COLUMNS, 4, 1], seed=0)
    X = make()
    before = network.parameters.copy()
    for call in (lambda: network.fit(X, np.zeros(X.shape[0])), lambda: network.predict(X)):
        with pytest.raises(error, match=words):
            call()
    np.testing.assert_array_equal(network.parameters, before)


REASONS = {
    "a layer that reads dense rows": (
        {"layers": ["standardize", 4, 1]},
        "the first layer, Standardize, reads dense rows",
    ),
    "a solver": ({"layers": [None, 4, 1], "optimizer": "levenberg_marquardt"}, r"toarray\(\)"),
}


@pytest.mark.parametrize(("network", "words"), REASONS.values(), ids=REASONS)
def test_what_needs_dense_rows_asks_for_them(network, words):
    X = sparse_rows()
    with pytest.raises(NNKitError, match=words):
        nnkit.Network(**network).fit(X, targets(X.toarray()))


MEASURED = """
import resource, sys
import numpy as np
import nnkit

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

{data}
network = nnkit.Network({layers}, seed=0, dtype="float32")
small = X[:64].toarray() if hasattr(X, "toarray") else X[:64]
network.fit(small, y[:64], epochs=1)
network.reset()
before = peak()
network.fit(X, y, epochs=1, batch_size={batch})
print((peak() - before) / 2**20)
"""

LARGE_DATA = {
    # 63 MB of uint8, which would be 250 MB in float32: 19 MB is 0.3 of it
    "bytes": ("X = np.full((80_000, 784), 7, dtype=np.uint8)\ny = X[:, 0]", "[None, 4, 1]", 19),
    # 200,000 x 50,000 with a million numbers, which would be 37 GB in float32
    "sparse": (
        """from scipy import sparse
r = np.random.default_rng(0)
places = r.integers(0, [[200_000], [50_000]], (2, 1_000_000))
X = sparse.csr_array((r.normal(size=1_000_000), places), shape=(200_000, 50_000))
y = r.normal(size=200_000)""",
        "[None, 8, 1]",
        300,
    ),
}


@pytest.mark.parametrize(("data", "layers", "most"), LARGE_DATA.values(), ids=LARGE_DATA)
def test_the_memory_of_a_training_on_large_data(data, layers, most):
    pytest.importorskip("resource", reason="peak memory is read where the system reports it")
    program = MEASURED.format(data=data, layers=layers, batch=1024 if layers.endswith("4, 1]") else 20_000)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < most
