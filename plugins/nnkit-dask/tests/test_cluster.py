"""Training over the processes of a real cluster, some of which are killed, equals training in one process."""

import threading

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client

import nnkit
import nnkit_dask.shards
from nnkit.callbacks.lambda_callback import LambdaCallback
from nnkit.errors import DataError
from nnkit.interfaces import Shards
from nnkit.optimizers import levenberg_marquardt
from nnkit_dask import DaskShards

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 3))
Y = np.sin(X[:, :1]) + X[:, 1:2] * X[:, 2:]
WEIGHTS = np.where(np.arange(160) < 40, 0.0, rng.uniform(0.5, 2.0, size=160))
CUTS = [0, 40, 40, 90, 131, 160]
"""Five shards: the first has no weight, the second no rows."""

SOLVERS = ["levenberg_marquardt", "lbfgs"]


def load(index):
    rows = slice(CUTS[index], CUTS[index + 1])
    return X[rows], Y[rows], WEIGHTS[rows]


class Here(Shards):
    """The same shards in this process."""

    def __init__(self, parts):
        self.parts = list(parts)

    def __len__(self):
        return len(self.parts)

    def map(self, function, *arguments):
        return Here(self.each(function, *arguments))

    def each(self, function, *arguments):
        return (function(part, *arguments) for part in self.parts)


@pytest.fixture(autouse=True)
def sums(monkeypatch):
    """Levenberg-Marquardt works on sums, as it does above four million elements of the Jacobian."""
    monkeypatch.setattr(levenberg_marquardt, "JACOBIAN_LIMIT", 0)


def net(solver, **more):
    options = {"hidden_activation": "tanh", "regularizer": "l2(strength=0.001)", "seed": 0} | more
    return nnkit.Network([3, "standardize", 6, 1], optimizer=solver, **options)


def in_one_process(solver, **arguments):
    network = net(solver)
    network.fit(Here(load(index) for index in range(5)), **{"epochs": 3} | arguments)
    return network


def assert_same(network, expected):
    assert np.array_equal(network.parameters, expected.parameters)
    assert network.history == expected.history


# -- What is refused ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_sent_is_refused(workers):
    client, lock = workers(1), threading.Lock()
    with pytest.raises(DataError, match="load cannot be sent to the workers: .*locks"):
        DaskShards(lambda index: lock, 3, client=client)
    rows = (load(index) for index in range(3))
    with pytest.raises(DataError, match="load cannot be sent to the workers: .*generator"):
        DaskShards(lambda index: next(rows), 3, client=client)
    with pytest.raises(DataError, match="load is 3; expected a function"):
        DaskShards(3, 3, client=client)
    with pytest.raises(DataError, match="count is 0"):
        DaskShards(load, 0, client=client)


def test_an_error_of_load_names_the_shard_and_changes_nothing(workers):
    def broken(index):
        return load(index) if index < 2 else 1 / 0

    network = net("lbfgs")
    before = network.parameters.copy()
    with pytest.raises(DataError, match=r"shard 2: load\(2\) raised ZeroDivisionError: division by zero"):
        network.fit(DaskShards(broken, 5, client=workers(1)), epochs=1)
    assert np.array_equal(before, network.parameters)
    with pytest.raises(DataError, match="the data are in shards, and Adam makes a step a batch"):
        net("adam").fit(DaskShards(load, 5, client=workers(1)))


def test_a_worker_with_another_version_is_refused(workers, request):
    client = workers(1)
    shards = DaskShards(load, 5, client=client)

    def patch(name, version):
        def on_worker():
            from importlib import metadata

            original = metadata.version
            metadata.version = lambda asked: version if asked == name else original(asked)

        client.run(on_worker)

    def restore():
        def on_worker():
            import importlib
            import importlib.metadata

            importlib.reload(importlib.metadata)

        client.run(on_worker)

    request.addfinalizer(restore)
    patch("nnkit-core", "0.0.9")
    with pytest.raises(DataError, match=r"the worker tcp.* has nnkit-core 0.0.9, and this process nnkit-core 0.1.0"):
        net("lbfgs").fit(shards, epochs=1)


def test_a_worker_that_joins_later_is_asked_as_well():
    with pytest.raises(DataError, match=r"a worker has the versions .* and this process \('0.0.9', '2'\)"):
        nnkit_dask.shards._run(None, b"", ("0.0.9", "2"))
    with pytest.raises(DataError, match="a worker cannot load what was sent .*upload_file"):
        nnkit_dask.shards._run(None, b"cnowhere\nthing\n.", nnkit_dask.shards.VERSIONS)


def test_without_a_client_one_is_asked_for(workers, monkeypatch):
    workers(1)

    def none():
        raise ValueError

    monkeypatch.setattr(nnkit_dask.shards, "get_client", none)
    with pytest.raises(DataError, match=r"no client of a Dask cluster; make one first, distributed.Client\(\)"):
        DaskShards(load, 5)
    assert isinstance(Client.current(), Client)


# -- What is equal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_workers_gives_the_same_bits(workers, count):
    for solver in SOLVERS:
        network = net(solver)
        network.fit(DaskShards(load, 5, client=workers(count)), epochs=3)
        assert_same(network, in_one_process(solver))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_worker_that_is_killed_leaves_no_trace(workers, kill, solver, tmp_path):
    """With -9, in the middle of the run; its shards are loaded again elsewhere."""
    client, victims = workers(2), []
    strikes = LambdaCallback(epoch_end=lambda view: view.epoch == 1 and victims.append(kill(client)))
    network = net(solver)
    network.fit(DaskShards(load, 5, client=client), epochs=3, callbacks=[strikes])
    assert len(victims) == 1
    assert victims[0] not in client.scheduler_info(n_workers=-1)["workers"]
    assert_same(network, in_one_process(solver))


def test_a_worker_that_dies_while_it_computes_is_replaced(workers, tmp_path):
    flag = tmp_path / "deadly"
    flag.touch()

    def deadly(index):
        import os
        import signal

        if index == 3 and flag.exists():
            flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return load(index)

    network = net("lbfgs")
    network.fit(DaskShards(deadly, 5, client=workers(2)), epochs=3)
    assert not flag.exists()
    assert_same(network, in_one_process("lbfgs"))


def test_a_shard_that_ends_every_worker_is_named(workers, request):
    client = workers(1)

    def failures(number):
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", number))

    def end(index):
        import os

        os._exit(1)

    failures(0)
    request.addfinalizer(lambda: failures(3))
    with pytest.raises(DataError, match="shard 0: 1 workers ended while .* more shards"):
        net("lbfgs").fit(DaskShards(end, 2, client=client), epochs=1)


def test_a_run_that_was_cut_is_resumed_on_another_cluster(workers, tmp_path):
    callbacks = [f"checkpoint(path='{tmp_path}/{{epoch}}.npz')"]
    expected = in_one_process("levenberg_marquardt", callbacks=callbacks)
    network = nnkit.Network.load(tmp_path / "2.npz")
    network.fit(DaskShards(load, 5, client=workers(2)), callbacks=callbacks, resume=True)
    assert_same(network, expected)


def test_arguments_that_are_large_are_sent_once(workers, monkeypatch):
    monkeypatch.setattr(nnkit_dask.shards, "LARGE", 100)
    network = net("lbfgs")
    network.fit(DaskShards(load, 5, client=workers(2)), epochs=3)
    assert_same(network, in_one_process("lbfgs"))


def test_evaluation_and_prediction(workers):
    expected = in_one_process("lbfgs")
    shards = DaskShards(load, 5, client=workers(2))
    values = expected.evaluate(X, Y, sample_weight=WEIGHTS, metrics=["r2"])
    assert expected.evaluate(shards, metrics=["r2"]) == pytest.approx(values, rel=1e-12)
    np.testing.assert_allclose(np.concatenate(list(expected.predict(shards))), expected.predict(X), rtol=1e-12)


def test_arrays_and_frames_of_dask(workers):
    """Their partitions are the shards; the columns of an array may be cut, and targets otherwise than inputs."""
    client = workers(2)
    expected = net("gauss_newton")
    expected.fit(Here([(X[a : a + 80], Y[a : a + 80]) for a in (0, 80)]), epochs=3)

    network = net("gauss_newton")
    network.fit(DaskShards.of(da.from_array(X, chunks=(80, 2)), da.from_array(Y, chunks=(30, 1))), epochs=3)
    assert_same(network, expected)

    frame = dd.from_pandas(pd.DataFrame(np.column_stack([X, Y]), columns=["a", "b", "c", "y"]), npartitions=2)
    network = net("gauss_newton")
    network.fit(DaskShards.of(frame[["a", "b", "c"]], frame["y"], client=client), epochs=3)
    assert_same(network, expected)
    assert network.features == ("a", "b", "c")

    with pytest.raises(DataError, match="y has 3 partitions and X has 2"):
        DaskShards.of(frame[["a", "b", "c"]], frame["y"].repartition(npartitions=3))
    with pytest.raises(DataError, match="y is .*; expected an array or a frame of Dask"):
        DaskShards.of(da.from_array(X), Y)


def test_many_fits_with_a_worker_killed(workers, kill, tmp_path):
    """32 networks: bit-identical with fits one after another; the table, the best and the ensemble are saved."""
    client = workers(2)
    networks = {f"{seed}": nnkit.Network([3, 8, 1], seed=seed) for seed in range(32)}
    arguments = {"epochs": 2, "validation_split": 0.25, "metrics": ["r2"]}
    victims = []

    def progress(fit):
        if fit.name == "3":
            victims.append(kill(client))

    fits = nnkit.fit_many(networks, X, Y, workers=client, progress=progress, **arguments)
    assert len(victims) == 1
    assert fits.errors == {}
    expected = nnkit.fit_many(networks, X, Y, **arguments)
    assert list(fits.networks) == list(expected.networks) == list(networks)
    for name, network in fits.networks.items():
        assert_same(network, expected.networks[name])
    without_time = [{**row, "seconds": None} for row in fits.table]
    assert without_time == [{**row, "seconds": None} for row in expected.table]

    fits.best("val_r2").save(tmp_path / "best.npz")
    best = nnkit.Network.load(tmp_path / "best.npz")
    assert np.array_equal(best.predict(X), expected.best("val_r2").predict(X))
    fits.ensemble(5, by="val_loss").save(tmp_path / "ensemble.npz")
    ensemble = nnkit.Ensemble.load(tmp_path / "ensemble.npz")
    assert np.array_equal(ensemble.predict(X), expected.ensemble(5, by="val_loss").predict(X))
    assert ensemble.notes["table"] == fits.table
