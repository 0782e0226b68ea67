"""The conformance kit proves exported == predicted of activations and layers, and names those that do not travel."""

import re
import tomllib
from pathlib import Path

import attrs
import numpy as np
import pytest

from nnkit.interfaces import Elementwise
from nnkit.plugins import get, names
from nnkit.testing import all_checks
from nnkit.testing.failure import CheckFailure
from nnkit.testing.record import Subject
from nnkit_export import ExportError, checks

PARTS = [(kind, name) for kind in ("activation", "layer") for name in names(kind)]


def test_the_checks_are_added_for_activations_and_layers_alone():
    numbers = [check.number for check in all_checks()]
    assert (1, 1) == (numbers.count("EXP-001"), numbers.count("EXP-002"))
    assert () == checks.nnkit_checks("loss")


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_activation_and_layer_travels_as_it_predicts(kind, name):
    cls = get(kind, name)
    for variant in cls.variants or ({},):
        for dtype in ("float32", "float64"):
            subject = Subject(cls=cls, hyperparameters=variant, dtype=dtype)
            checks.exportable.try_on(subject)
            assert checks.exported_equals_predicted.why_not(subject) is None
            checks.exported_equals_predicted.try_on(subject)


def test_no_plugin_of_this_repository_has_activations_or_layers_that_are_not_tried_here():
    """Parts of other kinds do not take part in a prediction; a package with such parts belongs into PARTS."""
    folders = [path.parent for path in Path(__file__).parents[2].glob("*/pyproject.toml")]
    assert len(folders) > 4
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        groups = set(project.get("entry-points", {}))
        assert not groups & {"nnkit.activations", "nnkit.layers"}, folder.name
        sources = "".join(path.read_text() for path in folder.glob("nnkit_*/*.py"))
        assert not re.search(r'\.add\(\s*"(activation|layer)"', sources), folder.name


@attrs.frozen(kw_only=True)
class Branching(Elementwise):
    def forward(self, z):
        return np.tanh(z) if z.max() > 0 else z * 1.0

    def derivative(self, z, a):
        return 1 - a * a


def test_a_part_that_branches_on_values_is_named_and_fails_nothing():
    subject = Subject(cls=Branching)
    with pytest.raises(ExportError, match=r"test_kit.py:\d+: `return np.tanh"):
        checks.exportable.try_on(subject)
    assert "advisory" == checks.exportable.level
    assert "it cannot be exported" == checks.exported_equals_predicted.why_not(subject)


@attrs.frozen(kw_only=True)
class Changing(Elementwise):
    """Another formula for plain arrays than for those that record."""

    def forward(self, z):
        return np.tanh(z) + (1e-3 if isinstance(z, np.ndarray) else 0.0)

    def derivative(self, z, a):
        return 1 - a * a


def test_a_part_that_computes_something_else_after_its_export_is_caught():
    with pytest.raises(CheckFailure, match="the exported part computes something else than forward"):
        checks.exported_equals_predicted.try_on(Subject(cls=Changing))
