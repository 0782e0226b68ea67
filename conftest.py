"""Settings of the doctests: the same names and number format in every example, nothing else shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

# Programs, not tests: they record figures with libraries that the tests do without, or measure the kit.
collect_ignore_glob = ["tests/oracles/*", "tests/kit_power/*", "plugins/*/tests/oracles/*", "benchmarks/*"]


@pytest.fixture(autouse=True)
def _doctest_names(request: pytest.FixtureRequest) -> Any:
    """Give each doctest ``np`` and ``nnkit``, and print arrays as the documentation does."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    import nnkit

    request.getfixturevalue("doctest_namespace").update(np=np, nnkit=nnkit)
    with np.printoptions(precision=8, suppress=False):
        yield
