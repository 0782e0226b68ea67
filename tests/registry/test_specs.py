"""Specs: every way to say which part is meant, and the answer to every way that is wrong."""

import contextlib

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit import plugins
from nnkit.activations.function import FunctionActivation
from nnkit.errors import HyperparameterError, NNKitError, SpecError, UnknownNameError
from nnkit.interfaces import Elementwise, Optimizer
from nnkit.interfaces.fields import part, rate, real
from nnkit.losses.function import FunctionLoss
from nnkit.optimizers.update_only import UpdateOnly
from nnkit.registry import resolve
from nnkit.registry.kinds import KINDS, kind_of
from nnkit.spelling import parse

Leaky = plugins.get("activation", "leaky_relu")
Adam = plugins.get("optimizer", "adam")


@attrs.frozen(kw_only=True)
class Holder(Elementwise):
    """An unregistered part that holds others."""

    inner: object = part("activation", "leaky_relu(negative_slope=0.5)")
    pace: object = rate(0.1)
    needed: float = real()

    def forward(self, z):
        return z

    def derivative(self, z, a):
        return np.ones_like(z)


@pytest.mark.parametrize(
    "spec",
    [
        "leaky_relu(negative_slope=0.2)",
        " Leaky-ReLU ( negative_slope = 2e-1, ) ",
        "nnkit/leaky_relu(negative_slope=0.2)",
        "NNKit-Core/LeakyReLU(\n negative_slope=0.2  # comment\n)",
        {"name": "leaky_relu", "negative_slope": 0.2},
        Leaky(negative_slope=0.2),
    ],
)
def test_every_form_of_a_spec_makes_the_same_part(spec):
    assert Leaky(negative_slope=0.2) == plugins.create("activation", spec)


@pytest.mark.parametrize("spec", ["leaky_relu", "leaky_relu()", {"name": "leaky_relu"}, Leaky, Leaky()])
def test_defaults_are_the_classs_own(spec):
    assert Leaky() == plugins.create("activations", spec)


def test_an_instance_stays_the_same_object():
    made = Leaky()
    assert plugins.create("activation", made) is made


@pytest.mark.parametrize(("alias", "name"), [("logistic", "sigmoid"), ("linear", "identity")])
def test_aliases(alias, name):
    assert plugins.get("activation", alias) is plugins.get("activation", name)
    assert alias not in plugins.names("activation")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_accepted_in_both_numbers(kind):
    assert kind_of(kind) is kind_of(KINDS[kind].plural) is kind_of(kind.upper())


@pytest.mark.parametrize("kind", ["activatoin", 3])
def test_a_wrong_kind_is_answered_with_the_kinds(kind):
    with pytest.raises(UnknownNameError, match=r"not a kind of part.*activation, loss, optimizer"):
        plugins.names(kind)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(lambda word: word.isidentifier()),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"])),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_parse_is_the_inverse_of_writing(keywords):
    import keyword

    keywords = {name: value for name, value in keywords.items() if not keyword.iskeyword(name)}
    written = f"some-pkg/part({', '.join(f'{name}={value!r}' for name, value in keywords.items())})"
    assert ("some-pkg/part", keywords) == parse(written)


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_on_purpose(text):
    for spec in (text, f"adam({text})"):
        with contextlib.suppress(NNKitError):  # anything else, a warning too, fails the test
            assert "optimizer" == plugins.create("optimizer", spec).kind


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("adam(0.1)", "argument without a keyword"),
        ("adam(**{'beta1': 0.1})", "argument without a keyword"),
        ("adam(learning_rate=)", "cannot be understood"),
        ("adam(learning_rate=0.1)(2)", "cannot be understood"),
        ("adam(learning_rate=0.1, learning_rate=0.2)", "gives learning_rate twice"),
        ("adam(learning_rate=__import__('os').getcwd())", r"is not a literal"),
        (
            "adam(learning_rate=cosine(initial=0.1))",
            r"write the part in quotes: learning_rate='cosine\(initial=0\.1\)'",
        ),
        ("adam(learning_rate=1 if 1 else 2)", "is not a literal"),
        ("", "cannot be understood"),
        ("adam(learning_rate=0.1", "cannot be understood"),
        ("adam(" + "(" * 5000 + ")", "cannot be understood"),
        ("adam(lr=0.1)", "no hyperparameter 'lr'; did you mean 'learning_rate'"),
        ("adam(zzz=0.1)", "no hyperparameter 'zzz'; its hyperparameters are learning_rate, beta1"),
        ({"learning_rate": 0.1}, "has no name"),
        ({"name": 3}, "has no name"),
        ({"name": "adam(beta1=0.5)"}, "is a spec, not a name"),
        (None, "None is no optimizer; expected one of: a name"),
        (3.5, "3.5 is no optimizer"),
        (Leaky, "LeakyReLU is an activation, not an optimizer"),
        (Leaky(), "is an activation, not an optimizer"),
        (int, "the class int is no optimizer"),
        ((np.sin, np.cos), "is no optimizer"),
        (Optimizer, "not a complete optimizer: it does not implement init, update"),
    ],
)
def test_a_spec_that_cannot_be_understood(spec, sentence):
    with pytest.raises(SpecError, match=sentence):
        plugins.create("optimizer", spec)


def test_a_hyperparameter_out_of_range_names_part_and_range():
    with pytest.raises(HyperparameterError, match=r"LeakyReLU\(negative_slope=1\.5\).*\[0, 1\)"):
        plugins.create("activation", "leaky_relu(negative_slope=1.5)")


def test_get_takes_names_alone():
    with pytest.raises(SpecError, match=r"a spec, not a name; nnkit\.plugins\.create"):
        plugins.get("optimizer", "adam(learning_rate=1.0)")
    for torn in ("/adam", "nnkit/", ""):
        with pytest.raises(SpecError, match="is not the name of a part; expected 'name' or 'distribution/name'"):
            plugins.get("optimizer", torn)
    with pytest.raises(SpecError, match="is a string; got 3"):
        plugins.get("optimizer", 3)


def test_names_of_other_kinds_say_so():
    with pytest.raises(UnknownNameError, match="'nnkit/relu' is an activation, not a loss"):
        plugins.create("loss", "relu")
    with pytest.raises(LookupError):
        plugins.create("loss", "relu")
    with pytest.raises(ValueError):
        plugins.create("loss", "relu")


def test_parts_inside_of_parts_are_resolved():
    made = plugins.create("activation", Holder(needed=1.0, pace="exponential"))
    assert Leaky(negative_slope=0.5) == made.inner
    assert "schedule" == made.pace.kind
    assert made is resolve(made)
    layer = plugins.create("layer", "dense(units=3, activation={'name': 'leaky_relu', 'negative_slope': 0.25})")
    assert Leaky(negative_slope=0.25) == layer.activation
    with pytest.raises(UnknownNameError, match="no activation is called 'lekay'"):
        plugins.create("activation", Holder(needed=1.0, inner="lekay"))


def test_a_missing_hyperparameter_is_asked_for():
    with pytest.raises(SpecError, match=r"'Holder' needs needed: write Holder\(needed=…\)"):
        plugins.create("activation", Holder)


def test_a_converter_that_fails_names_the_call():
    @attrs.frozen(kw_only=True)
    class Strict(Elementwise):
        slope: float = attrs.field(default=1.0, converter=float)

        def forward(self, z):
            return z

        def derivative(self, z, a):
            return z

    from nnkit.registry.specs import build

    with pytest.raises(HyperparameterError, match=r"strict\(slope='steep'\): could not convert"):
        build(Strict, "strict", {"slope": "steep"})


def test_adapters_are_made_where_a_part_is_expected():
    assert isinstance(plugins.create("activation", (np.sin, np.cos)), FunctionActivation)
    loss = plugins.create("loss", (lambda p, t: ((p - t) ** 2).sum(1, keepdims=True), lambda p, t: 2 * (p - t)))
    assert isinstance(loss, FunctionLoss)

    class Plain:
        def update(self, old_params, gradient):
            return old_params - gradient

    assert isinstance(plugins.create("optimizer", Plain()), UpdateOnly)
    with pytest.raises(SpecError, match="the class Plain is no optimizer"):
        plugins.create("optimizer", Plain)
