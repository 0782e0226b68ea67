"""The archiver: every activation, gradient and parameter of every step."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.callbacks import _archiving as archiving
from nnkit.errors import HyperparameterError
from nnkit.interfaces import Callback, Example, Solver, TrainingData, TrainingView
from nnkit.interfaces.fields import flag, integer, refuse


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
        return {target: self.every if given is None else given for target, given in own.items()}

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
        self._keep(view, view.batch_indices)

    def on_epoch_end(self, view: TrainingView) -> None:
        if isinstance(view.optimizer, Solver):  # its steps are epochs of all the data
            self._keep(view, np.arange(len(view.data[0])))
        view.archive({})  # up to date in its folder

    def on_train_end(self, view: TrainingView) -> None:
        view.archive({})

    def _every(self, view: TrainingView) -> dict[str, int]:
        """The frequencies for this training."""
        every = self.frequencies()
        if view.loss.target_domain in {"real", "nonnegative"}:
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
        solver = isinstance(view.optimizer, Solver)
        sizes_of_epoch = np.array([view.samples]) if solver else view.batch_sizes
        begun = 0 if solver else view.batch
        count = max((view.last_epoch - view.epoch) * len(sizes_of_epoch) - begun, 0)
        steps = np.arange(view.step + 1, view.step + 1 + count)
        rows = sizes_of_epoch[(begun + np.arange(count)) % len(sizes_of_epoch)]
        parameters = view.parameters
        validation = 0 if view.validation_data is None or not self.validation else len(view.validation_data[0])
        sizes = archiving.Sizes(
            itemsize=parameters.itemsize,
            activations=sum(widths),
            preactivations=sum(w for w, has in zip(widths, has_preactivation, strict=True) if has),
            parameters=parameters.size,
            buffers=view.buffers.size,
            validation=validation,
        )
        arrays, figures = archiving.predicted_bytes(self._every(view), sizes, steps, rows)
        needed = view.archive_bytes + figures + (0 if self.path is not None else arrays)
        if needed > self.memory:
            advice = "archive more rarely, raise memory"
            advice += ", or give a path: its folder then takes the arrays" if self.path is None else ""
            raise HyperparameterError(
                f"Archiver: the archive of {len(steps):,} steps would take {needed:,} bytes "
                f"({archiving.readable(needed)}) of memory, and memory is {self.memory:,}: {advice}"
            )

    def _keep(self, view: TrainingView, rows: Array) -> None:
        step = view.step
        due = {target for target, every in self._every(view).items() if every and step % every == 0}
        if not due:
            return
        record: dict[str, Any] = {}
        values: dict[str, dict[str, float]] = {}
        lines: list[str] = []
        if "gradient" in due:
            record["gradient"] = view.gradient.copy()
            self._report(lines, "training", "gradient", step, view.gradient)
        if "parameters" in due:
            record["parameters"] = view.parameters.copy()
            if view.buffers.size:
                record["buffers"] = view.buffers.copy()
            self._report(lines, "training", "parameters", step, view.parameters)
        sides = [("training", *_taken(view.data, rows))]
        if self.validation and view.validation_data is not None:
            sides.append(("validation", *view.validation_data))
        if due & {"activation", "preactivation"}:
            record["rows"] = np.array(rows, dtype=np.intp)
        for side, x, target, weight in sides:
            if due & {"activation", "preactivation"}:
                traces = view.trace(x)
                for name in ("activation", "preactivation"):
                    if name in due:
                        columns = [getattr(layer, name) for layer in traces if getattr(layer, name) is not None]
                        record[f"{side}.{name}"] = np.concatenate(columns, axis=1) if columns else x[:, :0].copy()
                        self._report(lines, side, name, step, record[f"{side}.{name}"])
            values[side] = self._values(view, due, side, (x, target, weight), lines)
        view.archive({"step": step, "epoch": view.epoch, "arrays": record, "values": values})
        if lines:
            stream = sys.stdout if self.stream is None else self.stream
            stream.write("".join(lines) + "=" * 10 + "\n")

    def _values(
        self, view: TrainingView, due: set[str], side: str, data: TrainingData, lines: list[str]
    ) -> dict[str, float]:
        wanted = [name for name in archiving.VALUES if name in due]
        weight = data[2]
        metrics = [name for name in wanted if name != "cost"]
        measured: Mapping[str, Any] = dict.fromkeys(["loss", *metrics], math.nan)
        if wanted and (weight is None or weight.max() > 0):  # a batch of weight 0 has no mean
            measured = view.evaluate(data, metrics)
        values = {name: float(measured["loss" if name == "cost" else name]) for name in wanted}
        for name, value in values.items():
            if name in self.verbose:
                lines.append(f"{side} {name}, iter. {view.step}: {value:.{self.digits}g}\n")
        return values

    def _report(self, lines: list[str], side: str, target: str, step: int, array: Array) -> None:
        if target in self.verbose:
            size = math.sqrt(float(np.mean(np.square(array, dtype=np.float64)))) if array.size else 0.0
            lines.append(f"{side} {target}, iter. {step}: {size:.{self.digits}g}\n")


def _taken(data: TrainingData, rows: Array) -> TrainingData:
    x, target, weight = data
    return x[rows], target[rows], None if weight is None else weight[rows]
