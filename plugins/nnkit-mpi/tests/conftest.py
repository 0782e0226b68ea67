"""``mpirun`` of the environment that runs the tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

collect_ignore = ["programs.py"]  # a program, not a test

PROGRAMS = Path(__file__).with_name("programs.py")
SECONDS = 600
"""A program that is not done by then hangs."""

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PMI", "MPI", "HYDRA"))},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OPENBLAS_NUM_THREADS": "1",
}


@pytest.fixture(scope="session")
def start():
    """Starts ``size`` ranks of a program of this environment."""

    def started(size, *words, **options):
        mpirun = shutil.which("mpirun", path=ENVIRONMENT["PATH"])
        assert mpirun is not None, "the tests need mpirun: pip install mpich"
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([mpirun, "-n", str(size), *map(str, words)], env=ENVIRONMENT, **pipes, **options)

    return started


@pytest.fixture(scope="session")
def finish():
    """Waits for the end of a process; returns its exit code, and what it has written to both streams."""

    def finished(process):
        try:
            out, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, out, errors

    return finished


@pytest.fixture(scope="session")
def run(start, finish):
    """Runs one of the programs in ``programs.py``; returns its exit code, and what it has written to both streams."""
    return lambda size, program, *words: finish(start(size, sys.executable, PROGRAMS, program, *words))
