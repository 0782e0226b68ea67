"""Kernels compiled for CPUs with fewer instructions than this one: the results of the plain parts."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from nnkit import Dense, Network
from nnkit.plugins import disabled
from nnkit_numba import tiles
from nnkit_numba.tiles import cpu_target

rng = np.random.default_rng(0)

def network(hidden):
    return Network(
        [30, *hidden, Dense(10, "softmax")],
        loss="sparse_categorical_crossentropy", optimizer="adam", dtype="float32", seed=1,
    )

def compared(hidden, rows, batch, kernel, packed=True):
    x, y = rng.normal(size=(rows, 30)).astype(np.float32), rng.integers(0, 10, rows)
    nets = [network(hidden), network(hidden)]
    start = nets[0].parameters.copy()
    nets[0].fit(x, y, epochs=1, batch_size=batch)
    with disabled("nnkit-numba"):
        nets[1].fit(x, y, epochs=1, batch_size=batch)
        expected = nets[0].predict(x)
    assert bool(nets[0]._contents()[2].plan.kernel) is kernel
    assert not np.allclose(start, nets[1].parameters, atol=1e-3)
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-3, atol=2e-5)
    predictor = nets[0].predictor()
    assert predictor.compiled is packed
    for few in (1, 3, rows):
        np.testing.assert_allclose(predictor.predict(x[:few]), expected[:few], rtol=1e-4, atol=1e-6)

compared([Dense(37, "relu"), "dropout(rate=0.2)", Dense(21, "tanh")], 75, 16, True)
compared([Dense(160, "sigmoid"), Dense(150, "relu")], 160, 80, False)
compared(["periodic_embedding"], 75, 16, False, packed=False)
print(tiles.BYTES, *cpu_target.target_context.codegen().magic_tuple()[1:])
"""

TARGETS = {
    "generic": ({"NUMBA_CPU_NAME": "generic"}, 16, set()),
    "haswell": ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"}, 32, {"+avx2"}),
    "without AVX2": ({"NUMBA_CPU_NAME": "sandybridge", "NUMBA_CPU_FEATURES": "+avx,-avx2,-fma"}, 32, {"-avx2"}),
}


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="targets of x86")
@pytest.mark.parametrize("name", TARGETS)
def test_training_and_prediction_compiled_for_another_cpu(name):
    setting, width, features = TARGETS[name]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=os.environ | {"NNKIT_PLUGINS": "nnkit-numba"} | setting, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    bytes_of_a_vector, target, *compiled_for = run.stdout.split()
    assert int(bytes_of_a_vector) == width
    assert target == setting["NUMBA_CPU_NAME"]
    assert features <= set(",".join(compiled_for).split(","))
