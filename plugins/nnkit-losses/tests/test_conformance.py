"""The proof of every part of this package."""

import pytest

from nnkit.testing import conformance

pytestmark = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

test_conformance = conformance("nnkit-losses", require="proven")
