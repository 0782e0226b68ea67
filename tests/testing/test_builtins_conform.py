"""Every built-in part, proven in float32 and float64, one item for each check."""

from nnkit.testing import conformance

test_activations = conformance("nnkit-core", kind="activation")
test_losses = conformance("nnkit-core", kind="loss")
test_optimizers = conformance("nnkit-core", kind="optimizer")
test_initializers = conformance("nnkit-core", kind="initializer")
