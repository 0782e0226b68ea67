"""Pictures of trainings and predictions, with matplotlib (extra ``[plot]``); nothing here touches pyplot.

Each function draws on axes that it is given, or makes a figure of its own, which it returns and,
given a ``path``, writes to a file.
"""

from nnkit.plot.confusion_matrix import confusion_matrix
from nnkit.plot.decision_regions import decision_regions
from nnkit.plot.distributions import distributions
from nnkit.plot.intervals import intervals
from nnkit.plot.learning_curve import learning_curve
from nnkit.plot.learning_rates import learning_rates
from nnkit.plot.sensitivities import sensitivities

__all__ = [
    "confusion_matrix",
    "decision_regions",
    "distributions",
    "intervals",
    "learning_curve",
    "learning_rates",
    "sensitivities",
]
