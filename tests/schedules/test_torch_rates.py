"""Every schedule against the recorded rates of PyTorch 2.13, or against exact arithmetic."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import oracles
import pytest

from nnkit.schedules.constant import Constant
from nnkit.schedules.cosine import Cosine
from nnkit.schedules.cyclic import Cyclic
from nnkit.schedules.exponential import Exponential
from nnkit.schedules.inverse_time import InverseTime
from nnkit.schedules.linear_warmup import LinearWarmup
from nnkit.schedules.one_cycle import OneCycle
from nnkit.schedules.polynomial import Polynomial
from nnkit.schedules.step import Step

CLASSES = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "linear_warmup": LinearWarmup,
    "cyclic": Cyclic,
}
CASES = json.loads((Path(oracles.__path__[0]) / "data" / "torch_schedules.json").read_text(encoding="utf-8"))["cases"]


def build(name, hyperparameters):
    following = hyperparameters.get("schedule")
    if following is None:
        return CLASSES[name](**hyperparameters)
    inner = Exponential(**following) if "factor" in following else Constant(**following)
    return CLASSES[name](**{**hyperparameters, "schedule": inner})


def test_every_schedule_of_torch_is_recorded_four_times():
    assert dict.fromkeys(CLASSES, 4) == {name: sum(case["schedule"] == name for case in CASES) for name in CLASSES}
    assert {80} == {len(case["rates"]) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_rates(case):
    schedule = build(case["schedule"], case["hyperparameters"])

    np.testing.assert_allclose(
        case["rates"],
        [schedule.rate(step) for step in range(len(case["rates"]))],
        rtol=1e-12,
        atol=1e-12 * max(case["rates"]),
    )


def test_inverse_time_is_the_exact_quotient():
    rng = np.random.default_rng(5)
    for _ in range(100):
        first, decay = (float(value) for value in rng.uniform(0.0, 2.0, 2))
        every, step = (int(value) for value in rng.integers(1, 10_000, 2))
        exact = Fraction(first) / (1 + Fraction(decay) * step / every)

        assert float(exact) == pytest.approx(
            InverseTime(learning_rate=first, decay=decay, every=every).rate(step), rel=1e-15
        )
