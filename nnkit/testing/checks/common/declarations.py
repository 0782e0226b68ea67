"""What a part declares about itself: documentation, reference values, traits."""

from __future__ import annotations

import inspect

import attrs
import numpy as np

from nnkit.testing.failure import require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check("PART-022/documented", level="advisory", scope="part")
def documented(subject: Subject) -> None:
    """A part is read before it is used; its formula, ranges and source belong to it.

    Write a docstring: one line with the formula, the arguments with their ranges, Source, Example.
    """
    text = inspect.cleandoc(subject.cls.__doc__ or "")
    require(len(text.splitlines()) > 0 and not text.startswith("Method generated"), "the class has no docstring")
    fields = attrs.fields(subject.cls) if attrs.has(subject.cls) else ()
    missing = [field.name for field in fields if field.name not in text]
    require(not missing, f"the docstring does not mention {missing}")
    require("Source" in text, "the docstring names no source")


@CHECKS.check(
    "PART-023/figures-declared",
    level="advisory",
    needs=lambda s: "a callback has no values to compare" if s.cls.kind == "callback" else None,
    scope="part",
)
def reference_values_declared(subject: Subject) -> None:
    """A part may be the wrong function with the right derivative; only reference values can show it.

    Declare `examples` (nnkit.interfaces.Example: inputs, expected outputs, source) or a `reference`.
    """
    declared = subject.cls.examples or subject.cls.reference is not None
    require(declared, "neither `examples` nor `reference`: its values are not compared with an independent source")
    for example in subject.cls.examples:
        require(str(example.source).strip(), "an example names no source", got=example.source)


@CHECKS.check("PART-024/traits-declared", scope="part")
def traits_declared(subject: Subject) -> None:
    """Traits decide which checks apply; a trait of the wrong type, or misspelt, switches them off unseen.

    Compare the class attributes with the list in the interface's docstring.
    """
    interfaces = [base for base in subject.cls.__mro__ if base.__module__.startswith("nnkit.interfaces.")]
    for name in sorted({name for base in interfaces for name in vars(base) if not name.startswith("_")}):
        default, value = getattr(interfaces[0], name, None), getattr(subject.cls, name)
        right, expected = True, ""
        if isinstance(default, bool):
            right, expected = isinstance(value, bool), "True or False"
        elif name in {"range", "bounds"}:
            right, expected = len(value) == 2 and value[0] <= value[1], "(low, high) with low <= high"
        elif name in {"kinks", "fixed_points"}:
            right = isinstance(value, tuple) and all(np.isfinite(item) for item in value)
            expected = "a tuple of finite numbers, for instance (0.0,)"
        require(right, f"the trait {name!r} has a wrong value", got=value, expected=expected)
