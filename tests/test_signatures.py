"""Public signatures: typed by what they accept, and the same argument alike in every call."""

import inspect

import pytest

import nnkit
from nnkit import functional, inference
from nnkit.files.stored import Stored
from nnkit.inference import Fitted
from nnkit.inference.properties import Properties

WRITTEN_REASONS = {
    "Network.to_config": "JSON, of any depth",
    "Network.from_config": "JSON, of any depth",
    "functional.initialize_model": "the dict of this style",
}
"""Where ``Any`` stands; the reason is a comment beside it or the docstring."""

KEYWORD_ONLY = {"sample_weight", "class_weight", "memory", "seed", "metrics", "callbacks", "total_weight", "overrides"}


def calls():
    for cls in (nnkit.Network, Properties, Fitted, Stored):
        for name, member in vars(cls).items():
            if not name.startswith("_") or name == "__init__":
                target = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if inspect.isfunction(target):
                    yield f"{cls.__name__}.{name}", target
    for module in (inference, functional):
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                yield f"{module.__name__.removeprefix('nnkit.')}.{name}", getattr(module, name)


CALLS = dict(calls())


def test_the_calls_are_all_there():
    assert {"Network.fit", "Stored.load", "Fitted.predict", "inference.intervals", "functional.forward"} <= set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_signature_is_typed_without_any(name):
    signature = inspect.signature(CALLS[name])
    annotations = [p.annotation for p in signature.parameters.values() if p.name not in {"self", "cls"}]
    assert all(isinstance(annotation, str) for annotation in [*annotations, signature.return_annotation])
    if name not in WRITTEN_REASONS:
        assert not [annotation for annotation in [*annotations, signature.return_annotation] if "Any" in annotation]


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_has_the_same_kind_in_every_call(name):
    for parameter in inspect.signature(CALLS[name]).parameters.values():
        if parameter.name in KEYWORD_ONLY:
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{name}({parameter.name})"
        assert parameter.name not in {"budget", "weights", "weight"}
