"""The archive of a training: written record by record, read by step and layer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.callbacks._archiving import TARGETS, VALUES
from nnkit.core.layout import Layout
from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.errors import DataError, FileFormatError
from nnkit.files import archives, container, loading
from nnkit.files.networks import with_description
from nnkit.files.schema import DescriptionRecord, NetworkRecord, to_tree
from nnkit.interfaces import PartSpec
from nnkit.network.composition import Composition

__all__ = ["Archive", "NonFinite", "add_record"]

Side = Literal["training", "validation"]


@attrs.frozen(kw_only=True)
class NonFinite:
    """Where a NaN or an infinity stands first.

    Args:
        step: The step under which it is archived.
        quantity: ``"gradient"``, ``"parameters"``, ``"preactivation"``, ``"activation"``, or the name of a value.
        layer: Position of the layer; ``None`` for a value.
        name: The parameter array's name; ``None`` where it is not one.
        side: ``"training"`` or ``"validation"``.
    """

    step: int
    quantity: str
    layer: int | None = None
    name: str | None = None
    side: Side = "training"

    def __str__(self) -> str:
        """In words: ``gradient of weight in layer 2 at step 31``."""
        where = "" if self.layer is None else f" in layer {self.layer}"
        return f"{self.side} {self.quantity}{f' of {self.name}' if self.name else ''}{where} at step {self.step}"


def add_record(archive: dict[str, Any], record: Mapping[str, Any], composition: Composition, model: Model) -> None:
    """Add a record (see ``TrainingView.archive``) to the archive of a training's state, or to its folder.

    Raises:
        FileSaveError: When a file cannot be written.
    """
    for name, empty in (("values", {}), ("steps", {}), ("folder", None)):
        archive.setdefault(name, empty)
    archive.update({name: record[name] for name in ("widths", "has_preactivation", "folder") if name in record})
    folder = None if archive["folder"] is None else Path(archive["folder"])
    if folder is not None and "discard_after" in record:
        archives.discard_after(folder, record["discard_after"])
    for side, values in record.get("values", {}).items():
        for name, value in values.items():
            series = archive["values"].setdefault(side, {}).setdefault(name, {"step": [], "value": []})
            series["step"].append(record["step"])
            series["value"].append(value)
    if record.get("arrays"):
        arrays = {**record["arrays"], "epoch": np.array(record["epoch"])}
        if folder is None:
            archive["steps"][str(record["step"])] = arrays
        else:
            archives.write_step(folder, record["step"], arrays, model)
    if folder is not None and "step" not in record:
        archives.write_index(folder, composition.to_config(), archive, model)


class Archive:
    """Activations, preactivations, gradients, parameters and values by step; made by the callback ``archiver``.

    Steps are those of ``network.step``: the first update is step 1. Layers are counted as in
    ``network.layers``, negative numbers from the end. Arrays are read-only.

    Args:
        composition: Of the network.
        model: Its structure.
        archive: What ``add_record`` has gathered.
        folder: Where its arrays are; ``None`` when ``archive`` contains them.
        notes: The notes of the network.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(8, 2))
        >>> net = nnkit.Network([2, 3, 1], seed=0)
        >>> history = net.fit(X, X[:, 0], epochs=3, batch_size=None, callbacks=["archiver(every=1)"])
        >>> archive = net.archive
        >>> archive.steps("parameters")
        [1, 2, 3]
        >>> archive.gradient(2, layer=0, name="weight").shape
        (2, 3)
        >>> np.array_equal(nnkit.Network.from_archive(archive, 3).predict(X), net.predict(X))
        True
        >>> archive.first_nonfinite() is None
        True
    """

    def __init__(
        self,
        composition: Composition,
        model: Model,
        archive: Mapping[str, Any],
        *,
        folder: Path | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.composition = composition
        self.notes = dict(notes or {})
        self.model, self._archive, self._folder = model, archive, folder
        self._order: list[int] = (
            sorted(int(step) for step in archive["steps"]) if folder is None else archives.steps_in(folder)
        )
        self._widths: list[int] = [int(width) for width in archive["widths"]]
        self._has_preactivation: list[bool] = [bool(has) for has in archive["has_preactivation"]]
        self._last_read: tuple[int, Mapping[str, Array]] | None = None

    @classmethod
    def of(
        cls, composition: Composition, model: Model, archive: Mapping[str, Any], notes: Mapping[str, Any]
    ) -> Archive:
        """The archive of a network, from what the state of its training holds.

        Raises:
            DataError: When nothing is archived.
        """
        if not archive:
            raise DataError("nothing is archived: pass an archiver to fit: callbacks=['archiver(every=10)']")
        folder = None if archive["folder"] is None else Path(archive["folder"])
        return cls(composition, model, archive, folder=folder, notes=notes)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, overrides: Mapping[str, PartSpec] | None = None) -> Archive:
        """The archive in a folder that an archiver filled, or in a network's file.

        Args:
            path: The folder, or the ``.npz`` of ``network.save``.
            overrides: See ``Network.from_config``.

        Raises:
            FileFormatError: When it is neither.
            DataError: When the network's file contains no archive.
            SpecError: When the network was composed with functions of its own; names those to pass again.
        """
        folder = Path(path)
        saved = archives.read_index(folder) if folder.is_dir() else loading.read(path)
        with container.named_errors(path):
            composition = Composition.from_config(to_tree(saved.composition), overrides)
            model = _model_of(composition, saved.description)
            archive = archives.restored(saved.archive, model)
            if isinstance(saved, NetworkRecord):
                return cls.of(composition, model, archive, saved.notes)
        return cls(composition, model, archive, folder=folder)

    # -- values --------------------------------------------------------------------------------

    def cost(self, of: Side = "training") -> dict[int, float]:
        """The loss by step, penalties included."""
        return self._values("cost", of)

    def accuracy(self, of: Side = "training") -> dict[int, float]:
        """The share of right classes by step."""
        return self._values("accuracy", of)  # a target's name

    def precision(self, of: Side = "training") -> dict[int, float]:
        """The share of right ones among the predicted positives by step."""
        return self._values("precision", of)  # a target's name

    # -- arrays --------------------------------------------------------------------------------

    def steps(self, target: str, of: Side = "training") -> list[int]:
        """The steps under which a target is archived.

        Raises:
            DataError: When there is no such target.
        """
        if target not in TARGETS:
            raise DataError(f"there is no target {target!r}; they are {', '.join(TARGETS)}")
        if target in VALUES:
            return list(self._values(target, of))
        return [step for step in self._order if self._key(target, of) in self._record(step)]

    def rows(self, step: int) -> IntArray:
        """Positions in the training data of the batch of this step, ``(N,)``.

        Raises:
            DataError: When nothing of a batch is archived under this step.
        """
        return _read_only(self._get(step, "rows", "activations"))

    def activation(self, step: int, layer: int, of: Side = "training") -> Array:
        """The output of a layer, ``(N, D)``: of the batch of this step, or of the validation data.

        Raises:
            DataError: When it is not archived; says what is.
        """
        columns = np.cumsum([0, *self._widths])
        index = self._layer(layer)
        return self._slice(step, "activation", of, columns[index], columns[index + 1])

    def preactivation(self, step: int, layer: int, of: Side = "training") -> Array:
        """``z`` of a layer, ``(N, D)``.

        Raises:
            DataError: When it is not archived, or the layer has none.
        """
        index = self._layer(layer)
        if not self._has_preactivation[index]:
            raise DataError(f"layer {index} has no preactivation; ask for its activation")
        widths = [width if has else 0 for width, has in zip(self._widths, self._has_preactivation, strict=True)]
        columns = np.cumsum([0, *widths])
        return self._slice(step, "preactivation", of, columns[index], columns[index + 1])

    def gradient(self, step: int, layer: int | None = None, name: str | None = None) -> Array:
        """The gradient that this step followed: ``(P,)``, or that of one array, in its shape.

        Args:
            step: The step.
            layer: Position of the layer; ``None`` for the whole vector.
            name: ``"weight"``, ``"bias"``, …; may be left out where the layer has one array.

        Raises:
            DataError: When it is not archived, or there is no such array.
        """
        return self._part(_read_only(self._get(step, "gradient", "gradient")), layer, name)

    def parameters(self, step: int, layer: int | None = None, name: str | None = None) -> Array:
        """The parameters after this step: ``(P,)``, or one array, in its shape; see ``gradient``.

        Raises:
            DataError: When they are not archived, or there is no such array.
        """
        return self._part(_read_only(self._get(step, "parameters", "parameters")), layer, name)

    def over_time(self, target: Literal["parameters", "gradient"]) -> dict[str, dict[int, Array]]:
        """By array (``"layer 0 weight"``), then by step: what a picture of distributions takes.

        Raises:
            DataError: When nothing of the kind is archived.
        """
        if target not in {"parameters", "gradient"}:
            raise DataError(f"over_time is of 'parameters' or 'gradient', not {target!r}")
        steps = self.steps(target)
        if not steps:
            raise DataError(f"no {target} are archived; give the archiver a frequency for them: {target}=1")
        arrays: dict[str, dict[int, Array]] = {}
        for step in steps:
            vector = _read_only(self._record(step)[target])
            for slot, array in zip(self._layout.slots, self._layout.restore(vector), strict=True):
                arrays.setdefault(f"layer {slot.layer} {slot.spec.name}", {})[step] = array
        return arrays

    # -- replay --------------------------------------------------------------------------------

    def state_at(self, step: int) -> TrainingState:
        """The state of the network after this step: parameters and buffers, with an optimizer that starts anew.

        ``nnkit.Network.from_archive`` makes a network of it. The archive contains no state of the optimizer (a
        checkpoint does).

        Raises:
            DataError: When the parameters of this step are not archived.
        """
        parameters = self._get(step, "parameters", "parameters").copy()
        record = self._record(step)
        buffers = record["buffers"].copy() if "buffers" in record else np.empty(0, dtype=parameters.dtype)
        state = TrainingState.new(parameters, buffers, self.composition.seed)
        state.step, state.epoch, state.adapted = step, int(record["epoch"]), True
        return state

    def first_nonfinite(self) -> NonFinite | None:
        """The first step, layer and quantity with a NaN or an infinity; ``None`` when all is finite.

        Within a step in the order of cause: the gradient, from the last layer on; the parameters;
        then layer by layer preactivation and activation; then the values.
        """
        values: dict[int, list[NonFinite]] = {}
        for nonfinite in self._nonfinite_values():
            values.setdefault(nonfinite.step, []).append(nonfinite)
        for step in sorted({*self._order, *values}):
            arrays = self._nonfinite_arrays(step) if step in set(self._order) else iter(())
            first = next(arrays, None) or next(iter(values.get(step, [])), None)
            if first is not None:
                return first
        return None

    # -- its size ------------------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, in memory or in the folder."""
        return sum(array.nbytes for step in self._order for array in self._record(step).values())

    def __repr__(self) -> str:
        counts = {target: len(self.steps(target)) for target in TARGETS}
        return f"Archive({', '.join(f'{target}: {count} steps' for target, count in counts.items() if count)})"

    # -- inside --------------------------------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return self.model.layout

    def _record(self, step: int) -> Mapping[str, Array]:
        if self._folder is None:
            record: Mapping[str, Array] = self._archive["steps"][str(step)]
            return record
        if self._last_read is None or self._last_read[0] != step:
            self._last_read = step, archives.read_step(self._folder, step, self.model)
        return self._last_read[1]

    def _get(self, step: int, key: str, what: str) -> Array:
        if step in set(self._order) and key in self._record(step):
            return self._record(step)[key]
        archived = [s for s in self._order if key in self._record(s)]
        shown = f"steps {archived[0]} to {archived[-1]} ({len(archived)} of them)" if archived else "no step"
        raise DataError(f"the archive has no {what} of step {step}; it has them of {shown}")

    def _slice(self, step: int, target: str, of: Side, start: int, stop: int) -> Array:
        return _read_only(self._get(step, self._key(target, of), f"{of} {target}s"))[:, start:stop]

    def _key(self, target: str, of: Side) -> str:
        if of not in {"training", "validation"}:
            raise DataError(f"of is {of!r}; expected 'training' or 'validation'")
        return target if target in {"gradient", "parameters"} else f"{of}.{target}"

    def _layer(self, layer: int) -> int:
        count = len(self._widths)
        if not -count <= layer < count:
            raise DataError(f"there is no layer {layer}; the network has {count}, counted from 0")
        return layer % count

    def _part(self, vector: Array, layer: int | None, name: str | None) -> Array:
        if layer is None:
            return vector
        index = self._layer(layer)
        arrays = self._layout.by_layer(vector)[index]
        if name is None and len(arrays) == 1:
            return next(iter(arrays.values()))
        if name not in arrays:
            names = ", ".join(map(repr, arrays)) or "none"
            raise DataError(f"layer {index} has no array {name!r}; it has {names}")
        return arrays[name]

    def _values(self, target: str, of: Side) -> dict[int, float]:
        self._key(target, of)
        series = self._archive["values"].get(of, {}).get(target, {"step": [], "value": []})
        return dict(zip(series["step"], series["value"], strict=True))

    def _nonfinite_values(self) -> Iterator[NonFinite]:
        for side in ("training", "validation"):
            for target in VALUES:
                for step, value in self._values(target, side).items():
                    if not np.isfinite(value):
                        yield NonFinite(step=step, quantity=target, side=side)

    def _nonfinite_arrays(self, step: int) -> Iterator[NonFinite]:
        record = self._record(step)
        slots = self._layout.slots
        for target, order in (("gradient", slots[::-1]), ("parameters", slots)):
            for slot in order if target in record else ():
                if not np.isfinite(record[target][slot.place]).all():
                    yield NonFinite(step=step, quantity=target, layer=slot.layer, name=slot.spec.name)
        sides: tuple[Side, ...] = ("training", "validation")
        for side in sides:
            for layer, has in enumerate(self._has_preactivation):
                for target in ("preactivation", "activation"):
                    if f"{side}.{target}" not in record or (target == "preactivation" and not has):
                        continue
                    values = getattr(self, target)(step, layer, side)
                    if not np.isfinite(values).all():
                        yield NonFinite(step=step, quantity=target, layer=layer, side=side)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _model_of(composition: Composition, description: DescriptionRecord | None) -> Model:
    if composition.inputs is None:
        raise FileFormatError("damaged: a network with an archive has a number of inputs, and the file has none")
    return with_description(composition.model(composition.inputs), description)
