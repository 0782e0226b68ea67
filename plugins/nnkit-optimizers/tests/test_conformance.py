"""The kit proves every part of this package; this line is all that a package needs."""

import pytest

from nnkit.testing import conformance

pytestmark = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

test_conformance = conformance("nnkit-optimizers", require="proven")
