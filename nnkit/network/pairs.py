"""Does the output activation fit the loss? What does not is said before the first step."""

from __future__ import annotations

import warnings

from nnkit.errors import SpecError, TrainingWarning
from nnkit.interfaces import Activation, Loss

__all__ = ["check_pair"]


def check_pair(activation: Activation | None, loss: Loss, outputs: int) -> None:
    """Warn of predictions outside the loss' domain; refuse a distribution over a single class.

    Raises:
        SpecError: For one output that can only be 1.
    """
    if activation is not None and not activation.declares_traits:
        return
    head = "no output activation" if activation is None else type(activation).__name__
    who = type(loss).__name__
    simplex = activation is not None and activation.simplex
    log_simplex = activation is not None and activation.log_simplex
    if (simplex or log_simplex) and outputs == 1:
        raise SpecError(
            f"{head} with one output always predicts {'1' if simplex else '0'}: use 'sigmoid' with "
            "'binary_crossentropy' for two classes, or one output for each class"
        )
    low, high = (float("-inf"), float("inf")) if activation is None else activation.range
    domain = loss.prediction_domain
    advice = ""
    if domain == "simplex" and not simplex:
        advice = "expects rows of probabilities: use output_activation='softmax'"
        if outputs == 1:
            advice = "needs one output for each class: use 'binary_crossentropy' with 'sigmoid' for a single output"
    elif domain == "log_simplex" and not log_simplex:
        advice = "expects rows of log-probabilities: use output_activation='log_softmax'"
    elif domain == "unit" and (low < 0 or high > 1):
        advice = "expects predictions from 0 to 1: use output_activation='sigmoid'"
    elif domain == "unit" and simplex:
        advice = "judges each output alone: use 'categorical_crossentropy' with a softmax"
    elif domain == "nonnegative" and low < 0:
        advice = "expects predictions from 0 on: use output_activation='softplus'"
    if advice:
        warnings.warn(f"{who} {advice} (here: {head}, {outputs} outputs)", TrainingWarning, stacklevel=4)
