"""The kit proves the callbacks of this package."""

import pytest

from nnkit.testing import conformance

# MLflow's own use of SQLAlchemy 2.1.
pytestmark = [
    pytest.mark.no_cover,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]

test_conformance = conformance("nnkit-track")
