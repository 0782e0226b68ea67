"""What the Jacobian of a trained network tells: how sure it is, what it listens to, what it does not use."""

from nnkit.inference.diagnosis import Diagnosis, diagnose
from nnkit.inference.intervals import Intervals, intervals
from nnkit.inference.leverage import Influence, influence
from nnkit.inference.sensitivities import Sensitivities, sensitivities

__all__ = [
    "Diagnosis",
    "Influence",
    "Intervals",
    "Sensitivities",
    "diagnose",
    "influence",
    "intervals",
    "sensitivities",
]
