"""Trainings of nnkit on several processes by MPI: ``mpirun -n 4 nnkit mpi train FILE``, or ``with ranks():``."""

from nnkit_mpi.errors import RanksError
from nnkit_mpi.processes import Ranks, ranks

__all__ = ["Ranks", "RanksError", "ranks"]
__version__ = "0.1.0"
