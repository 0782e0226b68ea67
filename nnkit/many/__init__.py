"""Many fits in one call, and the ensemble of the networks that come out of them."""

from nnkit.many.ensemble import Ensemble
from nnkit.many.fits import Fit, Fits, fit_many

__all__ = ["Ensemble", "Fit", "Fits", "fit_many"]
