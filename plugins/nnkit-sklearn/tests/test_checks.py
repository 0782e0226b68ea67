"""scikit-learn's own checks of estimators, over the configurations that people use."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnkit_sklearn import NetworkClassifier, NetworkRegressor

NOT_EQUIVALENT = "sample_weight is not equivalent to removing/repeating samples."
"""scikit-learn's own words for its estimators that train in mini-batches."""

# The checks fit tiny data of any scale, constant targets and single rows, of which nnkit rightly warns.
pytestmark = pytest.mark.filterwarnings("ignore::nnkit.errors.TrainingWarning")

ADAM = "adam(learning_rate=0.01)"
L2 = "l2(strength=0.001)"

CONFIGURATIONS = [
    NetworkClassifier((16,), max_iter=60, optimizer=ADAM, batch_size=8),
    NetworkClassifier((8,), max_iter=60, optimizer="lbfgs", regularizer=L2),
    NetworkClassifier((6,), max_iter=30, loss="mean_squared_error", optimizer="levenberg_marquardt"),
    NetworkClassifier((16,), max_iter=60, optimizer=ADAM, early_stopping=True),
    NetworkClassifier((8,), max_iter=200, optimizer="lbfgs", regularizer=L2, warm_start=True),
    NetworkClassifier((16,), max_iter=60, optimizer=ADAM, class_weight="balanced"),
    NetworkClassifier((16,), max_iter=60, loss="hinge", optimizer=ADAM, batch_size=None),
    NetworkRegressor((16,), max_iter=60, optimizer=ADAM, batch_size=8),
    NetworkRegressor((8,), max_iter=60, optimizer="lbfgs"),
    NetworkRegressor((6,), max_iter=30, optimizer="levenberg_marquardt", intervals=True),
    NetworkRegressor((16,), max_iter=60, optimizer=ADAM, early_stopping=True),
    NetworkRegressor((6,), max_iter=60, optimizer="levenberg_marquardt", warm_start=True),
    NetworkRegressor((16,), max_iter=60, optimizer=ADAM, batch_size=None, target_scaling="standardize"),
]
"""The classifiers are checked with two classes, with several, and with several labels a row."""


def expected_failures(estimator):
    """A batch, and a validation split, has a fixed number of rows, so repeated rows meet others than weighted ones."""
    if estimator.batch_size == 8 or estimator.early_stopping:
        return {f"check_sample_weight_equivalence_on_{kind}_data": NOT_EQUIVALENT for kind in ("dense", "sparse")}
    return {}


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
