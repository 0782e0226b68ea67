"""The CPU's features, as Linux reports them, and the OpenBLAS kernels that suit it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["NARROW", "NEEDED", "VARIABLE", "WIDE", "advised", "cpu_flags", "kernels_to_ask_for"]

VARIABLE = "OPENBLAS_CORETYPE"
"""The environment variable that OpenBLAS reads once, when it is loaded."""

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

    OpenBLAS detects Intel's correctly, and naming a kernel there could only replace a newer one. On AMD's Zen 4, whose
    units are half as wide, the kernels for AVX2 are a tenth faster in one large product (105 against 95 billion
    operations a second and core, OpenBLAS 0.3.31) and slower in small ones; on Zen 5 those for AVX-512 are 1.7 times
    as fast.
    """
    return vendor == "AuthenticAMD" and family >= ZEN_5 and flags >= NEEDED


def cpu_flags() -> frozenset[str]:
    """The CPU's features, by Linux' names; empty where they are unknown."""
    return frozenset(_cpuinfo("flags").split())


def _cpu_family() -> int:
    """The family within the maker's models; 0 where it is unknown."""
    family = _cpuinfo("cpu family")
    return int(family) if family.isdigit() else 0


def _cpuinfo(key: str) -> str:
    try:
        with CPUINFO.open(encoding="utf-8", errors="replace") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
    except OSError:
        return ""
