"""What an archiver has kept of a training, to be asked by step and layer."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs
import numpy as np

from nnkit.arrays import Array, IntArray
from nnkit.callbacks import _archiving as archiving
from nnkit.core.layout import Layout
from nnkit.core.state import TrainingState
from nnkit.errors import DataError, FileFormatError

if TYPE_CHECKING:
    from nnkit.network.network import Network

__all__ = ["Archive", "NonFinite"]

Side = Literal["training", "validation"]


@attrs.frozen(kw_only=True)
class NonFinite:
    """Where a NaN or an infinity stands first.

    Args:
        step: The step under which it is archived.
        quantity: ``"gradient"``, ``"parameters"``, ``"preactivation"``, ``"activation"``, or the figure's name.
        layer: Position of the layer; ``None`` for a figure.
        name: The parameter array's name; ``None`` where it is none.
        side: ``"training"`` or ``"validation"``.
    """

    step: int
    quantity: str
    layer: int | None = None
    name: str | None = None
    side: Side = "training"

    def __str__(self) -> str:
        """As a sentence says it: ``gradient of weight in layer 2 at step 31``."""
        where = "" if self.layer is None else f" in layer {self.layer}"
        return f"{self.side} {self.quantity}{f' of {self.name}' if self.name else ''}{where} at step {self.step}"


class Archive:
    """Activations, preactivations, gradients, parameters and figures by step; made by the callback ``archiver``.

    Steps are those of ``network.step``: the first update is step 1. Layers are counted as in
    ``network.layers``, from 0 on, from the end with negative numbers. Arrays are read-only.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(8, 2))
        >>> net = nnkit.Network([2, 3, 1], seed=0)
        >>> history = net.fit(X, X[:, 0], epochs=3, batch_size=None, callbacks=["archiver(every=1)"])
        >>> archive = net.archive
        >>> archive.steps("parameters")
        [1, 2, 3]
        >>> archive.gradient(2, layer=0, name="weight").shape
        (2, 3)
        >>> np.array_equal(archive.network_at(3).predict(X), net.predict(X))
        True
        >>> archive.first_nonfinite() is None
        True
    """

    def __init__(self, network: Network, memory: Mapping[str, Any], folder: Path | None) -> None:
        self._network = network
        self._memory = memory
        self._folder = folder
        self._order: list[int] = (
            sorted(int(step) for step in memory["kept"]) if folder is None else archiving.steps_in(folder)
        )
        self._widths: list[int] = [int(width) for width in memory["widths"]]
        self._has_preactivation: list[bool] = [bool(has) for has in memory["has_preactivation"]]
        self._last_read: tuple[int, Mapping[str, Array]] | None = None

    @classmethod
    def of(cls, network: Network, memory: Mapping[str, Any]) -> Self:
        """The archive of a network, from the memory of its archiver."""
        folder = None if memory.get("folder") is None else Path(memory["folder"])
        return cls(network, memory, folder)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, overrides: Mapping[str, Any] | None = None) -> Archive:
        """The archive in a folder that an archiver filled, or in a network's file.

        Args:
            path: The folder, or the ``.npz`` of ``network.save``.
            overrides: See ``Network.from_config``.

        Raises:
            FileFormatError: When it is neither.
            DataError: When the network's file holds no archive.
            SpecError: When the network was made with functions of its maker's own; says which to give again.
        """
        from nnkit.network.network import Network

        folder = Path(path)
        if not folder.is_dir():
            return Network.load(folder, overrides=overrides).archive
        index = _index(folder)
        network = Network.from_config(index["config"], overrides=overrides)
        return cls(network, index, folder)

    # -- figures -------------------------------------------------------------------------------

    def cost(self, of: Side = "training") -> dict[int, float]:
        """The loss by step, penalties included."""
        return self._figures("cost", of)

    def accuracy(self, of: Side = "training") -> dict[int, float]:
        """The share of right classes by step."""
        return self._figures("accuracy", of)  # a target's name

    def precision(self, of: Side = "training") -> dict[int, float]:
        """The share of right ones among the predicted positives by step."""
        return self._figures("precision", of)  # a target's name

    # -- arrays --------------------------------------------------------------------------------

    def steps(self, target: str, of: Side = "training") -> list[int]:
        """The steps under which a target is archived.

        Raises:
            DataError: When there is no such target.
        """
        if target not in archiving.TARGETS:
            raise DataError(f"there is no target {target!r}; they are {', '.join(archiving.TARGETS)}")
        if target in archiving.FIGURES:
            return list(self._figures(target, of))
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
        found: dict[str, dict[int, Array]] = {}
        for step in steps:
            vector = _read_only(self._record(step)[target])
            for slot, array in zip(self._layout.slots, self._layout.restore(vector), strict=True):
                found.setdefault(f"layer {slot.layer} {slot.spec.name}", {})[step] = array
        return found

    # -- replay --------------------------------------------------------------------------------

    def network_at(self, step: int) -> Network:
        """A network of its own, as it was after this step: parameters, and what layers keep besides.

        Its optimizer starts anew: the archive holds no optimizer state (a checkpoint does).

        Raises:
            DataError: When the parameters of this step are not archived.
        """
        parameters = self._get(step, "parameters", "parameters").copy()
        record = self._record(step)
        buffers = record["buffers"].copy() if "buffers" in record else np.empty(0, dtype=parameters.dtype)
        twin = copy.copy(self._network)
        state = TrainingState.new(parameters, buffers, self._network.seed)
        state.step, state.epoch, state.adapted = step, int(record["epoch"]), True
        twin._state = state  # noqa: SLF001  # a network made of the other's frozen parts
        twin.notes = dict(self._network.notes)
        return twin

    def first_nonfinite(self) -> NonFinite | None:
        """The first step, layer and quantity with a NaN or an infinity; ``None`` when all is finite.

        Within a step in the order of cause: the gradient, from the last layer on; the parameters;
        then layer by layer preactivation and activation; then the figures.
        """
        figures: dict[int, list[NonFinite]] = {}
        for found in self._nonfinite_figures():
            figures.setdefault(found.step, []).append(found)
        for step in sorted({*self._order, *figures}):
            arrays = self._nonfinite_arrays(step) if step in set(self._order) else iter(())
            first = next(arrays, None) or next(iter(figures.get(step, [])), None)
            if first is not None:
                return first
        return None

    # -- its size ------------------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, in memory or in the folder."""
        return sum(array.nbytes for step in self._order for array in self._record(step).values())

    def __repr__(self) -> str:
        kept = {target: len(self.steps(target)) for target in archiving.TARGETS}
        return f"Archive({', '.join(f'{target}: {count} steps' for target, count in kept.items() if count)})"

    # -- inside --------------------------------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return self._network.layout

    def _record(self, step: int) -> Mapping[str, Array]:
        if self._folder is None:
            record: Mapping[str, Array] = self._memory["kept"][str(step)]
            return record
        if self._last_read is None or self._last_read[0] != step:
            self._last_read = step, archiving.read_step(self._folder, step)
        return self._last_read[1]

    def _get(self, step: int, key: str, what: str) -> Array:
        if step in set(self._order) and key in self._record(step):
            return self._record(step)[key]
        have = [s for s in self._order if key in self._record(s)]
        shown = f"steps {have[0]} to {have[-1]} ({len(have)} of them)" if have else "no step"
        raise DataError(f"the archive holds no {what} of step {step}; it holds them of {shown}")

    def _slice(self, step: int, target: str, of: Side, start: int, stop: int) -> Array:
        return _read_only(self._get(step, self._key(target, of), f"{of} {target}s"))[:, start:stop]

    def _key(self, target: str, of: Side) -> str:
        if of not in {"training", "validation"}:
            raise DataError(f"of is {of!r}; expected 'training' or 'validation'")
        return target if target in {"gradient", "parameters"} else f"{of}.{target}"

    def _layer(self, layer: int) -> int:
        count = len(self._widths)
        if not -count <= layer < count:
            raise DataError(f"there is no layer {layer}; the network has {count}, from 0 on")
        return layer % count

    def _part(self, vector: Array, layer: int | None, name: str | None) -> Array:
        if layer is None:
            return vector
        index = self._layer(layer)
        arrays = self._layout.by_layer(vector)[index]
        if name is None and len(arrays) == 1:
            return next(iter(arrays.values()))
        if name not in arrays:
            have = ", ".join(map(repr, arrays)) or "none"
            raise DataError(f"layer {index} has no array {name!r}; it has {have}")
        return arrays[name]

    def _figures(self, target: str, of: Side) -> dict[int, float]:
        self._key(target, of)
        series = self._memory["figures"].get(of, {}).get(target, {"step": [], "value": []})
        return dict(zip(series["step"], series["value"], strict=True))

    def _nonfinite_figures(self) -> Iterator[NonFinite]:
        for side in ("training", "validation"):
            for target in archiving.FIGURES:
                for step, value in self._figures(target, side).items():
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


def _index(folder: Path) -> dict[str, Any]:
    try:
        index = json.loads((folder / archiving.INDEX).read_bytes())
        known = index["format"] == "nnkit" and isinstance(index["version"], int)
    except FileNotFoundError as error:
        raise FileFormatError(f"{folder} is not an archive: it has no {archiving.INDEX}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{folder} is not an archive, or its {archiving.INDEX} is damaged: {error}") from error
    if not known or index["version"] > 1:
        raise FileFormatError(f"{folder} holds an archive that this nnkit does not read; install a newer nnkit-core")
    return dict(index)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
