"""Several networks as one: the mean of their predictions, and how far they disagree."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, final

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.coupling import batch_loss
from nnkit.core.evaluation import judged
from nnkit.core.model import Model
from nnkit.data.arrays import DataLike
from nnkit.data.labels import predicted_labels
from nnkit.data.targets import as_data
from nnkit.errors import DataError, FileFormatError
from nnkit.files import container
from nnkit.inference.fitted import metrics_of
from nnkit.interfaces import MetricValue, PartSpec
from nnkit.network.network import Network

__all__ = ["Ensemble"]

WHAT = "ensemble"


def _networks(networks: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(networks)


@final
@attrs.frozen(eq=False)
class Ensemble:
    """Networks for the same data, whose predictions are averaged: ``p = mean_m p_m``.

    Where a network predicts log-probabilities, the probabilities are averaged.

    Args:
        networks: At least two, trained or not.
        notes: Saved with the ensemble: numbers, strings, lists, mappings and arrays in any nesting.

    Raises:
        DataError: When they are fewer, or do not predict the same thing.

    Source:
        Lakshminarayanan, Pritzel & Blundell (2017), "Simple and Scalable Predictive Uncertainty Estimation using Deep
        Ensembles".

    Example:
        >>> X = np.random.default_rng(0).normal(size=(64, 2))
        >>> members = [nnkit.Network([2, 8, 1], seed=seed) for seed in range(3)]
        >>> ensemble = Ensemble([member for member in members if member.fit(X, X[:, 0] * X[:, 1], epochs=5)])
        >>> ensemble.predict(X).shape, ensemble.spread(X).shape
        ((64, 1), (64, 1))
    """

    networks: Sequence[Network] = attrs.field(converter=_networks)
    notes: dict[str, Any] = attrs.field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        wrong = next((network for network in self.networks if not isinstance(network, Network)), None)
        if wrong is not None or len(self.networks) < 2:
            got = f"{len(self.networks)}" if wrong is None else f"{type(wrong).__name__}"
            raise DataError(f"an ensemble was passed {got}; expected two networks or more")
        for place, network in enumerate(self.networks[1:], start=1):
            for name in ("inputs", "outputs", "task", "classes", "features"):
                first, other = getattr(self.networks[0], name), getattr(network, name)
                if first != other:
                    raise DataError(
                        f"the networks of an ensemble differ in {name}: {first!r} of the first, {other!r} of number "
                        f"{place}"
                    )
            if network.loss.prediction_domain != self._model.loss.prediction_domain:
                raise DataError(f"the networks of an ensemble differ in their predictions: number {place}")

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def _model(self) -> Model:
        return self.networks[0].model

    def members(self, X: DataLike) -> Array:
        """The prediction of each network, ``(M, N, K)``.

        Raises:
            DataError: When ``X`` cannot be used.
        """
        return np.stack([network.predict(X) for network in self.networks])

    def predict(self, X: DataLike, *, labels: bool = False, point: bool = False) -> Array:
        """The mean prediction ``(N, K)``, or with ``labels`` its class ``(N,)``; the arguments are those of a network.

        Raises:
            DataError: When ``X`` cannot be used, or labels are asked of networks that predict none.
        """
        total = self._mean(self.members(X))
        if labels:
            return predicted_labels(self._model, total)
        return self._model.loss.point(total) if point else total

    def spread(self, X: DataLike) -> Array:
        """The standard deviation of the networks' predictions ``(N, K)``, with ``M - 1`` in the denominator."""
        deviation: Array = self.members(X).std(axis=0, ddof=1)
        return deviation

    def evaluate(
        self,
        X: DataLike,
        y: DataLike,
        *,
        metrics: PartSpec | Sequence[PartSpec] = (),
        sample_weight: DataLike | None = None,
    ) -> dict[str, MetricValue]:
        """``loss`` of the mean prediction, in the units of the targets and without penalties, and each metric of it.

        Raises:
            DataError: When the data cannot be used.
        """
        named = metrics_of(metrics)
        model = self._model
        model = attrs.evolve(model, description=attrs.evolve(model.description, shift=None, scale=None))
        prediction = self.predict(X)
        _, target, weight = as_data(model, prediction, y, sample_weight)
        result: dict[str, MetricValue] = {"loss": batch_loss(model.loss, prediction, target, weight)}
        pair = judged(model, prediction, target, np.ones(len(target)) if weight is None else weight)
        for name, metric in named.items():
            metric.check(model.task)
            state = metric.start(model.task)
            metric.add(state, *pair(metric))
            result[name] = metric.result(state)
        return result

    def save(self, target: container.Target, *, training_state: bool = False) -> None:
        """Write all networks to one file; see ``nnkit.Network.save``.

        Args:
            target: A path, or a binary file open for writing.
            training_state: Whether to include what only training needs.

        Raises:
            FileSaveError: When a network cannot be saved, or the file cannot be written.
        """
        members = []
        for network in self.networks:
            file = io.BytesIO()
            network.save(file, training_state=training_state)
            members.append(np.frombuffer(file.getbuffer(), dtype=np.uint8))
        container.write(target, {"networks": members, "notes": self.notes}, what=WHAT)

    @classmethod
    def load(cls, source: container.Source, *, overrides: Mapping[str, PartSpec] | None = None) -> Self:
        """The ensemble of a file.

        Args:
            source: What ``save`` has written.
            overrides: Of each network; see ``nnkit.Network.from_config``.

        Raises:
            FileFormatError: When the file is damaged, foreign or newer; nothing in it is executed.
            MissingProviderError: Names the distribution to install.
        """
        tree = container.read(source, what=WHAT)
        with container.named_errors(source):
            members, notes = tree.get("networks"), tree.get("notes")
            if (
                not isinstance(members, list)
                or not all(isinstance(member, np.ndarray) for member in members)
                or not isinstance(notes, dict)
            ):
                raise FileFormatError("damaged: expected the networks of an ensemble and its notes")
            loaded = [Network.load(io.BytesIO(member.tobytes()), overrides=overrides) for member in members]
            try:
                return cls(loaded, notes=notes)
            except DataError as error:
                raise FileFormatError(f"damaged: {error}") from error

    def _mean(self, members: Array) -> Array:
        if self._model.loss.prediction_domain != "log_simplex":
            mean: Array = members.mean(axis=0)
            return mean
        largest = members.max(axis=0)
        with np.errstate(divide="ignore"):  # log 0 is the answer where every network gives 0
            log_mean: Array = np.log(np.exp(members - largest).mean(axis=0)) + largest
        return log_mean
