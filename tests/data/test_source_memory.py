"""The memory that a training on a source takes, measured in a process of its own."""

import subprocess
import sys

import pytest

MEASURED = """
import resource
import numpy as np
import nnkit
from nnkit.data import Rows

class Stored:
    shape = (25_000, 784)

    def __getitem__(self, rows):
        return np.full((len(range(*rows.indices(self.shape[0]))), 784), 7, dtype=np.float64)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

y = np.zeros(25_000)
network = nnkit.Network([784, 4, 1], seed=0, dtype="float32")
network.fit(Stored()[:9], y[:9], epochs=1)
before = peak()
network.fit(Rows(Stored(), y), epochs=1, batch_size=4096)
print(peak() - before)
"""


def test_the_memory_of_a_training_does_not_depend_on_the_number_of_rows():
    pytest.importorskip("resource", reason="peak memory is read where the system reports it")
    result = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 75  # of 150
