"""What an exported file states about its network, and the rows of its self-test."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import attrs
import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.core.step import Vectors
from nnkit.files import probe
from nnkit.files.atomic import write_atomically
from nnkit_export.ensembles import combined, members_of
from nnkit_export.errors import ExportError
from nnkit_export.graph import Graph
from nnkit_export.parts import graph_of

__all__ = ["TOLERANCES", "Facts", "generator", "identifier", "write"]

TOLERANCES = {"float32": 1e-5, "float64": 1e-11}
"""The largest difference that a self-test accepts, as a share of the larger of 1 and the expected value."""


@attrs.frozen
class Facts:
    """A network as every target needs it.

    Args:
        graph: Its operations.
        inputs: Number of inputs.
        outputs: Number of outputs.
        dtype: ``"float32"`` or ``"float64"``.
        task: ``"regression"``, ``"binary"``, ``"multiclass"``, ``"multilabel"`` or ``None``.
        threshold: Above it a column of a binary or multilabel prediction is class 1.
        features: Names of the inputs, or none.
        classes: Labels, or none.
        rows: A few inputs.
        predictions: What ``predict`` answers for them.
        columns: The column plan of a network that reads tables, as JSON-able data.
        networks: How many networks are combined.
    """

    graph: Graph
    inputs: int
    outputs: int
    dtype: str
    task: str | None
    threshold: float
    features: tuple[str, ...]
    classes: tuple[Any, ...]
    rows: Array
    predictions: Array
    columns: list[dict[str, Any]] | None = None
    networks: int = 1

    @classmethod
    def of(cls, network: nnkit.Network | nnkit.Ensemble) -> Facts:
        """Record the network, or all networks of an ensemble.

        Raises:
            ExportError: When its parameters are not finite, or a part cannot be recorded.
        """
        members = members_of(network)
        if not all(np.isfinite(member.parameters).all() for member in members):
            raise ExportError(
                "the network has parameters that are NaN or infinite; train it again, or load a checkpoint"
            )
        first, model, notes = members[0], members[0].model, {**members[0].notes, **network.notes}
        rows = probe.take(model, Vectors(first.parameters, None, first.buffers), first.seed).inputs
        predictions = [
            member.model.unscaled(member.model.rehearse(member.parameters, member.buffers, rows)) for member in members
        ]
        task = model.task
        classes = tuple(model.description.classes or notes.get("classes") or ())
        if task.name in {"binary", "multiclass", "multilabel"} and not classes:
            classes = tuple(range(task.classes))
        return cls(
            graph=graph_of(network),
            inputs=model.inputs,
            outputs=model.outputs,
            dtype=first.dtype.name,
            task=task.name,
            threshold=task.threshold,
            features=tuple(model.description.features or notes.get("features") or ()),
            classes=classes if task.name in {"binary", "multiclass", "multilabel"} else (),
            rows=rows,
            predictions=combined(network, predictions),
            columns=None if model.description.columns is None else model.description.columns.to_config(),
            networks=len(members),
        )

    @property
    def generator(self) -> str:
        """What wrote the file."""
        return generator()

    def write(self, path: Path, suffix: str, files: dict[str, bytes]) -> tuple[Path, ...]:
        """Write the files of the network, and its column plan beside them as ``NAME_columns.json``.

        Raises:
            ExportError: When the name ends in something else than the suffix.
        """
        if self.columns is not None:
            plan = {"inputs": list(self.features), "columns": self.columns}
            files |= {"_columns.json": json.dumps(plan, indent=1).encode() + b"\n"}
        return write(path, [suffix], files)

    @property
    def title(self) -> str:
        """One line on the network."""
        kind = f", {self.task}" if self.task else ""
        what = "A network" if self.networks == 1 else f"An ensemble of {self.networks} networks"
        return f"{what} of nnkit: {self.inputs} inputs, {self.outputs} outputs, {self.dtype}{kind}."


def generator() -> str:
    """What writes the files, with versions."""
    return f"nnkit-export {version('nnkit-export')}, nnkit {nnkit.__version__}"


def identifier(path: Path) -> str:
    """A name for functions, from the name of a file.

    Example:
        >>> identifier(Path("my-model.2.c"))
        'my_model_2'
    """
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    return name if name[:1].isalpha() else f"net_{name}"


def write(path: str | os.PathLike[str], suffixes: Sequence[str], files: dict[str, bytes]) -> tuple[Path, ...]:
    """Write files beside each other; each replaces its predecessor only when it is complete.

    Args:
        path: Of the first file.
        suffixes: What its name may end in.
        files: Contents by what is appended to the stem of ``path``; the first one is ``path`` itself.

    Raises:
        ExportError: When the name ends in something else.
    """
    first = Path(path)
    if first.suffix not in suffixes:
        raise ExportError(f"the file is {str(first)!r}; expected a name that ends in {' or '.join(suffixes)}")
    written: list[Path] = []
    for position, (ending, content) in enumerate(files.items()):
        target = first if position == 0 else first.with_name(first.stem + ending)
        write_atomically(target, functools.partial(_put, content))
        written.append(target)
    return tuple(written)


def _put(content: bytes, file: IO[bytes]) -> None:
    file.write(content)
