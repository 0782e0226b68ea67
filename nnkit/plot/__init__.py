"""Pictures of networks, trainings and predictions, with matplotlib (extra ``[plot]``); nothing here imports pyplot.

Each function draws on the axes that are passed, or makes a figure of its own, which a notebook shows. It returns the
figure and, with a ``path``, writes it to a file. Figures that pyplot made are shown by pyplot: end the line with ``;``.
"""

from nnkit.plot.animation import animated_regions
from nnkit.plot.confusion_matrix import confusion_matrix
from nnkit.plot.decision_regions import decision_regions
from nnkit.plot.distributions import distributions
from nnkit.plot.intervals import intervals
from nnkit.plot.learning_curve import learning_curve
from nnkit.plot.learning_rates import learning_rates
from nnkit.plot.network import network
from nnkit.plot.part import part
from nnkit.plot.probabilities import calibration, roc
from nnkit.plot.regression import errors, regression
from nnkit.plot.report import report
from nnkit.plot.sensitivities import sensitivities

__all__ = [
    "animated_regions",
    "calibration",
    "confusion_matrix",
    "decision_regions",
    "distributions",
    "errors",
    "intervals",
    "learning_curve",
    "learning_rates",
    "network",
    "part",
    "regression",
    "report",
    "roc",
    "sensitivities",
]
