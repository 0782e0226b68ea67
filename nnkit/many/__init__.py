"""Many fits in one call, and the ensemble of the networks that come out of them."""

from nnkit.many.calibration import LeftOut, Limits
from nnkit.many.ensemble import Ensemble
from nnkit.many.fits import Fit, Fits, fit_many
from nnkit.many.recipes import fit_recipe

__all__ = ["Ensemble", "Fit", "Fits", "LeftOut", "Limits", "fit_many", "fit_recipe"]
