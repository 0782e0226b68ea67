"""The published values of the metrics, and access by name."""

import numpy as np
import pytest

import nnkit
from nnkit.testing.checks.metric_forms import example_task

CASES = [
    (name, example)
    for name in nnkit.plugins.names("metric")
    if nnkit.plugins.get("metric", name).__module__.startswith("nnkit.metrics.")
    for example in nnkit.plugins.get("metric", name).examples
]


@pytest.mark.parametrize(("name", "example"), CASES, ids=[name for name, _ in CASES])
def test_each_published_value(name, example):
    metric = nnkit.plugins.create("metric", {"name": name, **example.hyperparameters})
    inputs = {key: np.asarray(value) for key, value in example.inputs.items()}
    state = metric.start(example_task(type(metric), inputs["prediction"], inputs["target"]))
    metric.add(state, **inputs)
    np.testing.assert_allclose(metric.result(state), example.expected, rtol=example.tolerance)


def test_every_metric_carries_one():
    own = {
        name
        for name in nnkit.plugins.names("metric")
        if "nnkit.metrics" in nnkit.plugins.get("metric", name).__module__
    }
    assert own == {name for name, _ in CASES}
    assert len(own) >= 10


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mae", "mean_absolute_error"),
        ("mse", "mean_squared_error"),
        ("f1_score", "f1"),
        ("rmse", "root_mean_squared_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("ece", "expected_calibration_error"),
        ("mcc", "matthews_correlation"),
    ],
)
def test_aliases(alias, name):
    assert nnkit.plugins.get("metric", name) is nnkit.plugins.get("metric", alias)
