"""What ``nnkit doctor`` finds out; every answer is about this process unless it says otherwise."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit import Network, __version__
from nnkit.core.state import Plan
from nnkit.cpu import NARROW, NEEDED, VARIABLE, WIDE, cpu_flags
from nnkit.inference.compiled import epoch_kernel
from nnkit.interfaces import Optimizer
from nnkit.plugins import providers as all_providers

__all__ = [
    "ONE_THREAD",
    "VARIABLE",
    "WORTH",
    "Kernels",
    "alternatives",
    "by_turns",
    "cpu",
    "kernels",
    "measured",
    "providers",
    "steps",
    "versions",
]

ONE_THREAD = "OPENBLAS_NUM_THREADS=1"

ROUNDS = 3
"""How often every setting is measured, by turns."""

WORTH = 1.05
"""From this gain on a setting is recommended."""

PROGRAM = """
import time, numpy
a = numpy.full((512, 512), 0.5, numpy.float32); b = a.copy(); c = a.copy()
best = 9.0
for _ in range(60):
    began = time.perf_counter(); a.dot(b, c); best = min(best, time.perf_counter() - began)
print(512 ** 3 / best / 1e6)
"""


@attrs.frozen
class Kernels:
    """The BLAS under numpy.

    Args:
        name: ``openblas``, ``mkl``, ``accelerate``, …
        version: Its version, where it is known.
        architecture: The CPU whose kernels it runs, where it is known.
        threads: How many threads it uses, where it is known.
    """

    name: str
    version: str = ""
    architecture: str = ""
    threads: int = 0

    @property
    def described(self) -> str:
        """One line."""
        parts = [f"{self.name} {self.version}".strip()]
        parts += [f"kernels for {self.architecture}"] if self.architecture else ["kernels not known"]
        parts += [f"{self.threads} threads"] if self.threads else []
        asked = os.environ.get(VARIABLE)
        return ", ".join([*parts, f"{VARIABLE}={asked}"] if asked else parts)


def versions() -> list[tuple[str, str]]:
    """What runs."""
    return [
        ("nnkit-core", __version__),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("numpy", np.__version__),
    ]


def kernels() -> Kernels:
    """As threadpoolctl sees it, where that is installed; by asking OpenBLAS itself otherwise."""
    try:
        import threadpoolctl
    except ModuleNotFoundError:
        return _asked()
    found = [entry for entry in threadpoolctl.threadpool_info() if entry.get("user_api") == "blas"]
    if not found:
        return _asked()
    first: dict[str, Any] = found[0]
    version, architecture = first.get("version") or "", first.get("architecture") or ""
    return Kernels(first["internal_api"], version, architecture, first["num_threads"])


def _asked() -> Kernels:
    """From numpy's build notes, and from the OpenBLAS in its wheel."""
    notes: Any = np.show_config(mode="dicts")
    blas = notes["Build Dependencies"]["blas"]
    plain = Kernels(blas["name"], blas["version"])
    folder = Path(np.__file__).parent.parent / "numpy.libs"
    for library in sorted(folder.glob("*openblas*")):
        opened = ctypes.CDLL(str(library))
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("", "")):
            name = getattr(opened, f"{prefix}openblas_get_corename{suffix}", None)
            if name is not None:
                name.restype = ctypes.c_char_p
                threads = getattr(opened, f"{prefix}openblas_get_num_threads{suffix}")
                return attrs.evolve(plain, architecture=name().decode(), threads=int(threads()))
    return plain


def cpu() -> str:
    """How many cores, and the widest vectors."""
    flags = cpu_flags()
    widest = "AVX-512" if flags >= NEEDED else "AVX2" if "avx2" in flags else platform.machine()
    return f"{os.cpu_count()} cores, {widest}" + ("" if flags else " (its abilities are not known here)")


def alternatives(found: Kernels) -> dict[str, dict[str, str]]:
    """Settings that may be faster, by what is printed of them: other kernels that the CPU can run; one thread."""
    settings: dict[str, dict[str, str]] = {}
    flags = cpu_flags()
    if "openblas" in found.name.lower():
        able = {WIDE: flags >= NEEDED, NARROW: "avx2" in flags}
        for kernel in (name for name, can in able.items() if can and name.lower() != found.architecture.lower()):
            settings[f"{VARIABLE}={kernel}"] = {VARIABLE: kernel}
        if found.threads > 1:
            settings[ONE_THREAD] = {"OPENBLAS_NUM_THREADS": "1"}
    return settings


def by_turns(settings: dict[str, dict[str, str]]) -> dict[str, float]:
    """The best of some rounds for each, taken by turns, so that a busy moment falls on all alike."""
    best = dict.fromkeys(settings, 0.0)
    for _ in range(ROUNDS):
        for name, variables in settings.items():
            best[name] = max(best[name], measured(variables))
    return best


def measured(settings: dict[str, str]) -> float:
    """Millions of multiplications and additions a second in a new process with these variables set."""
    run = subprocess.run(  # noqa: S603  # this very Python, and a program that stands above
        [sys.executable, "-c", PROGRAM], env=dict(os.environ) | settings, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def providers() -> list[tuple[str, str]]:
    """The distributions with plugins, and the state of each once everything in them has been imported."""
    lines = []
    for provider in all_providers(check=True):
        parts = sum(len(names) for names in provider.parts.values())
        what = f"{parts} part{'s' * (parts > 1)}" if parts else "no named parts"
        state = "broken" if provider.state == "failed" else provider.state
        why = f": {provider.reason}" if provider.reason else ""
        lines.append(("plugin", f"{provider.distribution} {provider.version}, {what}, {state}{why}"))
    return lines


def steps() -> str:
    """What makes the steps of a small training here: a compiled kernel for many batches, or each part in turn."""
    net = Network([64, 64, 10], seed=0)
    plan = Plan(first_epoch=0, last_epoch=1, batch_size=32, samples=32, sampling="shuffle", data="", validation=None)
    assert isinstance(net.optimizer, Optimizer)
    kernel = epoch_kernel(net.model, net.optimizer, plan, np.dtype(np.float32))
    what = "one at a time" if kernel is None else kernel.name
    return f"{what} (64-64-10, batches of 32)"
