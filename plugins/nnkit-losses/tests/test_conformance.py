"""The proof of every part of this package."""

from nnkit.testing import conformance

test_conformance = conformance("nnkit-losses")
