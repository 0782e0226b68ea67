"""What must be settled before numpy is imported, because its BLAS looks at the environment only once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["VARIABLE", "WIDE", "advised", "cpu_flags", "cpu_vendor", "prepare"]

VARIABLE = "OPENBLAS_CORETYPE"
WIDE = "SKYLAKEX"
"""OpenBLAS' name of its kernels for AVX-512."""

NEEDED = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
CPUINFO = Path("/proc/cpuinfo")


def prepare() -> None:
    """Ask for the AVX-512 kernels where OpenBLAS would take lesser ones; never over the user's own setting."""
    if "numpy" not in sys.modules and VARIABLE not in os.environ and advised(cpu_vendor(), cpu_flags()):
        os.environ[VARIABLE] = WIDE


def advised(vendor: str, flags: frozenset[str]) -> bool:
    """Whether to ask: the CPU can, and its maker is the one whose newer models OpenBLAS takes for a Haswell.

    On Intel's it chooses well by itself, and to name a kernel there could only take a newer one away.
    """
    return vendor == "AuthenticAMD" and flags >= NEEDED


def cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux' words; empty where nobody says."""
    return frozenset(_cpuinfo("flags").split())


def cpu_vendor() -> str:
    """``AuthenticAMD``, ``GenuineIntel``, …; empty where nobody says."""
    return _cpuinfo("vendor_id")


def _cpuinfo(key: str) -> str:
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
    except OSError:
        return ""
