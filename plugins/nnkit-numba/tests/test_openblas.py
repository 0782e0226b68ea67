"""A copy of numpy's OpenBLAS with other kernels: numpy's own is unchanged, the environment's choice respected."""

import functools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nnkit.cpu import VARIABLE
from nnkit_numba import blas, openblas

pytestmark = [
    pytest.mark.skipif(not blas.available(), reason="numpy's BLAS is no OpenBLAS that compiled code can call"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels named here are those of x86"),
]

OTHER = "Sandybridge"
"""Kernels that every CPU of the last ten years can run, and none is advised."""


@pytest.fixture
def numpys():
    return openblas.of_numpy(("cblas_sgemm",))


def test_the_copy_runs_other_kernels_and_numpys_own_goes_on_with_its(numpys, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.delenv(VARIABLE, raising=False)
    before, environment = threadpool_info(), dict(os.environ)
    copy = openblas.copied(numpys, OTHER.upper())
    assert (copy.kernels, copy.threads) == (OTHER, 1)
    assert numpys.kernels != OTHER
    assert threadpool_info() == before
    assert dict(os.environ) == environment


def test_every_copy_is_a_library_of_its_own(numpys):
    first, second = (openblas.copied(numpys, name) for name in (OTHER, "Nehalem"))
    assert (first.kernels, second.kernels) == (OTHER, "Nehalem")


def test_kernels_that_do_not_exist_are_refused(numpys):
    with pytest.raises(OSError, match="asked for the kernels ABACUS, OpenBLAS runs those for "):
        openblas.copied(numpys, "ABACUS")


def test_a_file_that_is_no_library_is_refused(numpys, tmp_path):
    broken = tmp_path / "libopenblas.so"
    broken.write_text("no library\n" * 100)
    with pytest.raises(OSError, match="invalid ELF header"):
        openblas.copied(openblas.OpenBLAS(str(broken), numpys.library, numpys.prefix), OTHER)


SCRIPT = """
import json, logging, os, sys
os.environ["OPENBLAS_CORETYPE"] = "HASWELL"  # what OpenBLAS selects for an unknown CPU
import numpy as np
{setting}
import nnkit_numba.blas
nnkit_numba.blas.kernels_to_ask_for = lambda: {wanted!r}
{more}
messages = []
handler = logging.Handler()
handler.emit = lambda record: messages.append(record.getMessage())
logging.getLogger("nnkit.numba").addHandler(handler)
logging.getLogger("nnkit.numba").setLevel("INFO")
sys.path.insert(0, {here!r})
import test_team
parameters = test_team.trained()
print(json.dumps([nnkit_numba.blas.kernels(), [line for line in messages if "products" in line], parameters.tolist()]))
"""


@functools.cache
def trained_in_another_process(*, wanted, setting='del os.environ["OPENBLAS_CORETYPE"]', more=""):
    script = SCRIPT.format(wanted=wanted, setting=setting, more=more, here=str(Path(__file__).parent))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    kernels, messages, parameters = json.loads(ended.stdout)
    return kernels, messages, np.array(parameters)


def test_a_training_takes_the_kernels_that_the_cpu_should_be_given():
    numpys, messages, expected = trained_in_another_process(wanted=None)
    assert (numpys, messages) == ("Haswell", [])
    kernels, messages, parameters = trained_in_another_process(wanted=OTHER.upper())
    assert kernels == OTHER
    assert messages == [f"products run the kernels for {OTHER}, where numpy's BLAS runs those for Haswell"]
    # Other kernels round differently: equal, but not bit-identical.
    np.testing.assert_allclose(parameters, expected, rtol=0, atol=1e-5)
    assert not np.array_equal(parameters, expected)


def test_the_users_own_setting_stands():
    assert trained_in_another_process(wanted=OTHER.upper(), setting="")[:2] == ("Haswell", [])


def test_where_no_copy_can_be_made_numpys_own_makes_the_products_and_the_log_says_why():
    fails = 'def no(name): raise OSError(28, "No space left on device")\nos.memfd_create = no'
    kernels, messages, parameters = trained_in_another_process(wanted=OTHER.upper(), more=fails)
    assert kernels == "Haswell"
    assert messages == ["products stay with the kernels for Haswell: [Errno 28] No space left on device"]
    assert np.array_equal(parameters, trained_in_another_process(wanted=None)[2])
