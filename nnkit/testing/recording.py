"""Recording of ``examples`` from another library: the kit's inputs, and what the other implementation returns."""

import ast
import pprint
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from nnkit.errors import SpecError
from nnkit.interfaces import Example
from nnkit.testing.call import quiet
from nnkit.testing.catalog import calls_of, checks_of
from nnkit.testing.checks.optimizer.running import start_and_gradients
from nnkit.testing.effects import hyperparameter_fields
from nnkit.testing.oracles import Oracle
from nnkit.testing.record import Subject, family_of
from nnkit.testing.report import PartReport
from nnkit.testing.runner import cases, run_case
from nnkit.testing.saving import plain
from nnkit.testing.selection import Component, Selected, Settings, select

FIRST: dict[str, str | tuple[str, ...]] = {
    "activation": "forward(",
    "loss": ("value(", "batch_value("),
    "metric": "start",
    "optimizer": (),
    "schedule": (),
    "regularizer": "value(",
    "layer": "forward in inference",
}
"""The kinds whose values are recorded, and how the names of the calls with their inputs begin."""

TOLERANCE = 1e-9
"""Relative tolerance of recorded examples: other libraries sum in another order."""


@attrs.frozen(kw_only=True)
class Recording:
    """Examples of one part, recorded from another library.

    Args:
        examples: Inputs, results and source.
        report: The part compared with them.
    """

    examples: tuple[Example, ...]
    report: PartReport

    @property
    def code(self) -> str:
        """The examples as Python, for the body of the class."""
        return f"examples = (\n{''.join(map(_as_code, self.examples))})\n"

    @property
    def module(self) -> str:
        """The examples as a module, which that of the part imports."""
        head = '"""Reference values, written by `nnkit conform --record`."""\n\n# ruff: noqa: E501\n# fmt: off\n'
        return f"{head}from nnkit.interfaces import Example\n\n{self.code}"


def _as_code(example: Example) -> str:
    lines = ["    Example("]
    for field in attrs.fields(Example):
        value = getattr(example, field.name)
        if field.default is attrs.NOTHING or value not in (field.default, None, {}):
            text = pprint.pformat(value, width=110, compact=True, sort_dicts=False)
            lines.append(f"        {field.name}={text},".replace("\n", "\n        "))
    return "\n".join([*lines, "    ),\n"])


def record(
    component: Component,
    source: str,
    *,
    kind: str | None = None,
    names: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    columns: str | None = None,
    seed: int = 0,
) -> Recording:
    """Record examples of a part from the implementation of another library, and compare the part with them.

    Args:
        component: One part, as for ``nnkit.testing.check``.
        source: ``"library:path"``, as ``"torch:torch.nn.HuberLoss"`` or ``"sklearn:sklearn.metrics.log_loss"``: a
            function, or a class whose instances are called (``torch.nn``) or make steps (``torch.optim``, ``optax``).
        kind: The kind of the part, where several have its name.
        names: The library's names of inputs and hyperparameters by those of nnkit; ``""`` for one that it has not.
            ``"betas[0]"`` is an entry of a tuple.
        more: Further arguments of the library's function or class.
        columns: ``"sum"`` or ``"mean"``: what makes one loss of the columns of a row where the library returns all.
        seed: Seed of the inputs.

    Raises:
        SpecError: When the component is not one part of a kind that can be recorded, the source is not found, or an
            argument has no counterpart in it.
    """
    selected = select(component, kind=kind)
    if len(selected) != 1:
        raise SpecError(f"{component!r} names {len(selected)} parts; name the one to record: distribution/name")
    (part,) = selected
    family = family_of(part.cls)
    if family not in FIRST or getattr(part.cls, "surrogate_gradient", False):
        raise SpecError(
            f"{part.name}: the values of such a {family} are not recorded; write `examples` or a `reference`"
        )
    oracle = Oracle.of(source, names=names or {}, more=more or {}, columns=columns)
    examples, refused = [], ""
    for variant in part.variants:
        subject = Subject(cls=part.cls, hyperparameters=variant, seed=seed, id=part.id, variants=part.variants)
        for inputs in _inputs(subject, family, weighted=oracle.accepts("weight")):
            try:
                with quiet():
                    expected = oracle.result(family, inputs, _hyperparameters(subject))
            except SpecError:
                raise
            except (ValueError, TypeError, RuntimeError) as error:  # it does not accept these inputs; perhaps others
                refused = f"{type(error).__name__}: {error}"
                continue
            if not np.isfinite(expected).all():
                refused = "its result is not finite"
                continue
            examples.append(
                Example(
                    inputs=plain(_as_example(family, inputs)),
                    expected=plain(expected),
                    source=oracle.source,
                    hyperparameters={**variant},
                    tolerance=TOLERANCE,
                )
            )
    if not examples:
        raise SpecError(f"{source} accepts none of the inputs of {part.name}: {refused}")
    return Recording(examples=tuple(examples), report=_compared(part, tuple(examples)))


def _hyperparameters(subject: Subject) -> dict[str, Any]:
    part = subject.make()
    fields = [field for field in hyperparameter_fields(subject.cls) if field.name not in {"trainable", "seed"}]
    return {field.alias: getattr(part, field.name) for field in fields}


def _inputs(subject: Subject, family: str, *, weighted: bool) -> Iterator[dict[str, Any]]:
    """The inputs of the kind's first method that are recorded, by name; of a layer, its parameters among them."""
    if family == "schedule":
        yield from ({"step": step} for step in (*range(12), 25, 50, 99, 100, 101, 250, 999, 1000, 5000))
    elif family == "optimizer":
        for label, size, steps in (("record", 3, 24), ("small", 1, 6)):
            start, stream = start_and_gradients(subject, label, steps, size)
            yield {"parameters": start, "gradients": np.stack(stream)}
    else:
        for seed in range(3):
            here = attrs.evolve(subject, seed=subject.seed + seed)
            for call in calls_of(here):
                if call.name.startswith(FIRST[family]) and "scores around" not in call.name:
                    inputs = {name.removeprefix("parameter "): array for name, array in call.arrays.items()}
                    if weighted and "weight" in inputs:
                        inputs["weight"] = here.rng("record/weight").uniform(0.5, 2.0, len(inputs["weight"]))
                    yield inputs


def _as_example(family: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs as an example has them."""
    if family != "layer":
        return inputs
    return {"parameters": {name: array for name, array in inputs.items() if name != "x"}, "x": inputs["x"]}


def _compared(part: Selected, examples: tuple[Example, ...]) -> PartReport:
    """The part compared with these examples alone."""
    cls = type(part.cls.__name__, (part.cls,), {"examples": examples, "reference": None, "__slots__": ()})
    (number,) = (check.number for check in checks_of(part.cls) if check.number.endswith("-REF"))
    settings = Settings(only=number)
    outcomes = tuple(run_case(case) for case in cases([attrs.evolve(part, cls=cls)], settings))
    return PartReport(part=part.name, kind=family_of(part.cls), outcomes=outcomes, asked=settings.only, complete=False)


def run(
    component: str,
    source: str | None,
    *,
    kind: str | None,
    names: Iterable[str],
    more: Iterable[str],
    columns: str | None,
    seed: int,
    out: Path | None,
) -> tuple[str, bool]:
    """``--record`` of both commands: what to print, and whether the part agrees with what was recorded.

    Raises:
        SpecError: When an option is missing or not written as NAME=VALUE; see ``record``.
    """
    if source is None:
        raise SpecError("--record needs --from LIBRARY:PATH, such as --from torch:torch.nn.HuberLoss")
    recording = record(
        component,
        source,
        kind=kind,
        names=dict(_pair("--map", text) for text in names),
        more={name: _literal(value) for name, value in (_pair("--set", text) for text in more)},
        columns=columns,
        seed=seed,
    )
    count, agrees = len(recording.examples), not recording.report.counts["failed"]
    if out is not None:
        out.write_text(recording.module, encoding="utf-8")
    lines = [recording.code.rstrip() if out is None else f"{out}: from this module, import `examples` into the class"]
    lines += [str(failure) for failure in recording.report.failures("failed")]
    verdict = "agrees" if agrees else "does NOT agree"
    lines += [f"{count} examples from {recording.examples[0].source}: {recording.report.part} {verdict} with them"]
    return "\n".join(lines), agrees


def _pair(option: str, text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise SpecError(f"{option} {text!r}: expected NAME=VALUE")
    return name, value


def _literal(text: str) -> Any:
    """A number, a flag or a list as Python writes it; anything else is text."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
