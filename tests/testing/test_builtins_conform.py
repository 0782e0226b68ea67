"""Every built-in part in float32 and float64, one item for each check; proven, but for solvers and callbacks."""

import pytest

from nnkit.testing import conformance

UNRECORDED = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

test_activations = UNRECORDED(conformance("nnkit-core", kind="activation", require="proven"))
test_losses = UNRECORDED(conformance("nnkit-core", kind="loss", require="proven"))
test_optimizers = conformance("nnkit-core", kind="optimizer")
test_initializers = conformance("nnkit-core", kind="initializer", require="proven")
test_layers = conformance("nnkit-core", kind="layer", require="proven")
test_schedules = conformance("nnkit-core", kind="schedule", require="proven")
test_regularizers = conformance("nnkit-core", kind="regularizer", require="proven")
test_metrics = UNRECORDED(conformance("nnkit-core", kind="metric", require="proven"))
test_callbacks = conformance("nnkit-core", kind="callback")
test_recipes = conformance("nnkit-core", kind="recipe", require="proven")
