"""The kit checks every compiled counterpart like any part: reference, plain methods, resumption."""

import pytest

from nnkit.testing import conformance
from nnkit_numba.adam import CompiledAdam
from nnkit_numba.adamw import CompiledAdamW
from nnkit_numba.crossentropy import CompiledCategoricalCrossentropy
from nnkit_numba.dense import CompiledDense
from nnkit_numba.periodic_embedding import CompiledPeriodicEmbedding
from nnkit_numba.rmsprop import CompiledRMSprop
from nnkit_numba.sgd import CompiledSGD
from nnkit_numba.sparse_crossentropy import CompiledSparseCategoricalCrossentropy

pytestmark = pytest.mark.no_cover  # other tests run the same lines; recording them doubles the time

test_conformance = conformance(
    CompiledAdam,
    CompiledAdamW,
    CompiledCategoricalCrossentropy,
    CompiledDense,
    CompiledPeriodicEmbedding,
    CompiledRMSprop,
    CompiledSGD,
    CompiledSparseCategoricalCrossentropy,
)
