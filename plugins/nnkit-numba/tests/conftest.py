"""What the tests share."""

import pytest

from nnkit.plugins import disabled


@pytest.fixture
def plainly():
    """A context in which compiled counterparts are not used."""
    return lambda: disabled("nnkit-numba")
