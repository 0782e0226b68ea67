"""The recipe "fitnet" on small data: Boston on its published splits, and how often intervals cover new targets.

Boston's 20 splits of 90 % training and 10 % test rows are those of Hernández-Lobato & Adams (2015), "Probabilistic
Backpropagation for Scalable Learning of Bayesian Neural Networks": one generator with the seed 1 draws all
permutations. The intervals are those of ten tables of one half of ``tabular_data.py``: 500 rows train, up to 2,000 of
the others are predicted. Each result is added to a file of records as soon as it is there, and is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabular import put, read_records
from tabular_data import REPORTED, TUNED, table_of

import nnkit

RECORDS = Path(__file__).parent / "fitnet.jsonl"
SPLITS = 20
TRAINING_ROWS, MOST_TEST_ROWS, LEVEL = 500, 2000, 0.95
COVERED = {
    "reported": (
        "Ecdat/Computers ISLR/Wage ggplot2/diamonds mlmRev/Exam modeldata/car_prices modeldata/concrete "
        "mosaicData/SaratogaHouses nlme/MathAchieve robustbase/NOxEmissions wooldridge/wage2"
    ),
    "tuned": (
        "AER/CollegeDistance AER/PhDPublications Ecdat/Bwages Ecdat/Wages carData/SLID datasets/quakes "
        "gapminder/gapminder geepack/dietox modeldata/Sacramento wooldridge/gpa2"
    ),
}


def cases(half: str) -> Iterator[tuple[str, dict[str, Any], np.ndarray, np.ndarray]]:
    """Name, table, training rows and test rows of each fit."""
    if half == "reported":
        generator = np.random.RandomState(1)  # the published splits are this generator's
        rows = len(table_of("MASS/Boston", REPORTED["MASS/Boston"])[1])
        for split in range(SPLITS):
            order = generator.choice(range(rows), rows, replace=False)
            cut = round(rows * 0.9)
            yield f"MASS/Boston, split {split}", REPORTED["MASS/Boston"], order[:cut], order[cut:]
    for name in COVERED[half].split():
        options = {**TUNED, **REPORTED}[name]
        order = np.random.default_rng(0).permutation(len(table_of(name, options)[1]))
        yield name, options, order[:TRAINING_ROWS], order[TRAINING_ROWS : TRAINING_ROWS + MOST_TEST_ROWS]


def run_one(name: str, options: dict[str, Any], train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """One fit and its record."""
    X, y = table_of(name.partition(",")[0], options)
    began = time.process_time()
    model = nnkit.fit_recipe("fitnet", X.iloc[train].reset_index(drop=True), y[train], task="regression", seed=0)
    bounds = model.intervals(X.iloc[test].reset_index(drop=True), level=LEVEL)
    error = bounds.prediction[:, 0] - y[test]
    covered = (bounds.lower[:, 0] <= y[test]) & (y[test] <= bounds.upper[:, 0])
    return {
        "table": name,
        "rows": len(train),
        "test_rows": len(test),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "1 - R2": float(np.mean(error**2) / np.var(y[test])),
        "covered": float(covered.mean()),
        "width": float(np.mean(bounds.upper - bounds.lower) / y[test].std()),
        "cpu_seconds": round(time.process_time() - began, 2),
    }


def summary(records: list[dict[str, Any]], half: str) -> Iterator[str]:
    """The results in Markdown."""
    frame = pd.DataFrame(records)
    boston = frame[frame.table.str.startswith("MASS/Boston, ")]
    if half == "reported" and len(boston):
        yield (
            f"`fitnet` on {len(boston)} of the {SPLITS} published splits of Boston: RMSE {boston.rmse.mean():.2f} ± "
            f"{boston.rmse.sem():.2f} (median {boston.rmse.median():.2f}), {LEVEL:.0%} intervals cover "
            f"{boston.covered.mean():.1%}; {boston.cpu_seconds.median():.1f} s of the processor each.\n"
        )
    own = frame[frame.table.isin(COVERED[half].split())]
    if len(own):
        pooled = np.average(own.covered, weights=own.test_rows)
        yield f"{LEVEL:.0%} intervals of `fitnet` on {len(own)} tables cover {pooled:.1%} of all test rows:\n"
        yield "| table | training rows | test rows | 1 - R2 | covered | width / stddev of y |"
        yield "|---|---:|---:|---:|---:|---:|"
        for row in own.sort_values("table").to_dict("records"):
            yield (
                f"| {row['table']} | {row['rows']} | {row['test_rows']} | {row['1 - R2']:.3f} | {row['covered']:.1%} | "
                f"{row['width']:.2f} |"
            )


def main() -> None:
    """Compute what is not recorded yet, and summarize."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=tuple(COVERED), default="reported")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no training after this time")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--write", action="store_true", help="put the summary into docs/tabular.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    ends = time.monotonic() + arguments.minutes * 60.0
    done = {record["table"] for record in read_records(arguments.records)}
    for case in cases(arguments.half):
        if case[0] not in done and time.monotonic() < ends:
            with arguments.records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(run_one(*case)) + "\n")
    text = "\n".join(summary(read_records(arguments.records), arguments.half))
    print(text)
    if arguments.write:
        put("fitnet", text)


if __name__ == "__main__":
    main()
