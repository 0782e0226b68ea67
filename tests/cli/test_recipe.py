"""``[network] recipe``: an experiment whose choices are those of a recipe."""

import numpy as np
import pytest
from click.testing import CliRunner

import nnkit
from nnkit.cli.app import nnkit as program

rng = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    x = rng.normal(size=(80, 2))
    price = 100.0 + 20.0 * x[:, 0] * x[:, 1]
    lines = [
        f"{a:.4f},{'Oslo' if a > 0 else 'Rome'},{'' if b > 1.5 else f'{b:.4f}'},{p:.3f}"
        for (a, b), p in zip(x, price, strict=True)
    ]
    (tmp_path / "houses.csv").write_text("\n".join(["size,city,age,price", *lines]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(folder, network, *arguments, data="split = { test = 0.2, validation = 0.2 }", training="epochs = 4"):
    (folder / "houses.toml").write_text(
        f'[data]\nfile = "houses.csv"\n{data}\n[network]\n{network}\n[training]\n{training}\n'
    )
    return CliRunner().invoke(program, ["train", "houses.toml", *arguments], prog_name="nnkit")


def test_a_recipe_chooses_the_network_and_the_training(folder):
    shown = train(folder, 'recipe = "tabular"\nseed = 3')
    assert shown.exit_code == 0, shown.output
    assert "recipe          nnkit/tabular" in shown.output
    assert "4 (as passed)" in shown.output
    model = nnkit.Network.load(folder / "houses-model.npz")
    assert (model.seed, model.epoch, model.dtype) == (3, 4, "float32")
    assert model.composition.target_scaling == "standardize"
    assert "val_loss" in model.history
    predicted = CliRunner().invoke(program, ["predict", "houses-model.npz", "houses.csv"], prog_name="nnkit")
    assert predicted.exit_code == 0, predicted.output
    resumed = train(folder, 'recipe = "tabular"\nseed = 3', "--resume", "houses-model.npz", "--epochs", "6")
    assert resumed.exit_code == 0, resumed.output
    assert nnkit.Network.load(folder / "houses-model.npz").epoch == 6


def test_keys_replace_choices_of_the_recipe(folder):
    shown = train(folder, 'recipe = "fitnet"\nhidden = [3]\nseed = 0', training="epochs = 30", data="")
    assert shown.exit_code == 0, shown.output
    model = nnkit.Network.load(folder / "houses-model.npz")
    assert model.model.widths[-2:] == (3, 1)
    assert "log_evidence" in model.history


@pytest.mark.parametrize(
    ("network", "data", "words"),
    [
        ('recipe = "tabular"', "", "[data.split] validation = 0.2"),
        ('recipe = "tabluar"', "split = { validation = 0.2 }", "did you mean 'tabular'"),
        ('recipe = "tabular"\nlayers = [4, 1]', "", "leave layers, divide_by and standardize out"),
        ('recipe = "tabular"', "standardize = true", "leave layers, divide_by and standardize out"),
        ("seed = 1", "", "or 'recipe'"),
    ],
)
def test_what_a_recipe_cannot_do_is_refused(folder, network, data, words):
    shown = train(folder, network, data=data)
    assert shown.exit_code != 0
    assert words in " ".join(shown.output.split())
