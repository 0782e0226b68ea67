"""``make bench``: every library in its own process, by turns, with tables and a JSON file as the result.

Each library waits in a process of its own with the same number of threads. What is to be measured
is prepared and run once in all of them; then they take turns, A B C A B C, so that whatever else
the machine does affects all alike, with a pause after each, so that no library's idle threads delay the
turn of the next. A turn is as many epochs (or calls) as fill the given time; of a training, with a fresh network.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import judging  # noqa: E402  # its folder is on the path now
import page  # noqa: E402
from turns import LIBRARIES, Library, by_epoch, by_turns, starts  # noqa: E402
from workloads import JACOBIANS, NETWORKS, ROWS, SCALING, TRAININGS  # noqa: E402

SECTIONS = ("training", "epochs", "inference", "jacobians", "scaling", "start")
SLOW = "torch compiled"
"""It compiles for many seconds, so it takes part in two trainings alone."""


def main() -> int:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few minutes: fewer and shorter turns")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--coretype", help="OPENBLAS_CORETYPE of every process, such as HASWELL or SKYLAKEX")
    parser.add_argument("--only", help="names of libraries, by commas")
    parser.add_argument("--workloads", default=",".join(TRAININGS), help="names of trainings, by commas")
    parser.add_argument("--sections", help=f"of {','.join(SECTIONS)}; --quick leaves out epochs, scaling and start")
    parser.add_argument("--into", type=Path, help="a page, such as docs/performance.md, whose tables are replaced")
    parser.add_argument("--state", default="as it comes", help="whose marks on the page: as it comes, forced, …")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", help="where the results go")
    options = parser.parse_args()
    timing: dict[str, Any] = {"rounds": 3, "seconds": 0.05} if options.quick else {"rounds": 5, "seconds": 0.3}
    wanted = options.only.split(",") if options.only else list(LIBRARIES)
    sections = (options.sections or ("training,inference,jacobians" if options.quick else ",".join(SECTIONS))).split(
        ","
    )
    report: dict[str, Any] = {"machine": page.machine(options.threads, options.coretype), "quick": options.quick}
    libraries = [Library(label, options.threads, options.coretype) for label in LIBRARIES if label in wanted]
    usual = [library for library in libraries if library.label != SLOW]
    ours = [library for library in libraries if library.label in {"products", *judging.OURS}]
    report["libraries"] = {library.label: library.problem or library.version for library in libraries}
    facts = [f"{key}: {value}" for key, value in report["machine"].items()]
    facts += [f"{each.label}: {f'missing, {each.problem}' if each.problem else each.version}" for each in libraries]
    texts: list[str] = []

    def show(text: str) -> None:
        texts.append(text)
        print(f"\n{text}", flush=True)

    def show_list(lines: list[str]) -> None:
        if lines:
            show("\n".join(f"- {line}" for line in lines))

    show("```text\n" + "\n".join(facts) + "\n```")
    if "training" in sections:
        loads = {name: TRAININGS[name] for name in options.workloads.split(",")}
        rows = {
            name: by_turns(libraries if name in list(TRAININGS)[:4:3] else usual, "train", [name], fresh=True, **timing)
            for name in loads
        }
        report["training"] = rows
        full = {f"{name}, batch {load.batch}, {load.samples}": rows[name] for name, load in loads.items()}
        show(page.table("training, ms an epoch", 1e3, full, LIBRARIES))
        watched = by_turns(
            [library for library in ours if library.label != "products"],
            ("train", "train_watched"),
            ["2-8-4-2"],
            **timing,
        )
        report["watched"] = watched
        show_list(judging.of_trainings(rows) + judging.watching(watched))
    if "epochs" in sections:
        some = [each for each in usual if each.label in {*judging.OURS, "torch fused", "jax scan"}]
        later = by_epoch(some, "64-64-10", (1, 100, 1_000), rounds=3, span=5)
        report["epochs"] = {f"64-64-10, from epoch {place}": row for place, row in later.items()}
        show(page.table("the same training later, ms an epoch", 1e3, report["epochs"], LIBRARIES))
    if "inference" in sections:
        rows = {f"{n}, {count}": by_turns(usual, "infer", [n, count], **timing) for n in NETWORKS for count in ROWS}
        report["inference"] = rows
        show(page.table("inference, us a call", 1e6, rows, LIBRARIES))
        show_list(judging.ahead(rows, "predictor", *judging.OURS))
    if "jacobians" in sections:
        rows = {
            f"{what}, {n}": by_turns(usual, what, [n], **timing)
            for what in ("per_sample_gradients", "parameter_jacobian", "five_lm_steps")
            for n in JACOBIANS
        }
        report["jacobians"] = rows
        show(page.table("Jacobians, ms a call", 1e3, rows, LIBRARIES))
        show_list(judging.ahead(rows, *judging.OURS))
    if "scaling" in sections:
        rows = {name: by_turns(ours, "train", [name], **timing) for name in SCALING}
        report["scaling"] = rows
        show(page.table("cost, ms an epoch", 1e3, rows, LIBRARIES))
    for library in libraries:
        library.close()
    if "start" in sections:
        labels = [library.label for library in usual if not library.problem and "train" in library.offers]
        rows = starts(labels[1:], "2-8-4-2", rounds=3, threads=options.threads, coretype=options.coretype)
        report["start"] = rows
        show(page.table("a new process until its first epoch of 2-8-4-2", 1.0, rows, LIBRARIES))
    report["machine"]["state after"] = page.state_of_machine()
    show(f"State of the machine afterwards: {report['machine']['state after']}")
    if options.into:
        page.write_into(options.into, options.state, texts)
    options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
