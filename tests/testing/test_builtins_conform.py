"""Every built-in part, proven in float32 and float64, one item for each check."""

import pytest

from nnkit.testing import conformance

UNRECORDED = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

test_activations = UNRECORDED(conformance("nnkit-core", kind="activation"))
test_losses = UNRECORDED(conformance("nnkit-core", kind="loss"))
test_optimizers = conformance("nnkit-core", kind="optimizer")
test_initializers = conformance("nnkit-core", kind="initializer")
test_layers = conformance("nnkit-core", kind="layer")
test_schedules = conformance("nnkit-core", kind="schedule")
test_regularizers = conformance("nnkit-core", kind="regularizer")
test_metrics = UNRECORDED(conformance("nnkit-core", kind="metric"))
test_callbacks = conformance("nnkit-core", kind="callback")
test_recipes = conformance("nnkit-core", kind="recipe", require="proven")
