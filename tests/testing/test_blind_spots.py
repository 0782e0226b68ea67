"""What the kit does beside its checks: variants of instances, warnings of its own, large sizes of costly parts."""

import warnings

import attrs
import numpy as np
import pytest
from kit_power.faults.contracts import Overflowing

from nnkit.interfaces import Elementwise, Metric, Optimizer
from nnkit.interfaces.fields import rate, real
from nnkit.testing import check


@attrs.frozen(kw_only=True)
class Steep(Elementwise):
    """``slope * z``, with a derivative that is wrong in a declared variant alone."""

    variants = ({"slope": 3.0},)

    slope: float = real(1.0)

    def forward(self, z):
        return z * z.dtype.type(self.slope)

    def derivative(self, z, a):
        return np.full_like(z, min(self.slope, 2.0))


def test_an_instance_is_checked_with_the_declared_variants():
    (failure,) = check(Steep(slope=2.0), only="ACT-002").failures
    assert failure.subject == "float64, slope=3.0"


@attrs.frozen(kw_only=True)
class Narrow(Elementwise):
    """``gain * z``, which refuses 17 columns; with a gain of 2 and many rows, its ``vjp`` is wrong."""

    variants = ({"gain": 2.0},)

    gain: float = real(1.0)

    def forward(self, z):
        if z.shape[1] == 17:
            raise MemoryError("17 columns")
        return z * z.dtype.type(self.gain)

    def derivative(self, z, a):
        return np.full_like(z, self.gain)

    def vjp(self, z, a, grad):
        return grad * grad.dtype.type(self.gain if self.gain == 1.0 or len(z) < 60 else 3.0)


def test_an_input_that_cannot_be_tried_hides_no_fault_at_another():
    (failure,) = check(Narrow, only="ACT-008").failures
    assert failure.what == "the part raises: MemoryError: 17 columns"
    assert failure.subject == "float64, defaults"
    other = "vjp(z, a, vector) is not the product of jacobian and vector"
    assert (f"{other} (float64, gain=2.0)",) == failure.others
    assert f"  also     {other}" in str(failure)


def test_the_inputs_of_the_first_failure_are_shown_and_no_others():
    (failure,) = check(Narrow(gain=2.0), only="ACT-008").failures
    assert {"z"} == set(failure.inputs)
    assert "(3, 17)" in failure.inputs["z"]


def test_the_kit_warns_of_nothing_when_a_part_does():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = check(Overflowing, only="LOSS-036")
    assert report.failures
    assert [] == caught


SIZES: list[int] = []


@attrs.frozen(kw_only=True)
class Concordance(Metric):
    """The fraction of pairs that are in the right order, from all pairs of rows at once."""

    higher_is_better = True
    tasks = ("regression",)
    bounds = (0.0, 1.0)

    def start(self, task):
        return {"prediction": np.empty(0), "target": np.empty(0)}

    def add(self, state, prediction, target, weight):
        state["prediction"] = np.concatenate([state["prediction"], prediction.sum(axis=1)])
        state["target"] = np.concatenate([state["target"], target.sum(axis=1)])

    def result(self, state):
        SIZES.append(len(state["target"]))
        p, t = (state[name][:, None] - state[name] for name in ("prediction", "target"))
        return float(((p * t) > 0).sum() / max((t != 0).sum(), 1))


@attrs.frozen(kw_only=True)
class FullMatrix(Optimizer):
    """Adagrad with the matrix of all pairs of parameters."""

    learning_rate: float = rate(0.1)

    def init(self, parameters, blocks):
        return {"matrix": np.zeros((parameters.size, parameters.size), parameters.dtype)}

    def update(self, parameters, gradient, state):
        SIZES.append(parameters.size)
        state["matrix"] += np.outer(gradient, gradient)
        parameters -= parameters.dtype.type(self.learning_rate) * gradient / np.sqrt(1e-6 + np.diag(state["matrix"]))
        return parameters


@pytest.mark.parametrize(("cls", "number"), [(Concordance, "MET-012"), (FullMatrix, "OPT-010")])
def test_large_sizes_are_bounded_for_parts_with_quadratic_cost(cls, number):
    SIZES.clear()
    report = check(cls, only=number, dtypes="float64")
    assert report.ok, str(report)
    assert 1000 <= max(SIZES) <= 4096
