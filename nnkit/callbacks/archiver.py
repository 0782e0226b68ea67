"""The archiver: every activation, gradient and parameter of every step."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.callbacks import _archiving as archiving
from nnkit.callbacks._recording import record_step, report
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Callback, Example, Solver, TrainingView
from nnkit.interfaces.fields import flag, integer, refuse
from nnkit.interfaces.task import CLASSIFICATION


def _frequency() -> Any:
    return integer(None, ge=0, optional=True)


def _check_verbose(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not set(value) <= set(archiving.TARGETS):
        raise refuse(instance, attribute.name, value, f"True, False, or some of {', '.join(archiving.TARGETS)}")


def _check_path(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise refuse(instance, attribute.name, value, "the path of a folder, or None")


def _to_names(value: Any) -> Any:
    if isinstance(value, bool):
        return archiving.TARGETS if value else ()
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) else value


def _to_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _cost(value: float) -> dict[str, Any]:
    """The archived values of an example that archives the cost."""
    return {"values": {"training": {"cost": value}, "validation": {"cost": value}}}


@final
@attrs.frozen(kw_only=True)
class Archiver(Callback):
    """Records a training step by step; ``network.archive`` reads the records.

    Seven targets, each with a frequency ``f``: 0 records none of it, otherwise it is recorded at the steps
    that ``f`` divides. All records of step ``s`` describe the network after that step, so the predictions of
    ``Network.from_archive(network.archive, s)`` are bit-identical to them; only the gradient is the one used in
    step ``s``.
    Records of training data are those of the batch of that step, in inference; records of validation data, those
    of all validation data. With every frequency 0 no event is handled.

    Args:
        every: The frequency of all targets that have none of their own. It does not apply to accuracy and precision
            for a loss without classes, nor to the gradient for a solver, whose steps follow no gradient.
        activation: Frequency of each layer's output ``(N, D)``; ``None`` is ``every``, as for all below.
        preactivation: Frequency of ``z (N, D)`` of each layer that has one.
        cost: Frequency of the loss, penalties included.
        gradient: Frequency of the gradient ``(P,)``.
        parameters: Frequency of the parameters ``(P,)``, with the buffers of layers.
        accuracy: Frequency of the accuracy.
        precision: Frequency of the precision.
        verbose: Targets that are also reported, ``True`` for all: one line each, then a line of ``=``. Of
            arrays the root mean square is reported.
        digits: Significant digits of the report, a positive integer.
        validation: Whether validation data, if any, are recorded too.
        memory: Bytes that the archive may use in memory, predicted before the first step.
        path: A folder: arrays go there, one ``.npz`` a step, instead of into memory and into the network's
            file. A run that resumes from a checkpoint removes the later steps and writes them again.
        stream: A text stream for the report; ``None`` is standard output.

    Raises:
        HyperparameterError: When the archive would be larger than ``memory``; says how large.
        FileSaveError: When a file cannot be written.

    Source:
        The notebook "Catching AI with its pants down" (2020), whose training archiver has these seven targets.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(20, 2))
        >>> net = nnkit.Network([2, 3, 1], seed=0)
        >>> history = net.fit(X, X[:, 0], epochs=2, batch_size=10, callbacks=["archiver(activation=2, cost=1)"])
        >>> net.archive.steps("activation"), list(net.archive.cost())
        ([2, 4], [1, 2, 3, 4])
        >>> batch = X[net.archive.rows(4)]
        >>> np.array_equal(net.archive.activation(4, layer=-1), net.predict(batch))
        True
    """

    variants = ({"every": 2}, {"cost": 1, "gradient": 3, "path": "archive"})
    examples = (
        Example(
            inputs={"logs": {"loss": [2.0, 1.0]}},
            expected={
                "archived": [
                    {"widths": [1], "has_preactivation": [True], "folder": None, "discard_after": 0},
                    {"step": 2, "epoch": 0, "arrays": {}} | _cost(121.0),
                    {},
                    {
                        "step": 4,
                        "epoch": 1,
                        "arrays": {
                            "parameters": [4.0] * 6,
                            "buffers": [-4.0] * 2,
                            "rows": [0, 1, 2],
                            "training.activation": [[24.0]] * 3,
                            "validation.activation": [[24.0]] * 8,
                        },
                    }
                    | _cost(529.0),
                    {"step": 6, "epoch": 1, "arrays": {}} | _cost(1225.0),
                    {},
                    {},
                ],
                "printed": "".join(
                    f"training cost, iter. {step}: {cost}\nvalidation cost, iter. {step}: {cost}\n==========\n"
                    for step, cost in ((2, 121), (4, 529), (6, 1225))
                ),
            },
            source="by hand: the output is 6 times the step, the target 1; three steps an epoch",
            hyperparameters={"cost": 2, "parameters": 4, "activation": 4, "verbose": ("cost",)},
        ),
        Example(
            inputs={"logs": {"loss": [2.0, 1.0]}, "solver": True},
            expected={
                "archived": [
                    {"widths": [1], "has_preactivation": [True], "folder": None, "discard_after": 0},
                    {},
                    {},
                    {},
                ],
                "belongs_to_run": False,
            },
            source="by hand: a solver has no gradients, and all else is left out",
            hyperparameters={"every": 1, "activation": 0, "preactivation": 0, "cost": 0, "parameters": 0},
        ),
        *(
            Example(
                inputs={"logs": {"loss": [1.0]}},
                expected={
                    "refusal": f"Archiver: the archive of 3 steps would take {needed} of memory, and memory is 1: "
                    f"archive more rarely, raise memory{advice}"
                },
                source="by hand: a step needs 48 + 16 bytes for 6 parameters and 2 buffers, in memory with an overhead "
                "of 2 * 122 + 380; and 2 * 42 + 32 for two costs, which have 800 once",
                hyperparameters={"cost": 1, "parameters": 1, "memory": 1, "path": path},
            )
            for path, needed, advice in (
                (None, "3,212 bytes (3.2 kB)", ", or give a path: arrays then go to its folder"),
                ("archive", "1,148 bytes (1.1 kB)", ""),
            )
        ),
    )

    every: int = integer(0, ge=0)
    activation: int | None = _frequency()
    preactivation: int | None = _frequency()
    cost: int | None = _frequency()
    gradient: int | None = _frequency()
    parameters: int | None = _frequency()
    accuracy: int | None = _frequency()
    precision: int | None = _frequency()
    verbose: Any = attrs.field(default=(), converter=_to_names, validator=_check_verbose)
    digits: int = integer(4, ge=1)
    validation: bool = flag(True)
    memory: int = integer(1 << 30, ge=1)
    path: Any = attrs.field(default=None, converter=_to_text, validator=_check_path)
    stream: Any = attrs.field(default=None, eq=False, repr=False)

    def frequencies(self) -> dict[str, int]:
        """The frequency of each target, whatever the training."""
        own = {target: getattr(self, target) for target in archiving.TARGETS}
        return {target: self.every if frequency is None else frequency for target, frequency in own.items()}

    def belongs_to_run(self) -> bool:
        return False

    def offers(self, method: str) -> bool:
        """As for every part; nothing when every frequency is 0."""
        return super().offers(method) and any(self.frequencies().values())

    def on_train_begin(self, view: TrainingView) -> None:
        traces = view.trace(view.data[0][:1])
        widths = [layer.activation.shape[1] for layer in traces]
        has_preactivation = [layer.preactivation is not None for layer in traces]
        self._check_memory(view, widths, has_preactivation)
        view.archive(
            {
                "widths": widths,
                "has_preactivation": has_preactivation,
                "folder": self.path,
                "discard_after": view.step,
            }
        )

    def on_batch_end(self, view: TrainingView) -> None:
        self._record(view, view.batch_indices)

    def on_epoch_end(self, view: TrainingView) -> None:
        if isinstance(view.optimizer, Solver):  # its steps are epochs of all the data
            self._record(view, np.arange(len(view.data[0])))
        view.archive({})  # up to date in its folder

    def on_train_end(self, view: TrainingView) -> None:
        view.archive({})

    def _record(self, view: TrainingView, rows: Array) -> None:
        due = {target for target, every in self._every(view).items() if every and view.step % every == 0}
        if not due:
            return
        record = record_step(view, due, rows, validation=self.validation)
        view.archive({"step": view.step, "epoch": view.epoch, "arrays": record.arrays, "values": record.values})
        if self.verbose:
            (sys.stdout if self.stream is None else self.stream).write(
                report(record, view.step, self.verbose, self.digits)
            )

    def _every(self, view: TrainingView) -> dict[str, int]:
        """The frequencies for this training."""
        every = self.frequencies()
        if view.task.name not in CLASSIFICATION:
            every |= {name: 0 for name in ("accuracy", "precision") if getattr(self, name) is None}
        if isinstance(view.optimizer, Solver):
            if self.gradient:
                raise HyperparameterError(
                    f"Archiver(gradient={self.gradient}): {type(view.optimizer).__name__} is a solver, its "
                    "steps follow no gradient; leave the gradient out"
                )
            every["gradient"] = 0
        return every

    def _check_memory(self, view: TrainingView, widths: list[int], has_preactivation: list[bool]) -> None:
        steps, rows = archiving.coming_steps(view)
        sizes = archiving.Sizes.of(view, widths, has_preactivation, validation=self.validation)
        arrays, values = archiving.predicted_bytes(self._every(view), sizes, steps, rows)
        needed = view.archive_bytes + values + (0 if self.path is not None else arrays)
        if needed > self.memory:
            advice = "archive more rarely, raise memory"
            advice += ", or give a path: arrays then go to its folder" if self.path is None else ""
            raise HyperparameterError(
                f"Archiver: the archive of {len(steps):,} steps would take {needed:,} bytes "
                f"({archiving.readable(needed)}) of memory, and memory is {self.memory:,}: {advice}"
            )
