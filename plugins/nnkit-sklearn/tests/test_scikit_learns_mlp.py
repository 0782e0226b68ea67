"""scikit-learn's own tests of its MLP, from its wheel, run against the estimators of ``nnkit_sklearn.compat``."""

import inspect
from pathlib import Path

import pytest
from sklearn.neural_network.tests import test_mlp as original

from nnkit_sklearn import compat

PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_fit": "sets _coef_velocity, _coef_grads and the other attributes of an estimator that was never fitted",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate",
}
"""Tests that reach into what scikit-learn does not publish."""

source = Path(original.__file__).read_text(encoding="utf-8")
wanted = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
assert source.count(wanted) == 1
module = {"__name__": "scikit_learns_test_mlp", "__file__": original.__file__}
exec(
    compile(
        source.replace(wanted, "from nnkit_sklearn.compat import MLPClassifier, MLPRegressor\n"),
        original.__file__,
        "exec",
    ),
    module,
)
globals().update({name: thing for name, thing in module.items() if name.startswith("test_") and name not in PRIVATE})


@pytest.fixture
def global_random_seed():
    return 42


def test_every_test_is_taken_or_listed():
    tests = {name for name, thing in vars(original).items() if name.startswith("test_") and inspect.isfunction(thing)}
    assert set(PRIVATE) <= tests
    assert tests - set(PRIVATE) <= set(globals())
    assert module["MLPClassifier"] is compat.MLPClassifier
    for name in PRIVATE:
        code = inspect.getsource(getattr(original, name))
        assert "._" in code, name
