"""The kit proves every part of this package; this line is all that a package needs."""

from nnkit.testing import conformance

test_conformance = conformance("nnkit-scipy")
