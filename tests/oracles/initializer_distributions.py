"""The initializers next to their distributions, and one way to draw from them."""

import math

import numpy as np
from scipy import stats

from nnkit.initializers.constant import Constant
from nnkit.initializers.glorot_normal import GlorotNormal
from nnkit.initializers.glorot_uniform import GlorotUniform
from nnkit.initializers.he_normal import HeNormal
from nnkit.initializers.he_uniform import HeUniform
from nnkit.initializers.lecun_normal import LecunNormal
from nnkit.initializers.lecun_uniform import LecunUniform
from nnkit.initializers.normal import Normal
from nnkit.initializers.ones import Ones
from nnkit.initializers.orthogonal import Orthogonal
from nnkit.initializers.truncated_normal import TruncatedNormal
from nnkit.initializers.uniform import Uniform
from nnkit.initializers.variance_scaling import VarianceScaling
from nnkit.initializers.xavier_average import XavierAverage
from nnkit.initializers.zeros import Zeros

SHAPE = FAN_IN, FAN_OUT = 500, 300  # 150,000 elements
FAN_AVG, FAN_SUM = 400, 800


def normal(mean, variance):
    return stats.norm(mean, math.sqrt(variance))


def uniform(mean, variance):
    half = math.sqrt(3.0 * variance)
    return stats.uniform(mean - half, 2.0 * half)


def cut(mean, variance):
    """The normal distribution cut at two standard deviations that has this variance after the cut."""
    return stats.truncnorm(-2.0, 2.0, loc=mean, scale=math.sqrt(variance / stats.truncnorm(-2.0, 2.0).var()))


DISTRIBUTIONS = [
    (Normal(), normal(0.0, 0.05**2)),
    (Normal(mean=3.0, stddev=2.0), normal(3.0, 4.0)),
    (Uniform(), stats.uniform(-0.05, 0.1)),
    (Uniform(low=2.0, high=5.0), stats.uniform(2.0, 3.0)),
    (TruncatedNormal(), stats.truncnorm(-2.0, 2.0, scale=0.05)),
    (TruncatedNormal(mean=-1.0, stddev=3.0), stats.truncnorm(-2.0, 2.0, loc=-1.0, scale=3.0)),
    (GlorotNormal(), cut(0.0, 2.0 / (FAN_IN + FAN_OUT))),
    (GlorotUniform(), uniform(0.0, 2.0 / (FAN_IN + FAN_OUT))),
    (HeNormal(), cut(0.0, 2.0 / FAN_IN)),
    (HeUniform(), uniform(0.0, 2.0 / FAN_IN)),
    (LecunNormal(), cut(0.0, 1.0 / FAN_IN)),
    (LecunUniform(), uniform(0.0, 1.0 / FAN_IN)),
    (XavierAverage(), normal(0.0, 1.0 / (FAN_IN + FAN_OUT))),
    (VarianceScaling(), cut(0.0, 1.0 / FAN_IN)),
    *(
        (VarianceScaling(scale=3.0, mode=mode, distribution=name), make(0.0, 3.0 / fan))
        for mode, fan in (("fan_in", FAN_IN), ("fan_out", FAN_OUT), ("fan_avg", FAN_AVG), ("fan_sum", FAN_SUM))
        for name, make in (("truncated_normal", cut), ("normal", normal), ("uniform", uniform))
    ),
]
FIXED = [(Zeros(), 0.0), (Ones(), 1.0), (Constant(), 0.0), (Constant(value=-2.5), -2.5)]
EVERY = [*(each[0] for each in DISTRIBUTIONS), *(each[0] for each in FIXED), Orthogonal(), Orthogonal(gain=0.5)]


def draw(initializer, shape=SHAPE, dtype=np.float64, seed=3):
    return initializer.sample(shape, FAN_IN, FAN_OUT, np.random.default_rng(seed), np.dtype(dtype))
