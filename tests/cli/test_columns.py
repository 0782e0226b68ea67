"""Tables as people have them: from a file to a model, to predictions beside their rows, without counting."""

import csv
import gzip
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from nnkit import Network
from nnkit.cli.app import nnkit

EXPERIMENT = """
[data]
file = "people.csv"
target = "bought"
columns = { id = "drop", day = "date", income = "number(missing='median')" }
categories = ["region"]
standardize = true
[data.split]
validation = 0.2
[network]
hidden = [8]
seed = 1
[training]
epochs = 5
"""


def run(*arguments, **options):
    return CliRunner().invoke(nnkit, [*map(str, arguments)], prog_name="nnkit", catch_exceptions=False, **options)


def people(rows=120):
    rng = np.random.default_rng(0)
    income = rng.normal(30, 5, rows).round(2)
    city = rng.choice(["Oslo", "Rome", "Lima"], rows).astype(object)
    bought = np.where((city == "Rome") ^ (income > 30), "yes", "no")
    income[::9], city[::11] = np.nan, None
    return pd.DataFrame(
        {
            "id": [f"p{row:03}" for row in range(rows)],
            "income": income,
            "city": city,
            "member": rng.random(rows) > 0.5,
            "region": rng.choice([10, 20], rows),
            "day": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
            "bought": bought,
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people().to_csv("people.csv")
    (tmp_path / "e.toml").write_text(EXPERIMENT)
    return tmp_path


def as_read(frame):
    """The features as the command line reads them."""
    return frame.drop(columns="bought").assign(region=frame["region"].astype(str))


def table(text):
    return list(csv.reader(io.StringIO(text)))


def test_a_table_of_text_gaps_booleans_and_dates_goes_to_a_model_and_back(folder):
    shown = run("train", "e.toml")
    assert (0, "") == (shown.exit_code, shown.stderr)
    report = shown.stdout.splitlines()
    assert "people.csv: 120 rows, delimiter ',', a header" == report[0]
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in report[2:8]}
    assert rows["id"] == "drop 0 not used"
    assert rows["income"].startswith("number 2 ")
    assert "missing, median" in rows["income"]
    assert rows["region"] == "onehot 2 2 categories"
    assert rows["member"] == "boolean 1"
    assert rows["day"].startswith("date 3 elapsed, month, weekday, from 2024-01-0")
    assert "12 inputs; target: bought; not used: the column without a name" == report[8]
    assert "chosen for the data: task binary" in shown.stdout
    assert "output activation sigmoid, loss binary_crossentropy" in shown.stdout
    network = Network.load("e-model.npz")
    assert ("no", "yes") == network.classes
    assert ("income", "city", "member", "region", "day") == network.columns.columns
    predicted = run("predict", "e-model.npz", "people.csv", "--labels", "--keep", "id,bought")
    assert (0, "") == (predicted.exit_code, predicted.stderr)
    header, *lines = table(predicted.stdout)
    assert ["id", "bought", "label"] == header
    frame = people()
    assert frame[["id", "bought"]].to_numpy().tolist() == [line[:2] for line in lines]
    expected = network.predict(as_read(frame), labels=True)
    assert expected.tolist() == [line[2] for line in lines]


def test_the_plan_is_learned_from_the_rows_of_training_only(folder):
    run("train", "e.toml", "--quiet")
    network = Network.load("e-model.npz")
    start = next(rule.start for name, rule in network.columns.rules if name == "day")
    run("train", "e.toml", "--quiet", "--set", "data.split.seed=3", "--output", "other")
    other = Network.load("other/e-model.npz")
    fills = [next(r.fill for name, r in net.columns.rules if name == "income") for net in (network, other)]
    assert fills[0] != fills[1]
    assert start in {19723.0, 19724.0, 19725.0}


def test_resume_repeats_the_plan(folder):
    assert 0 == run("train", "e.toml", "--epochs", "4", "--output", "once", "--quiet").exit_code
    assert 0 == run("train", "e.toml", "--epochs", "2", "--output", "twice", "--quiet").exit_code
    assert 0 == run("train", "--resume", "twice/e-model.npz", "--epochs", "4").exit_code
    once, twice = (Network.load(f"{name}/e-model.npz") for name in ("once", "twice"))
    np.testing.assert_array_equal(once.parameters, twice.parameters)
    assert once.columns == twice.columns


def test_evaluate_compares_a_model_with_the_targets(folder):
    run("train", "e.toml", "--quiet")
    network, frame = Network.load("e-model.npz"), people()
    y = frame["bought"].to_numpy()
    predicted = network.predict(as_read(frame), labels=True)
    shown = run("evaluate", "e-model.npz", "people.csv", "--metric", "f1", "--json")
    assert (0, "") == (shown.exit_code, shown.stderr)
    values = json.loads(shown.stdout)
    assert (120, ["no", "yes"]) == (values["rows"], values["classes"])
    assert confusion_matrix(y, predicted).tolist() == values["matrix"]
    assert values["values"]["accuracy"] == pytest.approx(accuracy_score(y, predicted), rel=1e-12)
    assert values["values"]["f1"] == pytest.approx(f1_score(y, predicted, pos_label="yes"), rel=1e-12)
    shown = run("evaluate", "e-model.npz", "people.csv").stdout.splitlines()
    assert "120 rows" == shown[0]
    assert f"accuracy {accuracy_score(y, predicted):.4f}" == shown[-1]
    frame.drop(columns="bought").to_csv("x.csv")
    missing = run("evaluate", "e-model.npz", "x.csv")
    assert (1, True) == (missing.exit_code, "has no column 'bought'" in missing.stderr)
    assert "did you mean 'bought'" in run("evaluate", "e-model.npz", "people.csv", "--target", "bougth").stderr


def test_the_same_rows_in_any_form_of_file_give_the_same_predictions(folder):
    run("train", "e.toml", "--quiet")
    expected = run("predict", "e-model.npz", "people.csv").stdout
    frame = people()[["day", "bought", "region", "city", "member", "income"]]
    frame.to_csv("semicolon.csv", sep=";", decimal=",", index=False)
    frame.to_csv("tabs.tsv", sep="\t", index=False)
    (folder / "packed.csv.gz").write_bytes(gzip.compress((folder / "people.csv").read_bytes()))
    for name in ("semicolon.csv", "tabs.tsv", "packed.csv.gz"):
        assert expected == run("predict", "e-model.npz", name).stdout
    assert expected == run("predict", "e-model.npz", "-", input=(folder / "people.csv").read_bytes()).stdout
    pytest.importorskip("pyarrow")
    frame.to_parquet("people.parquet")
    assert expected == run("predict", "e-model.npz", "people.parquet").stdout


def test_training_from_standard_input(folder):
    content = (folder / "people.csv").read_bytes()
    run("train", "e.toml", "--quiet")
    shown = run("train", "e.toml", "--set", "data.file=-", "--output", "piped", input=content)
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert shown.stdout.startswith("standard input: 120 rows")
    networks = [Network.load(name) for name in ("e-model.npz", "piped/e-model.npz")]
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)


@pytest.mark.filterwarnings("default")  # the command prints the warning
def test_values_that_training_did_not_have_are_a_warning(folder):
    run("train", "e.toml", "--quiet")
    people().assign(city="Paris").to_csv("new.csv")
    shown = run("predict", "e-model.npz", "new.csv")
    assert (0, True) == (shown.exit_code, "'city' in 120 rows (Paris)" in shown.stderr)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id = "drop", ', "", "column 'id' has 72 distinct texts in 72 rows ('p00"),
        ('id = "drop", ', "", 'For example: columns = { "id" = "drop" }'),
        ('day = "date", ', "", "people.csv: column 'day' has dates; declare \"date\""),
        ('target = "bought"', 'features = ["income", "bought"]', "'bought' is the target and among the features"),
        (
            'target = "bought"',
            'encoding = "cp-125"',
            "encoding must be one of Python's, such as 'cp1252'; got 'cp-125'",
        ),
        (
            'target = "bought"',
            'target = "region"',
            "the target 'region' holds integers, which may be numbers or classes",
        ),
        ('id = "drop"', 'id = "dropp"', "did you mean 'drop'"),
        ('id = "drop"', 'idd = "drop"', "columns has a rule for 'idd'"),
        ('categories = ["region"]', 'categories = ["day"]', "columns and categories both have 'day'"),
        ('target = "bought"', "header = 3", "header must be true or false; got 3"),
        ('target = "bought"', 'decimal = "x"', "decimal must be '.' or ','; got 'x'"),
        ('target = "bought"', 'decimal = ","\ndelimiter = ","', "decimal and delimiter are both ','"),
        ('target = "bought"', 'missing_target = "fill"', "missing_target must be one of 'refuse', 'drop'"),
        ('target = "bought"', "missing = 3", "missing must be a text or a list of texts; got 3"),
        ('target = "bought"', 'index_column = "row"', "has no column 'row'"),
        ('target = "bought"', 'target = "income"', "has no value in line 2"),
        (
            "hidden = [8]",
            "layers = [7, 8, 1]\nloss = 'hinge'",
            "layers begins with 7 inputs; the data have 12 inputs from 5 columns",
        ),
    ],
)
def test_every_fault_of_the_section_is_a_sentence_before_training(folder, old, new, problem):
    assert old in EXPERIMENT
    (folder / "e.toml").write_text(EXPERIMENT.replace(old, new))
    shown = run("train", "e.toml")
    assert (1, "") == (shown.exit_code, shown.stdout)
    assert problem in shown.stderr
    assert not (folder / "e-model.npz").exists()


def test_rows_without_a_target_may_be_left_out(folder):
    settings = ("--set", "data.target=income", "--set", "data.missing_target=drop", "--set", "data.columns={id='drop'}")
    settings += ("--set", "data.features=['id', 'city', 'member', 'bought']", "--set", "data.categories=['city']")
    shown = run("train", "e.toml", *settings)
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert f"people.csv: {people()['income'].notna().sum()} rows" in shown.stdout
    assert "task regression" in shown.stdout
    assert (
        f"{people()['income'].notna().sum()} rows"
        == run("evaluate", "e-model.npz", "people.csv").stdout.splitlines()[0]
    )


def test_rows_with_missing_values_may_be_left_out(folder):
    rule = "data.columns={id='drop', day='date', income=\"number(missing='drop')\"}"
    shown = run("train", "e.toml", "--set", rule)
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert "test rows with missing values are left out" in shown.stdout
    evaluated = run("evaluate", "e-model.npz", "people.csv").stdout
    missing = people()["income"].isna().sum()
    assert f"{120 - missing} rows, {missing} more with missing values" in evaluated
    shown = run("predict", "e-model.npz", "people.csv")
    assert (1, True) == (shown.exit_code, "column 'income' has no value in line 2" in shown.stderr)


def test_a_file_without_a_header_is_trained_on_by_position(folder):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    rows = [f"{'ab'[int(x > 0)]},{x!r},{z!r}\n" for x, z in X.tolist()]
    (folder / "rows.data").write_text("".join(rows))
    text = EXPERIMENT.replace("people.csv", "rows.data").replace("bought", "1").replace('categories = ["region"]', "")
    text = text.replace(text[text.index("columns =") : text.index("standardize")], "")
    (folder / "e.toml").write_text(text)
    assert 0 == run("train", "e.toml").exit_code
    pd.DataFrame(X).to_csv("x.csv", header=False, index=False)
    pd.DataFrame(X).to_csv("named.csv", header=["first", "second"], index=False)
    expected = run("predict", "e-model.npz", "rows.data").stdout
    for name in ("x.csv", "named.csv"):
        assert expected == run("predict", "e-model.npz", name).stdout
    network = Network.load("e-model.npz")
    assert np.array(table(expected)[1:], dtype=float).tolist() == network.predict(X).tolist()
    np.savez("x.npz", X=X)
    assert expected == run("predict", "e-model.npz", "x.npz").stdout


def test_kept_columns(folder):
    run("train", "e.toml", "--quiet")
    every = table(run("predict", "e-model.npz", "people.csv", "--keep", "all").stdout)
    assert ["", *people().columns, "yes"] == every[0]
    frame = pd.read_csv("people.csv", dtype=str, keep_default_na=False)
    assert frame.to_numpy().tolist() == [line[:-1] for line in every[1:]]
    assert 0 == run("predict", "e-model.npz", "people.csv", "--keep", "id", "--output", "p.npz").exit_code
    with np.load("p.npz") as stored:
        assert {"prediction", "id"} == set(stored.files)
        assert people()["id"].tolist() == stored["id"].tolist()
    shown = run("predict", "e-model.npz", "people.csv", "--keep", "incom")
    assert (1, True) == (shown.exit_code, "did you mean 'income'?" in shown.stderr)


@pytest.mark.parametrize("unit", ["ns", "us"])
def test_kept_dates_become_text_in_an_npz(folder, unit):
    run("train", "e.toml", "--quiet")
    days = pd.date_range("2024-02-28", periods=len(people())).as_unit(unit)
    people().assign(since=days, file=range(len(days))).to_parquet("people.parquet")
    keep = ("--keep", "since", "--keep", "file")
    shown = run("predict", "e-model.npz", "people.parquet", *keep, "--output", "p.npz")
    assert (0, "") == (shown.exit_code, shown.stderr)
    with np.load("p.npz", allow_pickle=False) as stored:
        assert [str(day) for day in days] == stored["since"].tolist()
        assert list(range(len(days))) == stored["file"].astype(int).tolist()
    shown = run("predict", "e-model.npz", "people.parquet", "--keep", "since")
    assert [str(day) for day in days] == [line[0] for line in table(shown.stdout)[1:]]


def test_integer_class_weights(folder):
    frame = people().assign(bought=np.where(people()["bought"] == "yes", 7, -3))
    frame.to_csv("people.csv")
    settings = ("--set", "network.task=binary", "--set", "training.class_weight={7 = 2.0, -3 = 1.0}")
    shown = run("train", "e.toml", *settings)
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert (-3, 7) == Network.load("e-model.npz").classes
    plain = run("train", "e.toml", "--set", "network.task=binary", "--output", "plain")
    assert 0 == plain.exit_code
    networks = [Network.load(name) for name in ("e-model.npz", "plain/e-model.npz")]
    assert not np.array_equal(networks[0].parameters, networks[1].parameters)
    shown = run("train", "e.toml", "--set", "network.task=binary", "--set", "training.class_weight={6 = 2.0}")
    assert (1, True) == (shown.exit_code, "6" in shown.stderr)


def prices(folder, **network):
    """A table of houses in its own units, and an experiment that leaves everything to it."""
    rng = np.random.default_rng(0)
    size, zone = rng.uniform(30.0, 200.0, 300), rng.choice(["A", "B"], 300)
    price = size * 3000.0 * np.where(zone == "A", 1.5, 1.0) + rng.normal(0.0, 5000.0, 300)
    lines = ["size,zone,price", *(f"{s:.1f},{z},{p:.2f}" for s, z, p in zip(size, zone, price, strict=True))]
    (folder / "houses.csv").write_text("\n".join(lines))
    settings = {"hidden": [32], "seed": 1, **network}
    lines = ["[network]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    lines += ["[data]", 'file = "houses.csv"', "[training]", "epochs = 100", "[output]", 'model = "houses.npz"']
    (folder / "houses.toml").write_text("\n".join(lines))
    return folder / "houses.toml"


def test_hidden_layers_alone_bring_inputs_and_targets_to_unit_scale(tmp_path):
    shown = run("train", prices(tmp_path), "--output", tmp_path)
    assert "3 inputs (standardized), 1 output (target_scaling standardize)" in shown.stdout
    assert float(re.search(r"test r2 (.*)", shown.stdout)[1]) > 0.99
    network = Network.load(tmp_path / "houses.npz")
    assert network.composition.target_scaling == "standardize"
    # Each loss that is shown is that of scaled targets, and is called so.
    loss = network.history["loss"][-1]
    assert f"training loss of scaled targets {loss:.4g}\n" in shown.stdout
    assert "test loss of scaled targets 0.0" in shown.stdout
    assert "loss" not in re.sub(r"loss (of scaled targets \d|mean_squared_error)", "", shown.stdout)
    data = pd.read_csv(tmp_path / "houses.csv")
    residual = (network.predict(data.drop(columns="price"))[:, 0] - data["price"]) / network.model.description.scale[0]
    evaluated = run("evaluate", tmp_path / "houses.npz", tmp_path / "houses.csv").stdout
    shown_loss = float(re.search(r"^loss of scaled targets (.*)$", evaluated, re.MULTILINE)[1])
    assert shown_loss == pytest.approx(float(np.square(residual).mean()), abs=6e-5)
    page = tmp_path / "report.html"
    run("report", tmp_path / "houses.npz", "--data", tmp_path / "houses.csv", "-o", page)
    assert page.read_text().count("loss of scaled targets") == 1
    assert repr(network.history).startswith("History of 100 epochs: loss of scaled targets ")


def test_what_is_stated_about_scales_is_not_chosen(tmp_path):
    path = prices(tmp_path, target_scaling="minmax")
    shown = run("train", path, "--set", "data.standardize=false", "--epochs", "1", "--output", tmp_path)
    assert "3 inputs, 1 output (target_scaling minmax)" in shown.stdout
    shown = run(
        "train",
        path,
        "--set",
        "data.divide_by=100",
        "--set",
        "network.loss='huber'",
        "--epochs",
        "1",
        "--output",
        tmp_path,
    )
    assert "3 inputs, 1 output" in shown.stdout
    shown = run("train", path, "--set", "data.header=1")
    assert "header must be true or false; got 1" in shown.stderr


@pytest.mark.filterwarnings("default")  # the command prints the warning
def test_a_column_that_only_numbers_the_rows_is_a_warning(folder):
    people().rename_axis("row").to_csv("people.csv")
    shown = run("train", "e.toml")
    assert "column 'row' only numbers the rows, from 0 to 119, and is used as a feature" in shown.stderr
    for setting in ("data.index_column=row", "data.features=['row', 'city']"):
        options = ("--set", "data.columns=auto", "--set", "data.categories=['city']")
        shown = run("train", "e.toml", "--set", setting, *(options if "features" in setting else ()))
        assert (0, "") == (shown.exit_code, shown.stderr)
    assert ("row", "city") == Network.load("e-model.npz").columns.columns


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [("data", "path", "file"), ("data", "sep", "delimiter"), ("network", "activation", "hidden_activation")],
)
def test_a_key_of_another_library_is_answered_with_the_experiments(tmp_path, section, key, meant):
    path = prices(tmp_path)
    path.write_text(path.read_text().replace(f"[{section}]\n", f'[{section}]\n{key} = "x"\n'))
    shown = run("train", path)
    assert shown.exit_code == 1
    assert re.search(rf"\b{key}\b.* did you mean '{meant}'\?", shown.stderr)


FAULTS = {
    "a value that is not finite, among the rows of the test": (
        lambda frame: frame.assign(income=np.where(frame.index == 7, np.inf, frame["income"])),
        "people.csv: column 'income' has inf in line 9;",
    ),
    "a text for missing numbers": (
        lambda frame: frame.assign(income=frame["income"].astype(object).where(frame["income"].notna(), "?")),
        "people.csv: column 'income' has the text '?' in line 2; expected numbers: replace it where",
    ),
    "texts among numbers, without a rule": (
        lambda frame: frame.assign(size=np.where(frame.index == 7, "?", frame.index.to_numpy() % 5 + 0.5)),
        "people.csv: column 'size' has numbers, and '?' in line 9: replace it",
    ),
    "a number beyond float32, among the rows of the test": (
        lambda frame: frame.assign(income=np.where(frame.index == 7, 1e39, frame["income"])),
        "people.csv: column 'income' has a number in line 9 that float32 cannot hold (at most 3.4e+38)",
    ),
    "dates as they are written elsewhere": (
        lambda frame: frame.assign(day=pd.to_datetime(frame["day"]).dt.strftime("%d.%m.%Y")),
        "column 'day' has '01.01.2024' in line 2; expected dates such as 2026-11-30, or declare date(format='%d.%m.%Y'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_value_is_named_with_its_row_before_training(folder, fault):
    change, problem = FAULTS[fault]
    change(people()).to_csv("people.csv")
    shown = run("train", "e.toml", "--set", "data.columns.income=number", "--set", "network.dtype=float32")
    assert (1, "") == (shown.exit_code, shown.stdout)
    assert problem in shown.stderr
    assert not (folder / "e-model.npz").exists()


def test_declared_forms_of_dates_and_missing_values_give_the_same_model(folder):
    frame = people()
    written = frame.assign(
        income=frame["income"].astype(object).where(frame["income"].notna(), "?"),
        day=pd.to_datetime(frame["day"]).dt.strftime("%d.%m.%Y"),
    )
    run("train", "e.toml", "--quiet")
    written.to_csv("people.csv", encoding="utf-16", sep="\t")
    settings = ["data.missing=?", "data.columns.day=date(format='%d.%m.%Y')"]
    assert 0 == run("train", "e.toml", *(f"--set={text}" for text in settings), "--output", "other").exit_code
    networks = [Network.load(name) for name in ("e-model.npz", "other/e-model.npz")]
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)


def test_a_test_file_with_another_class_is_refused_before_training(folder):
    people().assign(bought="perhaps").to_csv("test.csv")
    shown = run("train", "e.toml", "--set", "data.test_file=test.csv")
    problem = "test.csv: the target has the label 'perhaps'; people.csv has 'no', 'yes'"
    assert (1, True) == (shown.exit_code, problem in shown.stderr)
    assert not (folder / "e-model.npz").exists()


def test_predictions_are_called_by_what_they_predict(folder):
    for target, task in (("bought", "binary"), ("city", "multiclass"), ("income", "regression")):
        settings = [
            f"data.target={target}",
            f"network.task={task}",
            "data.missing_target=drop",
            "data.columns.bought=drop",
        ]
        settings = settings[: 3 if target == "bought" else 4]
        columns = (
            "{ id = 'drop', day = 'date' }"
            if target == "income"
            else "{ id = 'drop', day = 'date', income = 'number' }"
        )
        shown = run("train", "e.toml", f"--set=data.columns={columns}", *(f"--set={text}" for text in settings))
        assert (0, "") == (shown.exit_code, shown.stderr)
        header = table(run("predict", "e-model.npz", "people.csv", "--keep", target).stdout)[0]
        expected = {"bought": ["yes"], "city": ["Lima", "Oslo", "Rome"], "income": ["predicted income"]}[target]
        assert [target, *expected] == header


def test_values_are_json_and_each_comes_once(folder):
    run("train", "e.toml", "--quiet")
    people().query("bought == 'yes'").to_csv("yes.csv")
    shown = run("evaluate", "e-model.npz", "yes.csv", "--json", *("--metric=auc", "--metric=accuracy", "--metric=f1"))
    values = json.loads(shown.stdout, parse_constant=pytest.fail)["values"]
    assert (["loss", "auc", "f1", "accuracy"], None) == (list(values), values["auc"])


def test_files_of_another_kind_are_answered_with_what_to_do(folder):
    shown = run("train", "people.csv")
    assert (1, True) == (
        shown.exit_code,
        "An experiment file names the data: [data] file = 'people.csv'" in shown.stderr,
    )
    (folder / "people.xlsx").write_bytes(b"PK")
    assert "save its sheet as .csv" in run("train", "e.toml", "--set", "data.file=people.xlsx").stderr
    shown = run(
        "train", "e.toml", "--set", 'training.callbacks=["early_stopping"]', "--set", "data.split.validation=0.0"
    )
    assert "rows to validate on come from [data.split] validation = 0.2" in shown.stderr


def test_arrays_with_missing_values_are_named_by_their_place_or_planned(folder):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, -2.0, 0.5]
    X[::9, 1] = np.nan
    np.savez("rows.npz", X=X, y=y)
    (folder / "rows.toml").write_text(
        '[data]\nfile = "rows.npz"\n[network]\nhidden = [4]\nseed = 0\n[output]\nmodel = "m.npz"'
    )
    shown = run("train", "rows.toml")
    assert (1, "") == (shown.exit_code, shown.stdout)
    assert "rows.npz: X[0, 1] is nan (9 such values)" in shown.stderr
    advice = re.search(r"state (\w+) = \"(\w+)\" in \[(\w+)\]", shown.stderr).groups()
    shown = run("train", "rows.toml", "--set", "{2}.{0}={1}".format(*advice))
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert re.search(r"^1 +number +2 +\d missing", shown.stdout, re.MULTILINE)
    network = Network.load("m.npz")
    predicted = [float(line) for line in run("predict", "m.npz", "rows.npz").stdout.splitlines()[1:]]
    np.testing.assert_allclose(predicted, network.predict(X)[:, 0], rtol=1e-12)
    np.savez("rows.npz", X=np.nan_to_num(X), y=np.where(np.arange(80) == 7, np.inf, y))
    assert "rows.npz: y[7] is inf (1 such values)" in run("train", "rows.toml").stderr
