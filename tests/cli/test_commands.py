"""Commands lose nothing: outputs are checked first, inputs stay, trainings resume, faults are sentences."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnkit import Network
from nnkit.cli.app import nnkit

EXPERIMENT = """
[data]
file = "flowers.csv"
[network]
layers = [2, 6, 2]
output_activation = "softmax"
loss = "categorical_crossentropy"
seed = 1
[training]
epochs = 4
"""


def run(*arguments):
    return CliRunner().invoke(nnkit, [*map(str, arguments)], prog_name="nnkit", catch_exceptions=False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    names = np.where(X[:, 0] + 0.3 * rng.normal(size=80) > 0, "rose", "lilie")
    lines = ["width,height,kind", *(f"{a!r},{b!r},{c}" for (a, b), c in zip(X.tolist(), names, strict=True))]
    (tmp_path / "flowers.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "e.toml").write_text(EXPERIMENT)
    return tmp_path


def add(path, text):
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('learning_curve = "curve.bmp"', r"learning_curve is 'curve.bmp'; a picture ends in .png, .pdf, .svg"),
        ('model = "flowers.csv"', "model is 'flowers.csv', which is an input"),
        ('model = "e.toml"', "model is 'e.toml', which is an input"),
        ('model = "./same.png"\nlearning_curve = "same.png"', "learning_curve and model are both 'same.png'"),
        ('learning_curve = "a.png"\nconfusion_matrix = "a.png"', "confusion_matrix and learning_curve are both"),
        ('model = "folder"', "model is 'folder', which is a folder"),
        ('model = "flowers.csv/m.npz"', "could not be written: flowers.csv is not a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_training(folder, output, said):
    (folder / "folder").mkdir()
    add(folder / "e.toml", f"[output]\n{output}\n")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    shown = run("train", "e.toml")
    assert (1, "") == (shown.exit_code, shown.stdout)
    assert said in shown.stderr
    assert before == {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_folders_of_outputs_are_made(folder):
    add(folder / "e.toml", '[output]\nmodel = "runs/today/m.npz"\nlearning_curve = "pictures/l.svg"\n')
    assert 0 == run("train", "e.toml").exit_code
    assert (folder / "runs/today/m.npz").exists()
    assert (folder / "pictures/l.svg").exists()


def test_predict_never_replaces_what_it_reads(folder):
    run("train", "e.toml", "--quiet")
    for output in ("e-model.npz", "flowers.csv"):
        before = (folder / output).read_bytes()
        shown = run("predict", "e-model.npz", "flowers.csv", "--output", output)
        assert (1, True) == (shown.exit_code, "which is an input" in shown.stderr)
        assert before == (folder / output).read_bytes()


def test_a_training_in_two_parts_is_the_training_in_one(folder):
    assert 0 == run("train", "e.toml", "--epochs", "4", "--output", "once", "--quiet").exit_code
    assert 0 == run("train", "e.toml", "--epochs", "2", "--output", "twice", "--quiet").exit_code
    shown = run("train", "--resume", "twice/e-model.npz", "--epochs", "4")
    assert (0, "") == (shown.exit_code, shown.stderr)
    once, twice = Network.load("once/e-model.npz"), Network.load("twice/e-model.npz")
    np.testing.assert_array_equal(once.parameters, twice.parameters)
    assert once.history == twice.history
    assert 4 == twice.epoch
    assert 0 == run("train", "--resume", "twice/e-model.npz", "--epochs", "5", "--output", "third").exit_code
    assert (4, 5) == tuple(Network.load(f"{name}/e-model.npz").epoch for name in ("twice", "third"))


def test_what_cannot_be_resumed_is_a_sentence(folder):
    run("train", "e.toml", "--quiet")
    assert "name the experiment file" in run("train").stderr
    shown = run("train", "--resume", "e-model.npz", "--set", "network.seed=3")
    assert (2, True) == (shown.exit_code, "network.seed cannot be set any more" in shown.stderr)
    shown = run("train", "--resume", "e-model.npz", "--set", "training.batch_size=7")
    assert (1, True) == (shown.exit_code, "batch_size=7 instead of 32" in shown.stderr)
    Network([2, 1], seed=0).save("plain.npz")
    assert "was not trained by nnkit train" in run("train", "--resume", "plain.npz").stderr
    add(folder / "e.toml", "resume = true\n")
    assert "has no key 'resume'" in run("train", "e.toml").stderr


def test_values_of_the_command_line_replace_those_of_the_file(folder):
    arguments = (
        "--set",
        "network.seed=3",
        "--set",
        "network.optimizer=sgd(learning_rate=0.5)",
        "--set",
        "data.split.seed=4",
    )
    assert 0 == run("train", "e.toml", *arguments).exit_code
    network = Network.load("e-model.npz")
    assert (3, 0.5) == (network.seed, network.optimizer.learning_rate)
    assert {"network.seed": 3, "data.split.seed": 4}.items() <= network.notes["settings"].items()
    for text, said in (
        ("network.sed=3", "has no key 'sed'"),
        ("seed=3", "expected SECTION.KEY=VALUE"),
        ("network.seed", "expected SECTION.KEY=VALUE"),
        ("network.seed.more=1", "seed is 1, which has no keys"),
        ("network.seed=-3", "seed is -3"),
    ):
        shown = run("train", "e.toml", "--set", text)
        assert (1, True) == (shown.exit_code, said in shown.stderr)


def test_the_report_says_why_it_ended_and_with_which_parameters(folder):
    add(
        folder / "e.toml", 'callbacks = ["early_stopping(patience=2, min_delta=0.2)"]\n[data.split]\nvalidation = 0.3\n'
    )
    shown = run("train", "e.toml", "--epochs", "60").stdout
    network = Network.load("e-model.npz")
    assert f"stopped after epoch {network.epoch}: val_loss has not improved for 2 epochs" in shown
    assert network.epoch < 60
    assert f"the parameters are those of epoch {network.epoch - 2}\n" in shown
    add(folder / "e.toml", "")
    shown = run("train", "e.toml", "--epochs", "1").stdout
    assert "stopped" not in shown
    assert "the parameters are" not in shown
    shown = run("train", "--resume", "e-model.npz").stdout  # nothing is left to do
    assert "1 epoch in" in shown
    assert "no epoch was left to train of the run in e-model.npz" in shown
    assert "the parameters are" not in shown


def test_an_override_replaces_a_part_of_the_file(folder):
    run("train", "e.toml", "--quiet")
    (folder / "mine.py").write_text(
        "import numpy as np\nimport attrs\nfrom nnkit.interfaces import Elementwise\n"
        "@attrs.frozen(kw_only=True)\nclass Sine(Elementwise):\n"
        "    def forward(self, z):\n        return np.sin(z)\n"
        "    def derivative(self, z, a):\n        return np.cos(z)\n"
    )
    plain = run("predict", "e-model.npz", "flowers.csv").stdout
    other = run("predict", "e-model.npz", "flowers.csv", "--override", "layers[0].activation=mine:Sine")
    assert (0, True) == (other.exit_code, other.stdout != plain)
    assert "loss: Huber" in run("describe", "e-model.npz", "--override", "loss=huber").stdout
    for text, code, said in (
        ("loss", 2, "expected PLACE=PART"),
        ("los=huber", 1, "did you mean 'loss'"),
        ("loss=mine:Cosine", 2, "has no 'Cosine'"),
    ):
        shown = run("predict", "e-model.npz", "flowers.csv", "--override", text)
        assert (code, True) == (shown.exit_code, said in shown.stderr)


@pytest.mark.parametrize(("delimiter", "code"), [("\\t", 0), ("tab", 0), ("", 2), ("::", 2)])
def test_delimiters(folder, delimiter, code):
    run("train", "e.toml", "--quiet")
    (folder / "tabs.txt").write_text((folder / "flowers.csv").read_text().replace(",", "\t"))
    assert code == run("predict", "e-model.npz", "tabs.txt", "--delimiter", delimiter).exit_code


def reordered(folder):
    """The same rows with the class in the first column."""
    rows = [line.split(",") for line in (folder / "flowers.csv").read_text().splitlines()]
    (folder / "other.csv").write_text("\n".join(",".join([row[2], row[1], row[0]]) for row in rows))


def test_a_test_file_has_the_target_of_the_training_file_wherever_it_is(folder):
    reordered(folder)
    (folder / "same.csv").write_text((folder / "flowers.csv").read_text())
    values = {}
    for name in ("same.csv", "other.csv"):
        shown = run("train", "e.toml", "--set", f"data.test_file={name}")
        assert 0 == shown.exit_code
        values[name] = [line for line in shown.stdout.splitlines() if line.startswith("test ")]
    assert values["same.csv"] == values["other.csv"] != []


def test_pictures_are_of_the_target_of_the_training(folder):
    reordered(folder)
    run("train", "e.toml", "--quiet")
    for arguments in ((), ("--target", "kind")):
        shown = run("plot", "e-model.npz", "--data", "other.csv", "--output", "p", "--format", "svg", *arguments)
        assert (0, True) == (shown.exit_code, "confusion-matrix" in shown.stdout)
    assert "rose" in (folder / "p/e-model-confusion-matrix.svg").read_text()
    shown = run("plot", "e-model.npz", "--data", "other.csv", "--target", "knid")
    assert (1, True) == (shown.exit_code, "did you mean 'kind'" in shown.stderr)


def test_an_experiment_file_may_begin_with_a_byte_order_mark(folder):
    (folder / "e.toml").write_bytes(b"\xef\xbb\xbf" + EXPERIMENT.encode())
    assert 0 == run("train", "e.toml").exit_code


def test_a_width_that_memory_cannot_hold_is_a_sentence(folder):
    shown = run("train", "e.toml", "--set", "network.layers=[2, 10000000000, 2]")
    assert (1, "") == (shown.exit_code, shown.stdout)
    assert shown.stderr.startswith("Error: ")


def process(*arguments, **options):
    program = [sys.executable, "-c", "from nnkit.cli import main; main()", *arguments]
    return subprocess.run(program, capture_output=options.get("stdout") is None, check=False, **options)


def test_a_terminal_of_any_encoding_shows_every_name(folder):
    table = (folder / "flowers.csv").read_text().replace("lilie", "百合")
    (folder / "flowers.csv").write_text(table, encoding="utf-8")
    ended = process("train", "e.toml", env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert (0, b"") == (ended.returncode, ended.stderr)
    assert b"\\u767e\\u5408" in ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_a_sentence(folder):
    run("train", "e.toml", "--quiet")
    with Path("/dev/full").open("w") as full:
        ended = process("predict", "e-model.npz", "flowers.csv", stdout=full, stderr=subprocess.PIPE)
    assert (1, b"Error: standard output could not be written: No space left on device\n") == (
        ended.returncode,
        ended.stderr,
    )
