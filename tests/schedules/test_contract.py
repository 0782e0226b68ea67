"""What every schedule promises, and what each does beyond the recorded stretch."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest

from nnkit.errors import HyperparameterError, SpecError
from nnkit.schedules.constant import Constant
from nnkit.schedules.cosine import Cosine
from nnkit.schedules.cyclic import Cyclic
from nnkit.schedules.exponential import Exponential
from nnkit.schedules.inverse_square_root import InverseSquareRoot
from nnkit.schedules.inverse_time import InverseTime
from nnkit.schedules.linear_warmup import LinearWarmup
from nnkit.schedules.one_cycle import OneCycle
from nnkit.schedules.polynomial import Polynomial
from nnkit.schedules.power import Power
from nnkit.schedules.step import Step

CLASSES = (
    Constant,
    Step,
    Exponential,
    InverseTime,
    Polynomial,
    Cosine,
    OneCycle,
    LinearWarmup,
    Cyclic,
    InverseSquareRoot,
    Power,
)
SCHEDULES = [cls(**hyperparameters) for cls in CLASSES for hyperparameters in ({}, *cls.variants)]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@every_schedule
def test_rates_are_finite_floats_never_negative_and_pure(schedule):
    steps = [*range(200), 9_999, 10_000, 10_001, 10**6, 10**9, 10**15]
    rates = [schedule.rate(step) for step in steps]

    assert all(isinstance(rate, float) and math.isfinite(rate) and rate >= 0.0 for rate in rates)
    assert rates[::-1] == [schedule.rate(step) for step in reversed(steps)]
    assert rates == [pickle.loads(pickle.dumps(copy.deepcopy(schedule))).rate(step) for step in steps]


@pytest.mark.parametrize("schedule", [each for each in SCHEDULES if each.continuous], ids=repr)
def test_continuous_ones_have_no_jumps(schedule):
    """Halving the distance of neighbours (as a function of a real step) makes every jump smaller."""

    def largest_jump(distance):
        rates = [schedule.rate(count * distance) for count in range(int(60 / distance))]
        return max(abs(one - other) for one, other in itertools.pairwise(rates))

    coarse, fine = largest_jump(0.5), largest_jump(0.5 / 64)

    assert fine <= 0.2 * coarse


@pytest.mark.parametrize(
    ("schedule", "before", "after"),
    [
        (Step(learning_rate=1.0, factor=0.5, every=10), 9, 10),
        (Cosine(learning_rate=1.0, steps=10, restarts=True), 9, 10),
    ],
)
def test_those_with_jumps_say_so(schedule, before, after):
    assert not schedule.continuous
    assert abs(schedule.rate(after) - schedule.rate(before)) > 0.4


def test_polynomial_and_cosine_stay_at_their_end():
    for schedule in (
        Polynomial(learning_rate=0.5, final=0.125, steps=10, power=2.0),
        Cosine(learning_rate=0.5, final=0.125, steps=10),
    ):
        assert [0.5, 0.125, 0.125] == [schedule.rate(step) for step in (0, 10, 1000)]


def test_one_cycle_starts_peaks_and_ends_as_documented():
    schedule = OneCycle(learning_rate=0.8, steps=40, warmup=0.25, start_divisor=8.0, final_divisor=100.0)
    rates = [schedule.rate(step) for step in range(60)]

    assert rates[0] == pytest.approx(0.1, rel=1e-14)
    assert rates[9] == max(rates) == pytest.approx(0.8, rel=1e-14)
    np.testing.assert_allclose(np.full(21, 0.001), rates[39:], rtol=1e-12)


@pytest.mark.parametrize(("t_mul", "m_mul"), [(1.0, 1.0), (1.0, 0.5), (1.3, 0.9), (2.0, 1.0), (3.0, 0.7)])
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_cosine_restarts_where_the_lengths_of_the_falls_say(steps, t_mul, m_mul):
    schedule = Cosine(learning_rate=0.9, final=0.1, steps=steps, restarts=True, t_mul=t_mul, m_mul=m_mul)
    start, length, height = 0.0, float(steps), 0.8
    for _ in range(12):
        within = np.arange(math.ceil(start - 1e-9), math.ceil(start + length - 1e-9))[:1000]
        expected = 0.1 + height * 0.5 * (1.0 + np.cos(np.pi * (within - start) / length))

        np.testing.assert_allclose(expected, [schedule.rate(int(step)) for step in within], rtol=1e-9)
        start, length, height = start + length, length * t_mul, height * m_mul


def test_warmup_rises_in_equal_steps_and_hands_over_at_the_schedules_beginning():
    following = Step(learning_rate=0.8, factor=0.5, every=5)
    schedule = LinearWarmup(schedule=following, steps=8, start=0.25)
    rates = [schedule.rate(step) for step in range(30)]

    np.testing.assert_allclose(np.linspace(0.2, 0.8, 9), rates[:9], rtol=1e-14)
    assert [following.rate(step) for step in range(22)] == rates[8:]


def test_warmup_takes_a_number_for_a_constant_rate():
    plain, wrapped = LinearWarmup(schedule=0.3, steps=4), LinearWarmup(schedule=Constant(learning_rate=0.3), steps=4)

    assert [wrapped.rate(step) for step in range(9)] == [plain.rate(step) for step in range(9)]


def test_warmup_names_an_unresolved_spec():
    with pytest.raises(SpecError, match=r"cosine\(steps=10\)"):
        LinearWarmup(schedule="cosine(steps=10)").rate(0)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, None, True])
def test_hyperparameters_out_of_range_are_refused(cls, bad):
    fields = [field for field in cls.__attrs_attrs__ if field.type in {"float", "int", "float | Schedule"}]

    assert fields
    for field in fields:
        with pytest.raises(HyperparameterError, match=rf"^{cls.__name__}\({field.name}=.*{field.name} must be"):
            cls(**{field.name: bad})


@pytest.mark.parametrize(
    ("cls", "bad"),
    [
        (Step, {"every": 0}),
        (Step, {"factor": 0.0}),
        (Step, {"factor": 1.5}),
        (Exponential, {"every": 0}),
        (Exponential, {"factor": 1.5}),
        (InverseTime, {"every": 0}),
        (Polynomial, {"steps": 0}),
        (Polynomial, {"power": 0.0}),
        (Cosine, {"steps": 0}),
        (Cosine, {"t_mul": 0.5}),
        (Cosine, {"m_mul": 1.5}),
        (Cosine, {"final": 0.5}),
        (OneCycle, {"warmup": 1.0}),
        (OneCycle, {"start_divisor": 0.5}),
        (OneCycle, {"anneal": "quadratic"}),
        (LinearWarmup, {"start": 1.5}),
        (Cyclic, {"lowest": 0.5}),
        (Cyclic, {"factor": 1.5}),
        (InverseSquareRoot, {"warmup": 0}),
        (Power, {"power": 0.0}),
    ],
)
def test_borders_of_the_ranges_are_refused(cls, bad):
    (field,) = bad

    with pytest.raises(HyperparameterError, match=rf"^{cls.__name__}\({field}=.*{field} must be"):
        cls(**bad)
