"""What must be settled before numpy is imported, because its BLAS looks at the environment only once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["NARROW", "VARIABLE", "WIDE", "advised", "cpu_family", "cpu_flags", "cpu_vendor", "prepare"]

VARIABLE = "OPENBLAS_CORETYPE"
WIDE = "SKYLAKEX"
"""OpenBLAS' name of its kernels for AVX-512."""
NARROW = "HASWELL"
"""OpenBLAS' name of its kernels for AVX2."""

ZEN_5 = 26
"""The family of AMD's first CPUs whose units are as wide as AVX-512's vectors."""

NEEDED = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
CPUINFO = Path("/proc/cpuinfo")


def prepare() -> None:
    """Ask for the AVX-512 kernels where OpenBLAS would take lesser ones; never over the user's own setting."""
    if "numpy" in sys.modules or VARIABLE in os.environ:
        return
    if advised(cpu_vendor(), cpu_family(), cpu_flags()):
        os.environ[VARIABLE] = WIDE


def advised(vendor: str, family: int, flags: frozenset[str]) -> bool:
    """Whether to ask: the CPU gains, and its maker is the one whose newer models OpenBLAS takes for a Haswell.

    Intel's it knows by itself, and to name a kernel there could only take a newer one away. On AMD's Zen 4, whose
    units are half as wide, the kernels for AVX2 are a tenth faster than those for AVX-512 (measured: 105 against 95
    billion operations a second and core, OpenBLAS 0.3.31); on Zen 5 those for AVX-512 are 1.7 times as fast.
    """
    return vendor == "AuthenticAMD" and family >= ZEN_5 and flags >= NEEDED


def cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux' words; empty where nobody says."""
    return frozenset(_cpuinfo("flags").split())


def cpu_vendor() -> str:
    """``AuthenticAMD``, ``GenuineIntel``, …; empty where nobody says."""
    return _cpuinfo("vendor_id")


def cpu_family() -> int:
    """The family within the maker's models; 0 where nobody says."""
    said = _cpuinfo("cpu family")
    return int(said) if said.isdigit() else 0


def _cpuinfo(key: str) -> str:
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
    except OSError:
        return ""
