"""Recipes: their choices, what replaces them, and the ensembles that they train."""

import json
import re

import attrs
import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.errors import DataError, FileFormatError, HyperparameterError, SpecError, TrainingWarning
from nnkit.files import container
from nnkit.inference import influence
from nnkit.interfaces import Choices, Example, Recipe, TableDescription
from nnkit.many import LeftOut, Limits

rng = np.random.default_rng(0)
ROWS = 90
X = rng.normal(size=(ROWS, 3))
Y = 50.0 + 10.0 * X[:, 0] * X[:, 1] + X[:, 2]
SHORT = {"epochs": 3, "members": 3, "seed": 0}


def table():
    """A frame with text, gaps, booleans, and a category that only two rows have."""
    cities = np.array(["Oslo", "Rome"])[(X[:, 0] > 0).astype(int)].astype(object)
    cities[[4, 70]] = "Lima"
    cities[7] = None
    ages = 40.0 + 10.0 * X[:, 1]
    ages[::9] = np.nan
    return pd.DataFrame({"city": cities, "age": ages, "member": X[:, 2] > 0})


@attrs.frozen(kw_only=True)
class Single(Recipe):
    """One network of one unit: a recipe of another package."""

    tasks = ("regression",)

    def choose(self, table):
        return Choices(network={"hidden": [1]}, training={"epochs": 2}, reasons={"hidden": "the smallest"})

    def operations(self, table, choices):
        return 100.0 * table.rows * choices.members


# -- choices -----------------------------------------------------------------------------------


def test_a_plan_states_what_was_chosen_and_why():
    plan = nnkit.Network.recipe("tabular", table(), Y, seed=3, members=2, epochs=7)
    assert attrs.asdict(plan.table) | {"offset": 0.0} == {
        "rows": ROWS,
        "numbers": 2,  # the age, and whether it is missing
        "indicators": 5,  # three cities, a missing one, and member
        "categories": (),
        "task": "regression",
        "outputs": 1,
        "offset": 0.0,
    }
    lines = {line.split()[0]: line for line in plan.describe().splitlines()}
    assert "2 (as passed)" in lines["members"]
    assert "7 (as passed)" in lines["epochs"]
    assert "left out" in lines["folds"]
    assert "robust_scale(clip=3.0)" in lines["preparation"]
    assert [network.seed for network in plan.networks()] == [3, 4]
    assert str(plan) == plan.describe()
    cheaper = nnkit.Network.recipe("tabular", table(), Y, seed=3, members=1, epochs=7)
    assert cheaper.operations == plan.operations / 2


def test_other_layers_keep_the_preparation_and_other_parts_replace_the_chosen_ones():
    plan = nnkit.Network.recipe("tabular", X, Y, hidden=[4], optimizer="sgd", preparation=("standardize",), seed=0)
    network = plan.networks()[0]
    assert [type(layer).__name__ for layer in network.layers] == ["Standardize", "Dense", "Dense"]
    assert network.model.widths == (3, 4, 1)
    assert type(network.optimizer).__name__ == "SGD"


def test_numbers_are_embedded_and_inputs_that_are_0_or_1_are_not():
    plan = nnkit.Network.recipe("tabular", table(), Y, seed=0)
    assert plan.model.widths[0] == 2 * (1 + 3) + 5  # each number with three columns of waves, five indicators
    (_, numbers), (_, indicators) = plan.composition.layers[0].children.items()
    assert [type(layer).__name__ for layer in numbers.children.values()] == ["RobustScale", "PeriodicEmbedding"]
    assert not indicators.parameter_specs(5)


def test_numbers_far_from_zero_are_trained_in_float64():
    x = X.copy()
    assert nnkit.Network.recipe("tabular", x, Y).composition.dtype == "float32"
    x[:, 1] += 1e7
    plan = nnkit.Network.recipe("tabular", x, Y)
    assert plan.composition.dtype == "float64"
    assert "dtype" in plan.choices.reasons


REFUSED = {
    "an unknown choice": (lambda: nnkit.Network.recipe("tabular", X, Y, member=2), SpecError, "did you mean 'members'"),
    "an unknown recipe": (lambda: nnkit.fit_recipe("tabluar", X, Y), LookupError, "tabular"),
    "another task": (
        lambda: nnkit.fit_recipe("fitnet", X, Y > 50),
        SpecError,
        "task 'binary'; it has them for regress",
    ),
    "integers": (lambda: nnkit.fit_recipe("tabular", X, np.arange(ROWS) % 2), DataError, "state which"),
    "a validation split": (
        lambda: nnkit.fit_recipe("tabular", X, Y, validation_split=0.2),
        DataError,
        "validation_split needs folds=0",
    ),
    "no hidden layers": (lambda: Choices(network={}), HyperparameterError, "expected a list 'hidden'"),
    "one fold": (lambda: Choices(network={"hidden": [1]}, folds=1), HyperparameterError, "folds must be 0, or 2"),
    "no inputs": (lambda: TableDescription(rows=3), HyperparameterError, "has no inputs"),
    "choices beside a plan": (
        lambda: nnkit.fit_recipe(nnkit.Network.recipe("tabular", X, Y), X, Y, epochs=2),
        DataError,
        "pass epochs to Network.recipe",
    ),
    "other rows than those of the plan": (
        lambda: nnkit.fit_recipe(nnkit.Network.recipe("tabular", X, Y), X[:50], Y[:50]),
        DataError,
        "y has 50 rows; the plan was made for 90",
    ),
}


@pytest.mark.parametrize(("call", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_understood_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_recipes_of_other_packages(monkeypatch, tmp_path):
    folder = tmp_path / "acme_recipes-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-recipes\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[nnkit.recipes]\nsingle = {__name__}:Single\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = nnkit.fit_recipe("acme-recipes/single", X, Y, seed=0)
    assert len(model) == 1
    assert model.networks[0].epoch == 2
    assert "acme-recipes/single" in model.notes["recipe"]
    report = nnkit.testing.check(Single, dtypes="float64")
    assert report.ok, str(report)


@attrs.frozen(kw_only=True)
class OneRowLate(nnkit.plugins.get("recipe", "tabular")):
    """The larger network begins at 3,001 rows instead of 3,000."""

    def choose(self, table):
        return super().choose(attrs.evolve(table, rows=table.rows - (table.rows == 3000)))


@attrs.frozen(kw_only=True)
class OtherDefault(nnkit.plugins.get("recipe", "fitnet")):
    """The members are combined in another way than the source says."""

    def choose(self, table):
        return attrs.evolve(super().choose(table), combine="median")


@attrs.frozen(kw_only=True)
class Incomplete(Single):
    """An example that leaves most of the choices open."""

    examples = (Example(inputs={"rows": 9, "numbers": 1}, expected={"members": 1}, source="by hand"),)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [(OneRowLate, "'(network|training)' differs"), (OtherDefault, "'combine' differs"), (Incomplete, "all fields")],
)
def test_choices_other_than_the_recorded_ones_are_found(recipe, words):
    report = nnkit.testing.check(recipe, dtypes="float64", only=["REC-REF"])
    assert not report.ok
    assert re.search(words, str(report)), str(report)


# -- ensembles ---------------------------------------------------------------------------------


def test_a_table_with_text_and_gaps_from_fit_to_intervals(tmp_path):
    model = nnkit.fit_recipe("tabular", table(), Y, **SHORT)
    bounds = model.intervals(table(), level=0.9)
    np.testing.assert_array_equal(bounds.prediction, model.predict(table()))
    assert (bounds.lower <= bounds.prediction).all()
    assert (bounds.prediction <= bounds.upper).all()
    assert model.left_out.error.shape == (54, 1)  # of five parts, three members left one out each
    assert sorted(set(model.left_out.member.tolist())) == [0, 1, 2]
    assert [row["name"] for row in model.notes["table"]] == ["member 1", "member 2", "member 3"]
    model.save(tmp_path / "model.npz")
    again = nnkit.Ensemble.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.intervals(table(), level=0.9).upper, bounds.upper)
    assert (again.combine, again.notes) == (model.combine, model.notes)
    tree = container.read(tmp_path / "model.npz", what="ensemble")
    whole = {"error": [[1.0]], "member": [0], "row": [0]}
    for wrong in (
        whole | {"error": ["x"]},
        whole | {"member": [0, 1]},
        whole | {"row": []},
        {"errors": []},
        "left out",
    ):
        container.write(tmp_path / "damaged.npz", {**tree, "left_out": wrong}, what="ensemble")
        with pytest.raises(FileFormatError, match="damaged"):
            nnkit.Ensemble.load(tmp_path / "damaged.npz")
    with pytest.warns(TrainingWarning, match="far outside those of training: 'age' of row 0 is 900"):
        again.predict(table().assign(age=900.0)[:1])


def test_members_are_the_networks_of_their_own_fits():
    plan = nnkit.Network.recipe("tabular", X, Y, **SHORT)
    model = nnkit.fit_recipe(plan, X, Y, jobs=2)
    left_out = model.left_out
    for place, (network, member) in enumerate(zip(plan.networks(), model.networks, strict=True)):
        assert member.seed == network.seed
        own = left_out.member == place
        rows = left_out.row[own]
        assert len(rows) == 18  # every fifth row
        # in float32, other batches may round differently
        np.testing.assert_allclose(left_out.error[own, 0], member.predict(X)[rows, 0] - Y[rows], atol=1e-4)
        others = np.setdiff1d(np.arange(ROWS), rows)
        network.fit(X[others], Y[others], validation_data=(X[rows], Y[rows]), **plan.choices.training)
        np.testing.assert_array_equal(network.parameters, member.parameters)


def test_a_rare_class_is_a_class_of_every_member():
    labels = np.where(X[:, 0] > 0.5, "yes", "no").astype(object)
    labels[[3, 60]] = "perhaps"
    model = nnkit.fit_recipe("tabular", X, labels, task="multiclass", **SHORT)
    assert {network.classes for network in model.networks} == {("no", "perhaps", "yes")}
    assert set(model.predict(X, labels=True)) <= set(labels)
    assert model.left_out is None
    weighted = nnkit.fit_recipe("tabular", X, labels, task="multiclass", sample_weight=np.ones(ROWS), **SHORT)
    np.testing.assert_allclose(weighted.predict(X), model.predict(X), rtol=1e-4)


def test_one_member_and_members_on_all_rows():
    alone = nnkit.fit_recipe("tabular", X, Y, seed=0, epochs=2, members=1)
    assert len(alone.left_out.error) == ROWS // 5
    with pytest.raises(DataError, match="one network; the spread"):
        alone.spread(X)
    every = nnkit.fit_recipe("tabular", X, Y, folds=0, callbacks=[], **SHORT)
    assert every.left_out is None
    with pytest.raises(DataError, match="no errors of rows that were left out"):
        every.intervals(X)


@pytest.mark.parametrize("recipe", ["tabular", "fitnet"])
def test_a_bad_target_or_weight_is_named_by_its_row_in_all_of_the_data(recipe):
    bad = np.where(np.arange(ROWS) == 80, np.nan, 1.0)
    with pytest.raises(DataError, match=r"^y\[80\] is nan"):
        nnkit.fit_recipe(recipe, X, Y * bad, seed=0, epochs=1)
    with pytest.raises(DataError, match=r"^sample_weight\[80\] is nan"):
        nnkit.fit_recipe(recipe, X, Y, sample_weight=bad, seed=0, epochs=1)


def test_failed_members_are_reported_and_all_failed_is_an_error():
    class Fails(nnkit.interfaces.Callback):
        __slots__ = ()

        def on_train_begin(self, view):
            if view.samples > 71 or self.every:
                raise ValueError("no")

    Fails.every = False
    with pytest.warns(TrainingWarning, match="1 of 5 members could not be trained; member 5: ValueError: no"):
        model = nnkit.fit_recipe("tabular", X[:89], Y[:89], seed=0, epochs=1, callbacks=[Fails()])
    assert len(model) == 4
    Fails.every = True
    with pytest.raises(DataError, match="no member could be trained; member 1: ValueError: no"):
        nnkit.fit_recipe("tabular", X, Y, seed=0, epochs=1, callbacks=[Fails()])


def test_fitnet_reports_searches_without_an_end_and_used_up_degrees_of_freedom():
    with pytest.warns(TrainingWarning, match="2 of 2 searches made all their 2 steps"):
        nnkit.fit_recipe("fitnet", X, Y, seed=0, epochs=2, members=2)
    with (
        pytest.warns(TrainingWarning, match="of 22 degrees of freedom are used up"),
        pytest.warns(TrainingWarning, match="made all their 60 steps"),
    ):
        nnkit.fit_recipe("fitnet", X[:30], Y[:30], seed=0, members=2, folds=4, hidden=[10], epochs=60)


def test_fitnet_ends_at_its_largest_evidence_and_holds_far_predictions():
    x, y = X, 3.0 * X[:, 0] + rng.normal(size=ROWS)
    model = nnkit.fit_recipe("fitnet", x, y, seed=0, members=3)
    np.testing.assert_array_equal(model.predict(x), model.members(x).mean(axis=0))
    middle = attrs.evolve(model, combine="median")
    np.testing.assert_array_equal(middle.predict(x), np.median(model.members(x), axis=0))
    assert all("log_evidence has not improved" in row["stopped"] for row in model.notes["table"])
    far = x[:2] * 1e6
    with pytest.warns(TrainingWarning, match=r"inputs of 2 rows \(0, 1; counted from 0\) are far outside"):
        clipped = model.predict(far)
    reach = y.max() - y.min()
    assert (y.min() - reach <= clipped).all()
    assert (clipped <= y.max() + reach).all()


def test_predictions_far_outside_are_clipped_with_a_warning():
    limits = Limits.of(X, Y[:, None])
    reach = Y.max() - Y.min()
    with pytest.warns(TrainingWarning, match=r"predictions for row 1 \(counted from 0\) are far outside"):
        clipped = limits.clipped(np.array([[50.0], [Y.max() + 3.0 * reach]]))
    np.testing.assert_allclose(clipped, [[50.0], [Y.max() + reach]])
    assert limits.outside(X).sum() == 0
    assert limits.outside(X + np.array([0.0, 100.0, 0.0])).all(axis=0).tolist() == [False, True, False]


def test_the_rounding_of_a_constant_target_causes_no_warning():
    limits = Limits.of(X, np.column_stack([Y, np.full(len(Y), 0.5)]))
    prediction = limits.clipped(np.array([[Y[0], 0.5 - 1e-9], [Y[1], np.nan]]))  # warnings are errors in tests
    np.testing.assert_array_equal(prediction, [[Y[0], 0.5], [Y[1], np.nan]])
    with pytest.warns(TrainingWarning, match=r"row 1 .*far outside.*3 for row 1, where these were 0.5 to 0.5"):
        assert limits.clipped(np.array([[Y[0], 0.5], [Y[1], 3.0]]))[1, 1] == 0.5


# -- intervals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_bounds_are_the_definition_of_the_paper(level):
    errors, members = rng.normal(size=(57, 2)), rng.integers(0, 4, size=57)
    predictions = rng.normal(size=(4, 6, 2))
    left_out = LeftOut(error=errors, member=members, row=np.arange(57))
    lower, upper = left_out.bounds(predictions, level)
    for row in range(6):
        for output in range(2):
            down = sorted(predictions[m, row, output] - abs(e) for m, e in zip(members, errors[:, output], strict=True))
            up = sorted(predictions[m, row, output] + abs(e) for m, e in zip(members, errors[:, output], strict=True))
            alpha = 1.0 - level
            assert lower[row, output] == down[int(np.floor(alpha * 58 + 1e-9)) - 1]  # Barber et al. (2021), eq. (1)
            assert upper[row, output] == up[int(np.ceil((1.0 - alpha) * 58 - 1e-9)) - 1]


def test_rows_left_out_by_several_members_count_once():
    errors, predictions = rng.normal(size=(30, 1)), rng.normal(size=(2, 6, 1))
    rows, members = np.arange(30), rng.integers(0, 2, size=30)
    once = LeftOut(error=errors, member=members, row=rows)
    thrice = LeftOut(error=np.tile(errors, (3, 1)), member=np.tile(members, 3), row=np.tile(rows, 3))
    for level in (0.5, 0.8, 0.96):
        np.testing.assert_array_equal(thrice.bounds(predictions, level), once.bounds(predictions, level))
    with pytest.raises(DataError, match=r"level=0.97 needs 33 rows that were left out, and there are 30"):
        thrice.bounds(predictions, 0.97)


def test_members_of_a_solver_on_all_rows_have_the_errors_of_rows_as_if_left_out():
    weight = rng.uniform(0.5, 2.0, size=ROWS)
    model = nnkit.fit_recipe("fitnet(units=2)", table(), Y, seed=0, members=2, folds=0, sample_weight=weight)
    for place, network in enumerate(model.networks):
        own = model.left_out.member == place
        statistics = influence(network, table(), Y, sample_weight=weight)
        np.testing.assert_array_equal(model.left_out.row[own], np.arange(ROWS))
        np.testing.assert_array_equal(model.left_out.error[own], statistics.left_out_error)
        assert (np.abs(statistics.left_out_error) >= np.abs(statistics.error)).all()


@pytest.mark.parametrize("folds", [0, 5])
def test_intervals_cover_whatever_the_noise(folds):
    x = rng.uniform(-2.0, 2.0, size=(1200, 1))
    y = np.sin(x[:, 0]) + rng.standard_t(3, size=1200) * 0.3
    model = nnkit.fit_recipe("fitnet(units=3)", x[:300], y[:300], seed=0, folds=folds)
    bounds = model.intervals(x[300:])
    covered = np.mean((bounds.lower[:, 0] <= y[300:]) & (y[300:] <= bounds.upper[:, 0]))
    assert 0.93 <= covered <= 0.975
    with pytest.raises(DataError, match=r"level=0.999 needs 999 rows that were left out, and there are 300"):
        model.intervals(x, level=0.999)


def test_choices_are_plain_data():
    choices = nnkit.plugins.create("recipe", "tabular(members=2)").choose(TableDescription(rows=10, numbers=1))
    assert Choices(**json.loads(json.dumps(attrs.asdict(choices)))) == choices


GAPS = {
    "array": lambda X: X,
    "rows with None": lambda X: [[None if np.isnan(v) else v for v in row] for row in X.tolist()],
    "objects": lambda X: np.where(np.isnan(X), None, X),
    "masked array": np.ma.masked_invalid,
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("container", GAPS)
def test_numbers_with_missing_values_get_the_rule_of_a_table_from_every_container(tmp_path, container):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 3))
    y = X @ [1.0, -2.0, 0.5]
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 2] = np.nan_to_num(X[:, 2])
    choices = {"seed": 0, "members": 1, "epochs": 2}
    model = nnkit.fit_recipe("tabular", GAPS[container](X), y, **choices)
    expected = nnkit.fit_recipe("tabular", pd.DataFrame(X, columns=["a", "b", "c"]), y, **choices)
    np.testing.assert_array_equal(expected.predict(pd.DataFrame(X, columns=["a", "b", "c"])), model.predict(X))
    assert f"'0': median {np.nanmedian(X[:, 0]):.6g} where missing, '1'" in model.notes["recipe"]
    model.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(model.predict(X), nnkit.Ensemble.load(tmp_path / "m.npz").predict(GAPS[container](X)))
