"""What the CPU can do, as Linux says it, and which of OpenBLAS' kernels it should be given."""

from __future__ import annotations

from pathlib import Path

__all__ = ["NARROW", "NEEDED", "VARIABLE", "WIDE", "advised", "cpu_flags", "kernels_to_ask_for"]

VARIABLE = "OPENBLAS_CORETYPE"
"""OpenBLAS looks at it once, when it is loaded."""

WIDE = "SKYLAKEX"
"""OpenBLAS' name of its kernels for AVX-512."""
NARROW = "HASWELL"
"""OpenBLAS' name of its kernels for AVX2."""

ZEN_5 = 26
"""The family of AMD's first CPUs whose units are as wide as AVX-512's vectors."""

NEEDED = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
CPUINFO = Path("/proc/cpuinfo")


def kernels_to_ask_for() -> str | None:
    """The kernels that OpenBLAS should be asked for on this machine; ``None`` where it chooses well by itself."""
    return WIDE if advised(_cpuinfo("vendor_id"), _cpu_family(), cpu_flags()) else None


def advised(vendor: str, family: int, flags: frozenset[str]) -> bool:
    """Whether to ask for AVX-512: the CPU gains, and its maker is the one whose newer models OpenBLAS misjudges.

    Intel's it knows by itself, and to name a kernel there could only take a newer one away. On AMD's Zen 4, whose
    units are half as wide, the kernels for AVX2 are a tenth faster in one large product (105 against 95 billion
    operations a second and core, OpenBLAS 0.3.31) and slower in small ones; on Zen 5 those for AVX-512 are 1.7 times
    as fast.
    """
    return vendor == "AuthenticAMD" and family >= ZEN_5 and flags >= NEEDED


def cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux' words; empty where nobody says."""
    return frozenset(_cpuinfo("flags").split())


def _cpu_family() -> int:
    """The family within the maker's models; 0 where nobody says."""
    said = _cpuinfo("cpu family")
    return int(said) if said.isdigit() else 0


def _cpuinfo(key: str) -> str:
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
    except OSError:
        return ""
