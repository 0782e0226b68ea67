"""`nnkit train`: the same network as the same lines of Python, its figures scikit-learn's, its faults sentences."""

import csv
import functools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.image import imread
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, mean_absolute_error, precision_recall_fscore_support, r2_score

from nnkit import Network
from nnkit.cli.app import nnkit
from nnkit.cli.splitting import Split

DIGITS = Path(__file__).parents[2] / "examples" / "digits.toml"

IRIS = """
[data]
file = "iris.csv"
target = "species"
divide_by = 8.0
[data.split]
test = 0.3
validation = 0.1
seed = 5
[network]
layers = [4, 12, 3]
output_activation = "softmax"
loss = "categorical_crossentropy"
optimizer = "adam(learning_rate=0.02)"
seed = 1
[training]
epochs = 12
batch_size = 16
metrics = ["accuracy"]
[output]
model = "iris.npz"
learning_curve = "curve.png"
confusion_matrix = "confusion.png"
"""

DIABETES = """
[data]
file = "diabetes.csv"
standardize = true
[network]
layers = [8, 1]
target_scaling = "standardize"
optimizer = "adam(learning_rate=0.05)"
hidden_activation = "tanh"
seed = 0
[training]
epochs = 4
batch_size = "all"
"""


NAMES = ["sepal l", "sepal w", "petal l", "petal w"]


def run(*arguments):
    return CliRunner().invoke(nnkit, [*map(str, arguments)], prog_name="nnkit", catch_exceptions=False)


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two data sets and an experiment for each, as the current one."""
    iris = load_iris()
    rows = [[*x, iris.target_names[y]] for x, y in zip(iris.data.tolist(), iris.target, strict=True)]
    write_csv(tmp_path / "iris.csv", [*NAMES, "species"], rows)
    (tmp_path / "iris.toml").write_text(IRIS)
    X, y = load_diabetes(return_X_y=True)
    write_csv(tmp_path / "diabetes.csv", [*(f"x{i}" for i in range(10)), "y"], np.column_stack([X, y]).tolist())
    (tmp_path / "diabetes.toml").write_text(DIABETES.replace("layers = [8, 1]", "layers = [10, 8, 1]"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def iris_by_hand():
    iris = load_iris()
    parts = Split(test=0.3, validation=0.1, seed=5).parts(150, iris.target)
    net = Network(
        [4, "rescale(scale=0.125)", 12, 3],
        output_activation="softmax",
        loss="categorical_crossentropy",
        optimizer="adam(learning_rate=0.02)",
        seed=1,
        columns="auto",
    )
    X, y = pd.DataFrame(iris.data, columns=NAMES), iris.target_names[iris.target]
    history = net.fit(
        X.iloc[parts.train],
        y[parts.train],
        epochs=12,
        batch_size=16,
        metrics=["accuracy"],
        validation_data=(X.iloc[parts.validation], y[parts.validation]),
    )
    return net, history, X.iloc[parts.test], y[parts.test]


def test_it_trains_the_network_that_the_same_lines_of_python_train(folder):
    shown = run("train", "iris.toml")
    assert (0, "") == (shown.exit_code, shown.stderr)
    net, history, _, _ = iris_by_hand()
    loaded = Network.load("iris.npz")
    np.testing.assert_array_equal(net.parameters, loaded.parameters)
    assert history == loaded.history
    assert net.to_config() == loaded.to_config()
    assert ("setosa", "versicolor", "virginica") == loaded.classes
    assert ("sepal l", "sepal w", "petal l", "petal w") == loaded.features
    assert IRIS == loaded.notes["experiment"]


def test_the_table_and_the_figures_are_scikit_learns(folder):
    net, _, X, y = iris_by_hand()
    predicted = net.predict(X, labels=True)
    shown = run("train", "iris.toml").stdout
    figures = np.transpose(precision_recall_fscore_support(y, predicted))
    for name, (precision, recall, f1, support) in zip(load_iris().target_names, figures, strict=True):
        row = next(line.split() for line in shown.splitlines() if line.startswith(name))
        assert [name, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", f"{support:.0f}"] == row
    assert f"test accuracy {accuracy_score(y, predicted):.4f}" == shown.splitlines()[-1]
    assert f"test loss {net.score(X, y):.4f}" == shown.splitlines()[-2]
    assert "90 training, 15 validation, 45 test rows" in shown


def test_what_is_written_is_listed_and_there(folder):
    shown = run("train", "iris.toml", "--output", "new/folder").stdout
    listed = next(line for line in shown.splitlines() if line.startswith("wrote "))
    assert "wrote new/folder/iris.npz, new/folder/curve.png, new/folder/confusion.png" == listed
    found = sorted(path.name for path in Path("new/folder").iterdir())
    assert ["confusion.png", "curve.png", "iris.npz"] == found
    for name in ("curve.png", "confusion.png"):
        assert imread(f"new/folder/{name}").std() > 0.05


def test_epochs_and_seed_of_the_command_line_win(folder):
    run("train", "iris.toml", "--epochs", "3", "--seed", "9")
    loaded = Network.load("iris.npz")
    assert (3, 9) == (loaded.epoch, loaded.seed)


def test_quiet_writes_files_and_prints_nothing(folder):
    shown = run("train", "iris.toml", "--quiet")
    assert (0, "") == (shown.exit_code, shown.output)
    assert Path("iris.npz").exists()


def test_numbers_as_targets(folder):
    shown = run("train", "diabetes.toml")
    X, y = load_diabetes(return_X_y=True)
    parts = Split().parts(len(X), None)
    net = Network.load("diabetes-model.npz")
    assert (4, 4) == (net.epoch, net.step)  # one batch of all rows an epoch
    predicted = net.predict(X[parts.test])
    lines = dict(line.rsplit(" ", 1) for line in shown.stdout.splitlines() if line.startswith("test "))
    assert f"{mean_absolute_error(y[parts.test], predicted):.4f}" == lines["test mean absolute error"]
    assert f"{r2_score(y[parts.test], predicted):.4f}" == lines["test r2"]
    assert "class" not in shown.stdout


def test_nothing_has_to_be_counted(folder):
    change(folder / "iris.toml", "layers = [4, 12, 3]\n", "hidden = [12]\n")
    change(folder / "iris.toml", 'output_activation = "softmax"\nloss = "categorical_crossentropy"\n', "")
    shown = run("train", "iris.toml")
    assert (0, "") == (shown.exit_code, shown.stderr)
    by_hand, loaded = iris_by_hand()[0], Network.load("iris.npz")
    np.testing.assert_array_equal(by_hand.parameters, loaded.parameters)
    assert by_hand.to_config() == loaded.to_config()
    change(folder / "diabetes.toml", "layers = [10, 8, 1]", "hidden = [8]")
    assert "which may be numbers or classes: state which" in run("train", "diabetes.toml").stderr
    change(folder / "diabetes.toml", "hidden = [8]", 'hidden = [8]\ntask = "regression"')
    assert 0 == run("train", "diabetes.toml").exit_code


def test_standardize_is_done_by_the_model_itself(folder):
    run("train", "diabetes.toml", "--seed", "3")
    X, y = load_diabetes(return_X_y=True)
    train = Split().parts(len(X), None).train
    net = Network(
        [10, "standardize", 8, 1],
        optimizer="adam(learning_rate=0.05)",
        hidden_activation="tanh",
        target_scaling="standardize",
        seed=3,
    )
    net.fit(X[train], y[train], epochs=4, batch_size=None)
    np.testing.assert_array_equal(net.predict(X), Network.load("diabetes-model.npz").predict(X))


def test_two_classes_at_one_output(folder):
    iris = load_iris()
    kept = iris.target < 2
    write_csv(
        folder / "iris.csv",
        ["sepal l", "sepal w", "petal l", "petal w", "species"],
        [[*x, iris.target_names[t]] for x, t in zip(iris.data[kept].tolist(), iris.target[kept], strict=True)],
    )
    for head, loss in (("sigmoid", "binary_crossentropy"), ("tanh", "hinge")):
        (folder / "iris.toml").write_text(
            IRIS.replace("[4, 12, 3]", "[4, 12, 1]")
            .replace('"softmax"', f'"{head}"')
            .replace('"categorical_crossentropy"', f'"{loss}"')
        )
        shown = run("train", "iris.toml").stdout
        assert "test accuracy 1.0000" == shown.splitlines()[-1]
        assert re.search(r"setosa +1.000 +1.000 +1.000 +15\n", shown)


def test_files_of_their_own_for_validation_and_test(folder):
    lines = (folder / "iris.csv").read_text().splitlines()
    header, body = lines[0], lines[1:]
    parts = {"a.csv": body[::3], "b.csv": body[1::3], "c.csv": body[2::3]}
    for name, rows in parts.items():
        (folder / name).write_text("\n".join([header, *rows]))
    change(folder / "iris.toml", 'file = "iris.csv"', 'file = "a.csv"\nvalidation_file = "b.csv"\ntest_file = "c.csv"')
    change(folder / "iris.toml", "test = 0.3\nvalidation = 0.1\n", "")
    shown = run("train", "iris.toml").stdout
    assert "50 training, 50 validation, 50 test rows" in shown
    iris = load_iris()
    y = iris.target_names[iris.target]
    net = Network.load("iris.npz")
    assert f"test accuracy {net.score(iris.data[2::3], y[2::3], accuracy=True):.4f}" == shown.splitlines()[-1]
    assert net.score(iris.data[1::3], y[1::3]) == net.history["val_loss"][-1]


def test_without_rows_to_test_the_figures_say_which_rows_they_are_about(folder):
    change(folder / "iris.toml", "test = 0.3", "test = 0.0")
    assert "validation accuracy" in run("train", "iris.toml").stdout.splitlines()[-1]
    change(folder / "iris.toml", "validation = 0.1", "validation = 0.0")
    assert "training accuracy" in run("train", "iris.toml").stdout.splitlines()[-1]


def test_layers_may_be_named_one_by_one(folder):
    change(folder / "iris.toml", "layers = [4, 12, 3]\n", "")
    change(
        folder / "iris.toml",
        "[training]",
        '[[network.layers]]\nname = "dense"\nunits = 12\nactivation = "relu"\n'
        '[[network.layers]]\nname = "dense"\nunits = 3\nactivation = "softmax"\n[training]',
    )
    run("train", "iris.toml")
    np.testing.assert_array_equal(iris_by_hand()[0].parameters, Network.load("iris.npz").parameters)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs = 12", "epoch = 12", r"iris.toml: \[training\] has no key 'epoch'; did you mean 'epochs'\? it takes"),
        ("[output]", "[ouput]", r"has no key 'ouput'; did you mean 'output'\?"),
        (
            "divide_by = 8.0",
            "divide_by = 0",
            r"\[data\]: divide_by must be .* in \(0, inf\) or None; got 0",
        ),
        ("divide_by = 8.0", "standardise = true", r"no key 'standardise'; did you mean 'standardize'\?"),
        ("seed = 5", "seed = -5", r"\[data\]: split: seed must be an integer in \[0, inf\); got -5"),
        ("test = 0.3", "test = 0.95", "test = 0.95 and validation = 0.1 leave no rows to train with"),
        ("validation = 0.1", "validation = 0.001", r"\[data.split\]: the validation part of 150 rows would be empty"),
        ('file = "iris.csv"', 'file = "irises.csv"', r"irises.csv: No such file or directory. Paths are relative to"),
        ('file = "iris.csv"', 'file = "/no/iris.csv"', r"/no/iris.csv: No such file or directory\s*$"),
        ('file = "iris.csv"', "file = 3", r"\[data\]: file must be text; got 3"),
        ('file = "iris.csv"\n', "", r"\[data\] lacks the key 'file'"),
        ('target = "species"', 'target = "specie"', r"no column 'specie'; did you mean 'species'\?"),
        ('target = "species"', "target = 5", r"target must be a column name or a list of column names; got 5"),
        ('target = "species"', 'features = "sepal l"', r"features must be a list of column names; got 'sepal l'"),
        ('target = "species"', 'delimiter = "ab"', r"delimiter must be one character; got 'ab'"),
        ('target = "species"', 'test_file = "t.csv"', r"test_file and split.test are both given"),
        (
            "layers = [4, 12, 3]",
            "layers = [5, 12, 3]",
            r"layers begins with 5 inputs; the data have 4 inputs from 4 columns",
        ),
        ("layers = [4, 12, 3]", "layers = [4]", "expected the inputs and at least one layer"),
        ("layers = [4, 12, 3]", "layers = 4", r"layers is 4; expected a list, for example \[64, 32, 10\]"),
        ("layers = [4, 12, 3]", "layers = [4, 12, 2]", r"has 3 classes \('setosa', .*\); expected 2"),
        ("layers = [4, 12, 3]\n", "", "lacks the key 'hidden'"),
        (
            '"adam(learning_rate=0.02)"',
            '"adm"',
            r"called 'adm'\n +did you mean 'adam'[^$]*in \[network\] of",
        ),
        ('"adam(learning_rate=0.02)"', '"adam(lr=1)"', r"did you mean 'learning_rate'"),
        ('"softmax"', '"categorical_crossentropy"', r"no activation is called 'categorical_crossentropy'[^$]*loss"),
        ('metrics = ["accuracy"]', 'metrics = ["acuracy"]', "did you mean 'accuracy'"),
        ("epochs = 12", "epochs = 0", "epochs is 0; expected an integer, 1 or above"),
        ("[training]", "[training", r"iris.toml is not a TOML file: .*line 16, .*: '\[training'"),
        ("epochs = 12", "epochs = None", "line .*: 'epochs = None'. Text stands in quotes"),
        ('file = "iris.csv"', r'file = "x\iris.csv"', "Write paths with /"),
        ('file = "iris.csv"', 'file = "."', "is a folder; expected a file"),
        (
            "epochs = 12",
            "epochs = 12\nseed = 3",
            r"\[training\] has no key 'seed'; it belongs to \[data.split\] or \[network\]",
        ),
        ('target = "species"', "epochs = 3", r"\[data\] has no key 'epochs'; it belongs to \[training\]"),
        ("epochs = 12", "test_size = 0.2", r"'test_size'; write \[data.split\] test = 0.2"),
        ("epochs = 12", "lr = 0.2", r"'lr'; .*\[network\] optimizer = \"adam\(learning_rate=0.01\)\""),
        (
            "epochs = 12",
            "epochs = 'ten'",
            r"epochs is 'ten'; expected an integer, 1 or above\n +in \[training\] of iris.toml",
        ),
        ('target = "species"', "standardize = true", "standardize alone scales all features"),
        (
            '"categorical_crossentropy"',
            '"mean_squared_error"',
            r"the target 'species' has the text 'setosa' in line 2, but MeanSquaredError expects numbers",
        ),
    ],
)
def test_every_fault_is_a_sentence_before_anything_is_written(folder, old, new, said):
    change(folder / "iris.toml", old, new)
    before = sorted(path.name for path in folder.iterdir())
    shown = run("train", "iris.toml")
    assert 1 == shown.exit_code
    assert re.search(said, shown.stderr)
    assert shown.stderr.startswith("Error: ")
    assert "Traceback" not in shown.output
    assert "" == shown.stdout
    assert before == sorted(path.name for path in folder.iterdir())


def test_a_path_as_seen_from_the_wrong_folder_is_said_rightly(folder):
    inside = folder / "runs"
    inside.mkdir()
    (folder / "iris.toml").rename(inside / "iris.toml")
    shown = run("train", "runs/iris.toml")
    assert 1 == shown.exit_code
    assert "not to the one you are in, where there is one: write '../iris.csv'" in " ".join(shown.stderr.split())
    change(inside / "iris.toml", 'file = "iris.csv"', 'file = "../iris.csv"')
    assert 0 == run("train", "runs/iris.toml").exit_code


HEADLESS = (
    "",
    "data = 3\n[network]\nlayers = [4, 3]",
    "[data]\nfile = 'iris.csv'",
    "network = 3\n[data]",
)


@pytest.mark.parametrize("text", HEADLESS)
def test_a_file_without_its_sections_is_a_sentence(folder, text):
    (folder / "iris.toml").write_text(text)
    shown = run("train", "iris.toml")
    assert 1 == shown.exit_code
    assert re.search(r"has no section|expected a section|expected a table", shown.stderr)


def test_a_confusion_matrix_of_numbers_is_refused_before_training(folder):
    with (folder / "diabetes.toml").open("a") as file:
        file.write('[output]\nconfusion_matrix = "c.png"\n')
    shown = run("train", "diabetes.toml")
    assert (1, True) == (shown.exit_code, "confusion_matrix needs class targets; these are numeric" in shown.stderr)
    assert not Path("diabetes-model.npz").exists()


def test_pictures_without_matplotlib_name_the_extra_before_training(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shown = run("train", "iris.toml")
    assert (2, True) == (shown.exit_code, 'pip install "nnkit-core[plot]"' in shown.stderr)
    assert not Path("iris.npz").exists()


def test_ctrl_c_keeps_the_network_as_it_was_then(folder, monkeypatch):
    whole = Network.fit

    @functools.wraps(whole)
    def interrupted(self, X, y, **settings):
        whole(self, X, y, **settings | {"epochs": 2})
        raise KeyboardInterrupt

    monkeypatch.setattr(Network, "fit", interrupted)
    shown = run("train", "iris.toml")
    assert (130, "4 inputs; target: species") == (shown.exit_code, shown.stdout.splitlines()[-2])
    assert "Stopped after 2 epochs; iris.npz holds the network as it was then." in shown.stderr
    assert 2 == Network.load("iris.npz").epoch


def test_after_an_abort_the_same_command_goes_on_from_its_checkpoint(folder, monkeypatch):
    change(folder / "iris.toml", 'learning_curve = "curve.png"\nconfusion_matrix = "confusion.png"\n', "")
    command = ("train", "iris.toml", "--checkpoint", "run.npz", "--quiet")
    assert run(*command).exit_code == 0
    undisturbed = Network.load("iris.npz")
    assert not Path("run.npz").exists(), "a run that has ended needs no checkpoint"
    Path("iris.npz").unlink()
    saved, save = [], Network.save

    def aborted(self, path, **options):
        save(self, path, **options)
        saved.append(path)
        if len(saved) == 5:
            raise SystemExit("the machine went down")

    monkeypatch.setattr(Network, "save", aborted)
    assert run(*command).exit_code != 0
    assert not Path("iris.npz").exists()
    monkeypatch.setattr(Network, "save", save)
    assert Network.load("run.npz").epoch == 5
    other = run(*command, "--seed", "9")
    assert other.exit_code == 1
    assert "run.npz is the checkpoint of another experiment than iris.toml" in other.output
    assert run(*command).exit_code == 0
    assert not Path("run.npz").exists()
    resumed = Network.load("iris.npz")
    assert np.array_equal(resumed.parameters, undisturbed.parameters)
    assert resumed.history == undisturbed.history


def test_the_digits_of_make_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run("train", DIGITS)
    assert 0 == shown.exit_code
    accuracy = re.fullmatch(r"test accuracy (0\.\d{4})", shown.stdout.splitlines()[-1])
    assert float(accuracy[1]) >= 0.97
    assert {"nnkit-core", "nnkit-optimizers"} == set(Network.load("digits-model.npz").to_config()["providers"])
    for name in ("digits-learning-curve.png", "digits-confusion-matrix.png"):
        assert imread(name).std() > 0.05


def test_a_bug_of_a_part_keeps_its_traceback(folder, monkeypatch):
    @functools.wraps(Network.fit)
    def broken(self, *data, **settings):
        raise ZeroDivisionError

    monkeypatch.setattr(Network, "fit", broken)
    with pytest.raises(ZeroDivisionError):
        run("train", "iris.toml")
