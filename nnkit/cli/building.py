"""From the sections of an experiment to samples, a network and its targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from nnkit.arrays import Array
from nnkit.cli.experiment import Experiment
from nnkit.cli.sections import ExperimentError
from nnkit.cli.tables import Table, read_table
from nnkit.cli.targets import Targets, encode
from nnkit.data.frames import NamedColumns
from nnkit.data.labels import Labels
from nnkit.errors import NNKitError

if TYPE_CHECKING:
    from nnkit.network.network import Network

__all__ = ["Part", "Samples", "build_network", "load_samples", "read_rows"]


@attrs.frozen(kw_only=True, eq=False)
class Part:
    """Some of the rows: those that train, those that validate, or those that test.

    Args:
        name: ``"training"``, ``"validation"`` or ``"test"``.
        X: ``(N, D)``, with the names of the columns where the file has them.
        y: Targets: labels with the declared classes, or numbers.
    """

    name: str
    X: Array | NamedColumns
    y: Array | Labels

    def __len__(self) -> int:
        return self.X.shape[0]


@attrs.frozen(kw_only=True, eq=False)
class Samples:
    """All rows of an experiment.

    Args:
        train: The rows to train with.
        validation: The rows to watch, ``None`` without.
        test: The rows for the figures at the end, ``None`` without.
        classes: The names of the classes; ``None`` where targets are numbers.
    """

    train: Part
    validation: Part | None
    test: Part | None
    classes: tuple[str, ...] | None

    @property
    def judged(self) -> Part:
        """The rows that the final figures are about: the least seen there are."""
        return self.test or self.validation or self.train


def read_rows(experiment: Experiment, file: str, like: Table | None = None) -> Table:
    """One data file of the experiment; a second file takes the columns of the first, by name.

    Raises:
        ExperimentError: When there is no such file beside the experiment's; says where it was looked for.
        DataError: For every fault of the file.
    """
    data = experiment.data
    features: Sequence[str] | None = data.features
    if like is not None and like.named:
        features = like.features
    try:
        return read_table(
            experiment.beside(file),
            x=data.x,
            y=data.y,
            target=data.target if like is None else like.target,
            features=features,
            delimiter=data.delimiter,
            last_is_target=True,
        )
    except FileNotFoundError as error:
        if Path(file).is_absolute():
            raise
        said = "Paths are relative to the folder of the experiment file, not to the one you are in"
        if Path(file).exists():
            said += f", where there is one: write {os.path.relpath(file, experiment.path.parent)!r}"
        raise ExperimentError(
            f"{experiment.path}: [data] names {file!r}; {error.filename}: {error.strerror}. {said}"
        ) from error


def build_network(experiment: Experiment, table: Table) -> Network:
    """The network, with the scaling of its inputs as its own first layers, and all that it leaves to the data chosen.

    Raises:
        NNKitError: When it cannot be composed; says in which file.
    """
    from nnkit.network.composition import DEFAULTS
    from nnkit.network.deciding import decided
    from nnkit.network.network import Network

    settings: dict[str, Any] = dict(experiment.network)
    columns = table.X.shape[1]
    hidden, layers = settings.pop("hidden", None), settings.pop("layers", None)
    where = f"{experiment.path}: [network]"
    if hidden is None and (not isinstance(layers, list) or not layers):
        raise ExperimentError(f"{where} layers is {layers!r}; expected a list, for example [64, 32, 10]")
    if layers and isinstance(layers[0], int):
        if layers[0] != columns:
            raise ExperimentError(
                f"{where} layers begins with {layers[0]} inputs; {table.source} has {columns} features"
            )
        if len(layers) == 1:
            raise ExperimentError(f"{where} layers is {layers}; expected the inputs and at least one layer")
        layers = layers[1:]
    scaling: list[Any] = []
    if experiment.data.divide_by is not None:
        scaling.append({"name": DEFAULTS["divided_inputs"], "scale": 1.0 / experiment.data.divide_by})
    if experiment.data.standardize:
        scaling.append(DEFAULTS["standardized_inputs"])
    try:
        if hidden is None:
            return Network([columns, *scaling, *layers], **settings)
        assert table.y is not None  # an experiment always reads targets
        before = [*scaling, *hidden] if isinstance(hidden, list) else hidden
        chosen = decided(Network(layers, hidden=before, **settings).composition, table.y)
        return Network.from_config(chosen.to_config() | {"inputs": columns})
    except NNKitError as error:
        error.add_note(f"in [network] of {experiment.path}")
        raise


def load_samples(experiment: Experiment, table: Table, network: Network) -> Samples:
    """All rows, divided, with targets as the network's loss takes them.

    Raises:
        ExperimentError: When the division leaves a part empty.
        DataError: When a file or its targets cannot be used.
    """
    data = experiment.data
    targets = _encoded(table, network, None)
    try:
        parts = data.split.parts(len(table.X), targets.labels, test_elsewhere=data.test_file is not None)
    except ExperimentError as error:
        raise ExperimentError(f"{experiment.path}: [data.split]: {error}") from error

    def rows(name: str, chosen: Any, file: str | None) -> Part | None:
        if file is not None:
            other = read_rows(experiment, file, like=table)
            return _part(name, other, _encoded(other, network, targets.classes), slice(None))
        return _part(name, table, targets, chosen) if len(chosen) else None

    train = rows("training", parts.train, None)
    assert train is not None  # a split refuses to leave it empty
    return Samples(
        train=train,
        validation=rows("validation", parts.validation, data.validation_file),
        test=rows("test", parts.test, data.test_file),
        classes=targets.classes,
    )


def _part(name: str, table: Table, targets: Targets, rows: Any) -> Part:
    X = table.X[rows]
    y: Array | Labels = targets.values[rows]
    if targets.labels is not None and targets.classes is not None and targets.values.ndim == 1:
        assert table.y is not None  # an experiment always reads targets
        numbers = table.y.dtype.kind in "biuf"
        y = Labels(tuple(int(float(c)) if numbers else c for c in targets.classes), targets.labels[rows])
    return Part(name=name, X=NamedColumns(X, table.features) if table.named else X, y=y)


def _encoded(table: Table, network: Network, classes: tuple[str, ...] | None) -> Targets:
    assert table.y is not None  # an experiment always reads targets
    return encode(table.y, network.loss, outputs=network.model.target_columns, source=table.source, classes=classes)
