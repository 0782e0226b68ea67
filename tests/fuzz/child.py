"""Examines a stretch of cases in a process of its own, with limits of memory and time.

``python child.py kind seed first last bases``: one line of JSON a case that went wrong, and a last one with counts.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from fuzz import cases  # the tests are no package

MEMORY = 200 << 20
SECONDS = 5.0
FORBIDDEN = (
    "pickle.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.",
    "socket.",
    "ctypes.dlopen",
    "code.",
)


class ForbiddenError(BaseException):
    """Something was executed that no file may cause."""


class TooSlowError(BaseException):
    """A case took too long."""


class Watch:
    """Within the context, everything that executes code is refused by an audit hook."""

    active = False

    def __enter__(self):
        Watch.active = True

    def __exit__(self, *reason):
        Watch.active = False


def hook(event, arguments):
    if Watch.active and event.startswith(FORBIDDEN):
        raise ForbiddenError(event)


def too_slow(signum, frame):
    raise TooSlowError


def one_case(kind, rng, bases, scratch):
    """Make a case, then examine it under the limits."""
    if kind == "models":
        content, examine = cases.model_file(rng, bases), cases.examine_model
    elif kind == "archives":
        cases.archive_folder(rng, bases, scratch / "archive")
        content, examine = scratch / "archive", cases.examine_archive
    else:
        content, examine = cases.config(rng, bases), cases.examine_config
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return examine(content)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def virtual_bytes():
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def resident_bytes(name):
    """``VmRSS``, the memory in use, or ``VmHWM``, the most since the last call of ``forget_peak``."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) << 10


def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")


def main():
    kind, seed, first, last, bases = (
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        Path(sys.argv[5]),
    )
    counts = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for _ in cases.networks():  # imports parts and compiles what is compiled
            pass
        cases.examine_model((bases / "model-1.npz").read_bytes())
        sys.addaudithook(hook)
        cases.watched = Watch
        signal.signal(signal.SIGALRM, too_slow)
        limit = virtual_bytes() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        start, peak, largest = resident_bytes("VmRSS"), 0, first
        for index in range(first, last):
            print(json.dumps({"begin": index}), flush=True)
            forget_peak()
            began = time.perf_counter()
            try:
                counts[one_case(kind, np.random.default_rng([seed, index]), bases, Path(scratch))] += 1
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is what is looked for
                counts["wrong"] += 1
                shown = "".join(traceback.format_exception(error)[-6:])
                print(json.dumps({"wrong": index, "error": repr(error)[:300], "trace": shown[-3000:]}), flush=True)
            counts["slowest ms"] = max(counts["slowest ms"], round(1000 * (time.perf_counter() - began)))
            used = resident_bytes("VmHWM") - start
            if used > peak:
                peak, largest = used, index
            if used > MEMORY:
                print(json.dumps({"wrong": index, "error": f"{used >> 20} MB above the start"}), flush=True)
            if any(Path(scratch).glob("nnkit-was-here*")):
                print(json.dumps({"wrong": index, "error": "a payload was executed"}), flush=True)
        print(json.dumps({"counts": counts, "peak MB": peak >> 20, "largest": largest}), flush=True)


if __name__ == "__main__":
    main()
