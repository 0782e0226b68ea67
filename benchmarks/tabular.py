"""Recipes beside gradient boosting and other networks on real tables; the page is written from records.

Each table of ``tabular_data.py`` is split five times into 75 % training and 25 % test rows. ``--record`` trains methods
and adds a line of JSON for each table, split and method to the file of records; what is there is not trained again, so
that a run of hours (RealMLP-TD) can be interrupted. Without ``--record`` the records are summarized: mean ranks,
geometric means relative to HistGradientBoosting, times and coverage of intervals. ``--write`` puts this into
docs/tabular.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabular_data import REPORTED, TUNED, table_of

import nnkit

SPLITS = 5
BASE = "HistGradientBoosting"
PAGE = Path(__file__).parents[1] / "docs" / "tabular.md"
RECORDS = Path(__file__).parent / "tabular.jsonl"
FLOORS = {"error": 0.002, "log-loss": 0.003, "1 - R2": 1e-6}
"""Smaller values count as these in geometric means: of a few hundred test rows, none or one wrong is chance."""

Answer = dict[str, Any]
"""``prediction``: probabilities ``(N, C)`` of the sorted classes, or numbers ``(N,)``; bounds where stated."""


# -- methods -----------------------------------------------------------------------------------


def recipe(spec: str, **choices: Any) -> Callable[..., Answer]:
    """A recipe of nnkit on the table as it is."""

    def run(X: pd.DataFrame, y: np.ndarray, new: pd.DataFrame, task: str | None, seed: int) -> Answer:
        model = nnkit.fit_recipe(spec, X, y, task=task or "regression", seed=seed, **choices)
        prediction = model.predict(new)
        if task is None:
            answer = {"prediction": prediction[:, 0]}
            if model.left_out is not None:
                bounds = model.intervals(new)
                answer |= {"lower": bounds.lower[:, 0], "upper": bounds.upper[:, 0]}
            return answer
        return {"prediction": np.hstack([1.0 - prediction, prediction]) if task == "binary" else prediction}

    return run


def encoded(X: pd.DataFrame, new: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One-hot texts, medians for gaps with indicators, standardized numbers: what linear models and networks need."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    texts = [column for column in X if not pd.api.types.is_numeric_dtype(X[column])]
    X, new = (part.assign(**{c: part[c].fillna("missing") for c in texts}) for part in (X, new))
    prepared = ColumnTransformer(
        [
            ("text", OneHotEncoder(handle_unknown="ignore"), texts),
            (
                "number",
                make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
                [column for column in X if column not in texts],
            ),
        ],
        sparse_threshold=0.0,
    )
    return prepared.fit_transform(X), prepared.transform(new)


def categorical(X: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts as categories, for boosting."""
    texts = [column for column in X if not pd.api.types.is_numeric_dtype(X[column])]
    kinds = {c: pd.CategoricalDtype(sorted(X[c].dropna().unique())[:250]) for c in texts}
    return X.astype(kinds), new.astype(kinds)


def completed(X: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts as categories, medians for gaps in numbers with indicators: for networks that read categories."""
    numbers = [column for column in X if pd.api.types.is_numeric_dtype(X[column])]
    gaps = {f"{column} is missing": column for column in numbers if X[column].isna().any()}
    X, new = categorical(X, new)
    X, new = (part.assign(**{flag: part[c].isna().astype(np.float64) for flag, c in gaps.items()}) for part in (X, new))
    medians = X[numbers].median()
    return X.fillna(medians), new.fillna(medians)


def estimator(make: Callable[[str | None, int], Any], prepare: Callable[..., Any]) -> Callable[..., Answer]:
    """An estimator of scikit-learn's kind behind a preparation of the columns."""

    def run(X: pd.DataFrame, y: np.ndarray, new: pd.DataFrame, task: str | None, seed: int) -> Answer:
        x, x_new = prepare(X, new)
        if task is None:
            return {"prediction": np.asarray(make(task, seed).fit(x, y).predict(x_new), dtype=np.float64)}
        codes = np.unique(y.astype(str), return_inverse=True)[1]
        return {"prediction": make(task, seed).fit(x, codes).predict_proba(x_new)}

    return run


def linear(task: str | None, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegressionCV, RidgeCV

    if task is None:
        return RidgeCV(np.logspace(-3, 4, 15))
    return LogisticRegressionCV(
        Cs=5, cv=3, max_iter=300, use_legacy_attributes=False, scoring="neg_log_loss", l1_ratios=(0,)
    )


def histogram_boosting(task: str | None, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    cls = HistGradientBoostingRegressor if task is None else HistGradientBoostingClassifier
    return cls(random_state=seed, categorical_features="from_dtype")


def lightgbm(task: str | None, seed: int) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return (LGBMRegressor if task is None else LGBMClassifier)(random_state=seed, verbose=-1, n_jobs=1)


def catboost(task: str | None, seed: int) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    cls = CatBoostRegressor if task is None else CatBoostClassifier
    return cls(random_seed=seed, verbose=0, thread_count=1, allow_writing_files=False)


def scikit_mlp(task: str | None, seed: int) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if task is None:
        return TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    return MLPClassifier(random_state=seed)


def real_mlp(**settings: Any) -> Callable[[str | None, int], Any]:
    def make(task: str | None, seed: int) -> Any:
        from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

        cls = RealMLP_TD_Regressor if task is None else RealMLP_TD_Classifier
        return cls(random_state=seed, n_threads=1, device="cpu", **(settings if task else {}))

    return make


METHODS: dict[str, Callable[..., Answer]] = {
    "nnkit tabular": recipe("tabular"),
    "nnkit tabular, one network": recipe("tabular(members=1)"),
    "nnkit fitnet": recipe("fitnet"),
    "linear": estimator(linear, encoded),
    BASE: estimator(histogram_boosting, categorical),
    "LightGBM": estimator(lightgbm, categorical),
    "CatBoost": estimator(catboost, encoded),
    "scikit-learn MLP": estimator(scikit_mlp, encoded),
    "RealMLP-TD": estimator(real_mlp(), completed),
    "RealMLP-TD, use_ls=False": estimator(real_mlp(use_ls=False), completed),
}
REGRESSION_ONLY = {"nnkit fitnet"}
FITNET_ROWS = 1000
"""``fitnet`` is for tables with fewer rows."""

OURS = ("nnkit tabular", "nnkit tabular, one network")
LARGE = 3000

PACKAGES = {"LightGBM": "lightgbm", "CatBoost": "catboost", "RealMLP-TD": "pytabkit", "nnkit": "nnkit-core"}


# -- recording ---------------------------------------------------------------------------------


def scores(answer: Answer, y: np.ndarray, task: str | None, classes: np.ndarray) -> dict[str, float]:
    """Errors on the test rows: lower is better in all of them."""
    prediction = answer["prediction"]
    if task is None:
        spread = float(np.mean((y - y.mean()) ** 2))
        values = {"1 - R2": float(np.mean((prediction - y) ** 2)) / spread}
        if "lower" in answer:
            values["covered"] = float(np.mean((answer["lower"] <= y) & (y <= answer["upper"])))
            values["width"] = float(np.mean(answer["upper"] - answer["lower"]) / np.sqrt(spread))
        return values
    codes = np.searchsorted(classes, y.astype(str))
    own = np.clip(prediction[np.arange(len(y)), codes], 1e-7, 1.0)
    return {"error": float(np.mean(prediction.argmax(axis=1) != codes)), "log-loss": float(-np.mean(np.log(own)))}


def split_rows(y: np.ndarray, task: str | None, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows; classes have equal shares in both."""
    order = np.random.default_rng(split).permutation(len(y))
    if task is not None:
        order = order[np.argsort(y[order].astype(str), kind="stable")]
        return np.sort(order[np.arange(len(y)) % 4 != split % 4]), np.sort(order[np.arange(len(y)) % 4 == split % 4])
    return np.sort(order[len(y) // 4 :]), np.sort(order[: len(y) // 4])


def run_one(method: str, name: str, options: dict[str, Any], split: int) -> dict[str, Any]:
    """One training and its record."""
    X, y = table_of(name, options)
    task = options.get("task")
    train, test = split_rows(y, task, split)
    began, cpu = time.perf_counter(), time.process_time()
    answer = METHODS[method](
        X.iloc[train].reset_index(drop=True), y[train], X.iloc[test].reset_index(drop=True), task, split
    )
    record: dict[str, Any] = {"table": name, "split": split, "method": method, "rows": len(y), "test_rows": len(test)}
    record |= scores(answer, y[test], task, np.unique(y.astype(str)))
    record |= {
        "seconds": round(time.perf_counter() - began, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    package = PACKAGES.get(method.partition(",")[0], PACKAGES.get(method.partition(" ")[0], "scikit-learn"))
    return record | {"version": f"{package} {importlib.metadata.version(package)}"}


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records so far; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def record(arguments: argparse.Namespace, tables: dict[str, dict[str, Any]]) -> None:
    """Train what is not recorded yet, the first split of every table first, until the time is over."""
    done = {(r["table"], r["split"], r["method"]) for r in read_records(arguments.records)}
    ends = time.monotonic() + arguments.minutes * 60.0
    for split in range(arguments.splits):
        for name, options in tables.items():
            for method in arguments.record:
                if (name, split, method) in done or (method in REGRESSION_ONLY and options.get("task")):
                    continue
                if method in REGRESSION_ONLY and len(table_of(name, options)[0]) >= FITNET_ROWS:
                    continue
                if time.monotonic() > ends:
                    return
                try:
                    new = run_one(method, name, options, split)
                except Exception as error:  # noqa: BLE001  # one method on one table must not end hours of others
                    print(f"{method} on {name}: {type(error).__name__}: {error}", file=sys.stderr)
                    continue
                with arguments.records.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(new) + "\n")
                print(json.dumps(new), flush=True)


# -- summary -----------------------------------------------------------------------------------


def measured(records: list[dict[str, Any]], metric: str, without: set[str] = REGRESSION_ONLY) -> pd.DataFrame:
    """The mean over splits that all methods have, by table and method; tables that a method lacks are left out."""
    rows = [r for r in records if metric in r and r["method"] not in without]
    if not rows:
        return pd.DataFrame()
    wide = pd.DataFrame(rows).pivot_table(index=["table", "split"], columns="method", values=metric)
    return wide.dropna().groupby("table").mean() if BASE in wide else pd.DataFrame()


def with_confidence(values: np.ndarray, statistic: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A statistic over tables, and the bounds of 95 % of its values for tables drawn with replacement."""
    rng = np.random.default_rng(0)
    drawn = [statistic(values[rng.integers(0, len(values), len(values))], axis=0) for _ in range(2000)]
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return statistic(values, axis=0), low, high


def summary(records: list[dict[str, Any]], halves: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Tables in Markdown."""
    for metric in ("error", "log-loss", "1 - R2"):
        wide = measured(records, metric)
        if not len(wide):
            continue
        ranks, low, high = with_confidence(wide.rank(axis=1).to_numpy(), np.mean)
        logs = np.log(wide.clip(lower=FLOORS[metric]))
        relative = logs.sub(logs[BASE], axis=0).to_numpy()
        means, mean_low, mean_high = with_confidence(relative, np.mean)
        wins = (wide.rank(axis=1, method="min") == 1).sum()
        yield f"**{metric}**, {len(wide)} tables\n"
        yield f"| method | mean rank (95 %) | geometric mean / {BASE} (95 %) | best on |\n|---|---:|---:|---:|"
        for place in np.argsort(ranks):
            bounds = f"{np.exp(mean_low[place]):.3f}-{np.exp(mean_high[place]):.3f}"
            yield (
                f"| {wide.columns[place]} | {ranks[place]:.2f} ({low[place]:.2f}-{high[place]:.2f}) | "
                f"{np.exp(means[place]):.3f} ({bounds}) | {wins.iloc[place]} |"
            )
        yield ""
        ours = [column for column in wide if column.startswith("nnkit")]
        lost = [t for t in wide.index if wide.loc[t, ours].min() > wide.loc[t].min()]
        yield f"Others are ahead on {len(lost)} of these tables: " + ", ".join(
            f"{t} ({wide.loc[t].idxmin()})" for t in lost
        )
        yield ""
    frame = pd.DataFrame(records)
    yield "| method | trainings | seconds, median | of the processor | MB of the process |\n|---|---:|---:|---:|---:|"
    for method, own in frame.groupby("method"):
        yield (
            f"| {method} | {len(own)} | {own.seconds.median():.1f} | {own.cpu_seconds.median():.1f} | "
            f"{own.megabytes.median():.0f} |"
        )
    if "covered" in frame:
        stated = frame[frame.covered.notna() & (frame.test_rows >= 100)]
        if len(stated):
            yield "\n95 % intervals, tables with 100 or more test rows:\n"
            yield "| method | tables | covered, pooled | smallest | largest | width / stddev of y |"
            yield "|---|---:|---:|---:|---:|---:|"
            for method, own in stated.groupby("method"):
                each = own.groupby("table").covered.mean()
                pooled = np.average(own.covered, weights=own.test_rows)
                yield (
                    f"| {method} | {len(each)} | {pooled:.1%} | {each.min():.1%} | {each.max():.1%} | "
                    f"{own.width.mean():.2f} |"
                )


def beside(records: list[dict[str, Any]], peer: str) -> Iterator[str]:
    """Geometric means of each method of nnkit relative to a peer, on all tables and on the large ones."""
    rows_of = {r["table"]: r["rows"] for r in records}
    yield f"| relative to {peer} | tables | {' | '.join(OURS)} |\n|---|---:|---:|---:|"
    for metric in (*FLOORS, "cpu_seconds"):
        wide = measured(records, metric)
        if peer not in wide:
            continue
        logs = np.log(wide.clip(lower=FLOORS.get(metric, 1e-3)))
        for least, words in ((0, ""), (LARGE, f", {LARGE:,} rows or more")):
            own = logs[[rows_of[table] >= least for table in logs.index]]
            if len(own) < 2:
                continue
            values = own[list(OURS)].sub(own[peer], axis=0).to_numpy()
            means, low, high = (np.exp(part) for part in with_confidence(values, np.mean))
            cells = (f"{m:.3f} ({a:.3f}-{b:.3f})" for m, a, b in zip(means, low, high, strict=True))
            yield f"| {metric.replace('cpu_', 'processor ')}{words} | {len(own)} | {' | '.join(cells)} |"


def small(records: list[dict[str, Any]]) -> Iterator[str]:
    """Ranks of all methods where ``fitnet`` was trained, too."""
    wide = measured(records, "1 - R2", set())
    if not len(wide):
        return
    ranks, low, high = with_confidence(wide.rank(axis=1).to_numpy(), np.mean)
    yield f"Regressions with fewer than {FITNET_ROWS:,} rows, {len(wide)} tables, mean rank in 1 - R2 (95 %):\n"
    yield ", ".join(f"{wide.columns[p]} {ranks[p]:.2f} ({low[p]:.2f}-{high[p]:.2f})" for p in np.argsort(ranks))


def put(name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` on the page."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Record, or summarize."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only tables whose name has one of these words")
    parser.add_argument(
        "--record", nargs="+", choices=list(METHODS), default=[], metavar="METHOD", help=", ".join(METHODS)
    )
    parser.add_argument("--half", choices=("tuned", "reported", "all"), default="reported")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no training after this time")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--write", action="store_true", help="put the summary into docs/tabular.md")
    arguments = parser.parse_args()
    tables = {"tuned": TUNED, "reported": REPORTED, "all": TUNED | REPORTED}[arguments.half]
    if arguments.words:
        tables = {name: own for name, own in tables.items() if any(word in name for word in arguments.words)}
    warnings.simplefilter("ignore")
    if arguments.record:
        record(arguments, tables)
    records = [r for r in read_records(arguments.records) if r["table"] in tables]
    parts = (summary(records, tables), beside(records, "RealMLP-TD"), small(records))
    text = "\n\n".join("\n".join(part) for part in parts) if records else "no records yet"
    print(text)
    if arguments.write:
        put("results", text)


if __name__ == "__main__":
    main()
