"""The hook module: registers the margin losses from one table."""

from __future__ import annotations

from nnkit.plugins import Registrar, hookimpl

MARGINS = {
    "smooth_hinge": "nnkit_losses.smooth_hinge:SmoothHinge",
    "squared_hinge": "nnkit_losses.squared_hinge:SquaredHinge",
}


@hookimpl
def nnkit_register(registrar: Registrar) -> None:
    """Register the margin losses; nothing of them is imported here."""
    for name, target in MARGINS.items():
        registrar.add("loss", name, target)
