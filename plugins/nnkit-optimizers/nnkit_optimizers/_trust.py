"""What LAMB and LARS share: the ratio of two norms."""

from __future__ import annotations

import numpy as np

from nnkit.arrays import Array


def trust_ratio(weight: Array, step: Array, trust: float = 1.0) -> float:
    """``trust * ||weight|| / ||step||``; 1 where either norm is 0, so that a weight of zeros can move."""
    length, step_length = float(np.linalg.norm(weight)), float(np.linalg.norm(step))
    return 1.0 if length == 0.0 or step_length == 0.0 else trust * length / step_length
