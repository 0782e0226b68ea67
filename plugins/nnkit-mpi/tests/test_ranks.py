"""Trainings by several ranks of a real mpirun end as those of one process do."""

import json

import numpy as np
import pytest

import nnkit
from nnkit.errors import MissingExtraError
from nnkit_mpi import ranks
from nnkit_mpi.noise import SIZE_PLACES, RowNoise
from nnkit_mpi.steps import own_rows, rows_to_compute

CASES = (
    "adam",
    "more ranks than rows",
    "one batch",
    "random batches",
    "frozen arrays",
    "rows by windows",
    "sparse rows",
    "callbacks",
    "scaled targets",
    "float32",
    "levenberg_marquardt",
    "gauss_newton",
    "bayesian_regularization",
    "conjugate_gradient",
    "a solver and callbacks",
    "more ranks than samples",
)
ON_THREE = ("adam", "more ranks than rows", "callbacks", "gauss_newton", "more ranks than samples")


@pytest.fixture(scope="module")
def reports(run, tmp_path_factory):
    results = {}
    for size, programs, cases in ((2, "compare", CASES), (3, "compare+objective", ON_THREE)):
        folder = tmp_path_factory.mktemp(f"ranks-{size}")
        code, _, errors = run(size, programs, folder, *cases)
        assert code == 0, errors
        results[size] = json.loads((folder / "report.json").read_text())
    results["objective"] = json.loads((folder / "objective.json").read_text())
    return results


@pytest.mark.parametrize(("size", "case"), [*((2, case) for case in CASES), *((3, case) for case in ON_THREE)])
def test_ranks_train_the_network_of_one_process(reports, size, case):
    report = reports[size][case]
    assert report["same on all ranks"], "the ranks must have the same bits"
    together, alone = report["counters"]
    assert together == alone
    assert report["moved"] > 1e-3, "nothing was trained"
    tolerance = 1e-6 if case == "float32" else 1e-12
    assert report["parameters"] <= tolerance
    assert report["history"] <= tolerance


def test_what_solvers_ask_for_is_that_of_all_data(reports):
    report = reports["objective"]
    assert set(report) == {"plain", "weightless", "empty"}
    for differences in report.values():
        assert set(differences) >= {"value", "gradient", "hvp", "gauss_newton", "residual", "jacobian"}
        assert max(differences.values()) <= 1e-12


def test_compiled_layers_train_in_ranks(run, tmp_path):
    pytest.importorskip("nnkit_numba")
    code, _, errors = run(2, "compiled", tmp_path)
    assert code == 0, errors
    report = json.loads((tmp_path / "compiled.json").read_text())
    assert report["steps"] == 27
    assert [rows for rows, _ in report["bound"]] == [60, 512 % 60], "each rank computes its rows of every batch"
    assert report["bound"][0][1].startswith("nnkit_numba.")
    assert report["difference"] <= 1e-6


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (2, 4), (7, 7), (1, 1), (128, 5)])
def test_the_rows_of_all_ranks_are_the_batch_once(rows, size):
    parts = [own_rows(rows, rank, size) for rank in range(size)]
    assert [row for part in parts for row in range(rows)[part]] == list(range(rows))
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert all(len(range(rows)[rows_to_compute(rows, rank, size)]) == max(lengths[rank], 1) for rank in range(size))


ARGUMENTS = {
    "beta": (2.0, 3.0),
    "binomial": (9, 0.4),
    "exponential": (2.0,),
    "gamma": (2.0, 3.0),
    "integers": (0, 100),
    "laplace": (1.0, 2.0),
    "normal": (1.0, 2.0),
    "poisson": (3.0,),
    "standard_gamma": (2.0,),
    "uniform": (-1.0, 1.0),
}


@pytest.mark.parametrize("method", SIZE_PLACES)
@pytest.mark.parametrize("how", ["place", "keyword"])
def test_the_draws_of_all_ranks_are_those_of_the_batch(method, how):
    arguments, shape = ARGUMENTS.get(method, ()), (7, 3)
    alone = np.random.default_rng(5)
    expected = getattr(alone, method)(*arguments, size=shape)
    columns = getattr(alone, method)(*arguments, size=4)
    parts = []
    for rank in range(3):
        own, source = own_rows(7, rank, 3), np.random.default_rng(5)
        draw = getattr(RowNoise(source.bit_generator, 7, own), method)
        size = (own.stop - own.start, 3)
        parts.append(draw(*arguments, size) if how == "place" else draw(*arguments, size=size))
        assert np.array_equal(draw(*arguments, size=4), columns), "what has no rows is drawn as it is"
        assert source.bit_generator.state == alone.bit_generator.state
    assert np.array_equal(np.concatenate(parts), expected)


def test_draws_into_an_array_of_float32_are_those_of_the_batch():
    alone, source, out = np.random.default_rng(5), np.random.default_rng(5), np.empty((3, 5), dtype="float32")
    expected = np.empty((8, 5), dtype="float32")
    alone.random(out=expected, dtype=np.float32)
    drawn = RowNoise(source.bit_generator, 8, slice(2, 5)).random(out=out, dtype=np.float32)
    assert drawn is out
    assert np.array_equal(out, expected[2:5])
    assert alone.random() == source.random()


def test_a_program_without_mpirun_is_one_rank_and_trains_as_ever():
    X = np.random.default_rng(0).normal(size=(20, 2))
    nets = [nnkit.Network([2, 3, 1], seed=0) for _ in range(2)]
    nets[0].fit(X, X[:, 0], epochs=3)
    with ranks() as group:
        nets[1].fit(X, X[:, 0], epochs=3)
    assert np.array_equal(nets[0].parameters, nets[1].parameters)
    assert (group.rank, group.size, group.leads) == (0, 1, True)
    with pytest.raises(ValueError, match="of one rank"), ranks():
        raise ValueError("of one rank")


def test_without_mpi4py_a_sentence_states_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", None)
    with pytest.raises(MissingExtraError, match="pip install mpi4py mpich"), ranks():
        pass
