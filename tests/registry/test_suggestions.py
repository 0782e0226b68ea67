"""Suggestions: names of other libraries first, then a slip of the pen, and never something of another meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit import plugins
from nnkit.errors import SpecError, UnknownNameError
from nnkit.registry import suggest
from nnkit.registry.builtins import FOREIGN
from nnkit.registry.kinds import KINDS
from nnkit.spelling import key
from nnkit.spelling import suggest as nearest


def answer(kind, spec):
    with pytest.raises((UnknownNameError, SpecError)) as caught:
        plugins.create(kind, spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "word", "meant"),
    [
        ("activation", "tansig", "tanh"),
        ("activation", "logsig", "sigmoid"),
        ("activation", "purelin", "identity"),
        ("activation", "rleu", "relu"),
        ("loss", "ce", "categorical_crossentropy' or 'sparse_categorical_crossentropy"),
        ("loss", "bce", "binary_crossentropy"),
        ("loss", "mean_square_error", "mean_squared_error"),
        ("initializer", "xavier_uniform", "glorot_uniform"),
        ("initializer", "kaiming_normal", "he_normal"),
        ("metric", "acc", "accuracy"),
        ("metric", "r2_score", "r2"),
        ("callback", "ModelCheckpoint", "checkpoint"),
        ("optimizer", "adma", "adam"),
        ("optimizer", "lm", "levenberg_marquardt"),
        ("optimizer", "adam(lr=0.1)", "learning_rate"),
        ("activation", "leaky_relu(alpha=0.1)", "negative_slope"),
        ("regularizer", "lasso", "l1"),
    ],
)
def test_what_was_meant(kind, word, meant):
    assert f"did you mean '{meant}'?" in answer(kind, word)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("metric", "msle"),
        ("activation", "relu6"),
        ("activation", "celu"),
        ("activation", "linear_warmup"),
        ("optimizer", "trainoss"),
        ("optimizer", "adam(zzz=0.1)"),
        ("regularizer", "l3"),
        ("initializer", "zzz"),
    ],
)
def test_nothing_of_another_meaning_is_suggested(kind, word):
    assert "did you mean" not in answer(kind, word)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("hidden_layer_sizes", ["layers"]),
        ("random_state", ["seed"]),
        ("max_iter", ["epochs"]),
        ("n_epochs", ["epochs"]),
        ("optimiser", ["optimizer"]),
        ("wibble", []),
    ],
)
def test_arguments_of_other_libraries(word, meant):
    assert suggest(word, ["layers", "seed", "epochs", "optimizer", "loss"], about="argument") == meant


def test_a_counterpart_that_is_not_there_is_not_suggested():
    assert suggest("traincgf", ["sgd", "adam"], about="optimizer") == []
    assert suggest("traincgf", ["sgd", "conjugate_gradient"], about="optimizer") == ["conjugate_gradient"]


def test_every_foreign_name_is_of_a_kind_and_not_nnkits_own():
    assert set(FOREIGN) == {*KINDS, "hyperparameter", "argument"}
    for kind in KINDS:
        own = {key(name) for name in plugins.names(kind)}
        taken = [name for name, target in FOREIGN[kind].items() if key(name) in own and target != name]
        assert not taken, f"{taken} are names of {kind} parts themselves"


@given(st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=5, max_size=12), st.data())
def test_one_slip_is_recognized_wherever_it_is(word, data):
    place = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.characters(codec="ascii", categories=["Ll"]))
    for slip in (
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:],
        word[:place] + letter + word[place + 1 :],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    ):
        assert nearest(slip, ["0" * 20, word]) == [word]
        assert nearest(slip, ["0" * 20]) == []


def test_the_nearest_comes_first_and_short_words_need_the_same_letters():
    assert nearest("adamw2", ["adam", "adamw"]) == ["adamw"]
    assert nearest("batch_nrom", ["layer_norm", "batch_norm"]) == ["batch_norm"]
    assert nearest("sdg", ["sgd"]) == ["sgd"]
    assert nearest("l3", ["l1", "l2"]) == []
