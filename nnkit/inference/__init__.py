"""Statistics from the Jacobian of a trained network: uncertainty, influence of samples and inputs, unused units."""

from nnkit.inference.diagnosis import Diagnosis, diagnose
from nnkit.inference.fitted import Fitted
from nnkit.inference.gradient_check import GradientReport, check_gradient
from nnkit.inference.intervals import Intervals, intervals
from nnkit.inference.leverage import Influence, influence
from nnkit.inference.prediction import Predictor
from nnkit.inference.sensitivities import Sensitivities, sensitivities
from nnkit.inference.timing import LayerTime, layer_times

__all__ = [
    "Diagnosis",
    "Fitted",
    "GradientReport",
    "Influence",
    "Intervals",
    "LayerTime",
    "Predictor",
    "Sensitivities",
    "check_gradient",
    "diagnose",
    "influence",
    "intervals",
    "layer_times",
    "sensitivities",
]
