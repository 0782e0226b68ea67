"""One library in a process of its own: prepares what it is asked for, and measures how long it takes.

Reads one JSON object a line, answers with one a line; between the two it sleeps.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from workloads import SCALING, TRAININGS


def main() -> None:
    # A library that prints must not speak into the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    library: Any = None
    prepared: dict[str, Callable[[int], Any]] = {}
    for line in sys.stdin:
        order = json.loads(line)
        reply: dict[str, Any]
        try:
            if order["do"] == "import":
                library = importlib.import_module(f"libraries.{order['library']}")
                if "torch" in library.__name__:
                    importlib.import_module("torch").set_num_threads(order["threads"])
                reply = {"version": library.version(), "offers": sorted(vars(library))}
            elif order["do"] == "prepare":
                began = time.perf_counter()
                arguments = [
                    (TRAININGS | SCALING).get(a, a) if order["what"].startswith("train") else a for a in order["with"]
                ]
                if not order["beside"]:
                    prepared.clear()
                prepared[order["what"]] = getattr(library, order["what"])(*arguments)
                prepared[order["what"]](1)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                reply = {"seconds": time.perf_counter() - began, "megabytes": peak}
            else:
                call = prepared[order["what"]]
                began = time.perf_counter()
                call(order["times"])
                reply = {"seconds": time.perf_counter() - began}
        except Exception as error:  # noqa: BLE001  # the other libraries go on
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
