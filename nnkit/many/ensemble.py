"""Several networks as one: the mean or median of their predictions, how far they disagree, and intervals."""

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
from nnkit.data.sources import Rows, Stream
from nnkit.data.targets import as_data
from nnkit.errors import DataError, FileFormatError
from nnkit.files import container
from nnkit.inference.fitted import metrics_of
from nnkit.inference.intervals import Intervals
from nnkit.interfaces import COMBINE, MetricValue, PartSpec, Shards
from nnkit.many.calibration import LeftOut, Limits
from nnkit.network.network import Network

__all__ = ["Ensemble"]

WHAT = "ensemble"
CALIBRATION = {"left_out": LeftOut, "limits": Limits}


def _networks(networks: Iterable[Network]) -> tuple[Network, ...]:
    return tuple(networks)


@final
@attrs.frozen(eq=False)
class Ensemble:
    """Networks for the same data, whose predictions are averaged: ``p = mean_m p_m``, or the median.

    Where a network predicts log-probabilities, the probabilities are averaged.

    Args:
        networks: One or more, trained or not.
        combine: ``"mean"``, or ``"median"`` of each output, for regression.
        left_out: The errors of rows that members were not trained on, for ``intervals``.
        limits: The ranges of training: inputs far outside are warned of, and predictions far outside are clipped.
        notes: Saved with the ensemble: numbers, strings, lists, mappings and arrays in any nesting.

    Raises:
        DataError: When there are none, they do not predict the same thing, or classes have no median.

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
    combine: str = attrs.field(default="mean", kw_only=True)
    left_out: LeftOut | None = attrs.field(default=None, kw_only=True)
    limits: Limits | None = attrs.field(default=None, kw_only=True)
    notes: dict[str, Any] = attrs.field(factory=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        wrong = next((network for network in self.networks if not isinstance(network, Network)), None)
        if wrong is not None or not self.networks:
            got = "none" if wrong is None else f"{type(wrong).__name__}"
            raise DataError(f"an ensemble was passed {got}; expected networks")
        if self.combine not in COMBINE or (self.combine == "median" and self.networks[0].task != "regression"):
            raise DataError(f"combine is {self.combine!r}; expected 'mean', or for regression 'median'")
        for place, network in enumerate(self.networks[1:], start=1):
            for name in ("inputs", "outputs", "task", "classes", "features"):
                first, other = getattr(self.networks[0], name), getattr(network, name)
                if first != other:
                    raise DataError(
                        f"the networks of an ensemble differ in {name}: {first!r} of the first, {other!r} of number "
                        f"{place}"
                    )
            if network.loss.prediction_domain != self.model.loss.prediction_domain:
                raise DataError(f"the networks of an ensemble differ in their predictions: number {place}")

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def model(self) -> Model:
        """The structure of the first network."""
        return self.networks[0].model

    def members(self, X: DataLike) -> Array:
        """The prediction of each network, ``(M, N, K)``.

        Raises:
            DataError: When ``X`` cannot be used.
        """
        if isinstance(X, Rows | Stream | Shards):
            raise DataError(
                f"X is not in memory ({type(X).__name__}), and an ensemble predicts arrays: predict some rows at a time"
            )
        return np.stack([network.predict(X) for network in self.networks])

    def predict(self, X: DataLike, *, labels: bool = False, point: bool = False) -> Array:
        """The combined prediction ``(N, K)``, or with ``labels`` its class ``(N,)``; the arguments are a network's.

        With ``limits``, rows whose inputs are far outside those of training are warned of, and predictions beyond
        ``[min - range, max + range]`` of the targets are replaced by the nearer bound, with a warning.

        Raises:
            DataError: When ``X`` cannot be used, or labels are asked of networks that predict none.
        """
        total = self.combined(self.members(X))
        if self.limits is not None:
            self.limits.warn_of_inputs(self.networks[0], X)
            total = self.limits.clipped(total)
        if labels:
            return predicted_labels(self.model, total)
        return self.model.loss.point(total) if point else total

    def combined(self, members: Array) -> Array:
        """The mean or median ``(N, K)`` of the predictions of each network, ``(M, N, K)``; no limits are applied."""
        if self.combine == "median":
            middle: Array = np.median(members, axis=0)
            return middle
        if self.model.loss.prediction_domain != "log_simplex":
            mean: Array = members.mean(axis=0)
            return mean
        largest = members.max(axis=0)
        with np.errstate(divide="ignore"):  # log 0 is the answer where every network gives 0
            log_mean: Array = np.log(np.exp(members - largest).mean(axis=0)) + largest
        return log_mean

    def spread(self, X: DataLike) -> Array:
        """The standard deviation of the networks' predictions ``(N, K)``, with ``M - 1`` in the denominator.

        Raises:
            DataError: When there is one network, or ``X`` cannot be used.
        """
        if len(self) < 2:
            raise DataError("the ensemble has one network; the spread of predictions needs two or more")
        deviation: Array = self.members(X).std(axis=0, ddof=1)
        return deviation

    def intervals(self, X: DataLike, *, level: float = 0.95) -> Intervals:
        """Bounds of new targets, from the errors of rows that members were not trained on (CV+, jackknife+).

        The lower bound is the ``floor((1 - level) (R + 1))``-th smallest of ``p_m(i)(x) - |e_i|`` over the ``R`` errors
        ``e_i`` of rows that member ``m(i)`` was not trained on, the upper bound the same from above. No distribution is
        assumed, only that new rows are drawn like those of training. ``standard_error`` is half the distance of the
        bounds, ``noise`` the standard deviation of the errors.

        Where ``fit_recipe`` trained every member on all rows by a solver of least squares, ``e_i`` are the
        leave-one-out errors of ``nnkit.inference.influence``, for every member and row, and the rank is as many times
        larger as there are members.

        Args:
            X: Inputs, as for ``predict``.
            level: Coverage, in (0, 1).

        Raises:
            DataError: When no rows were left out, or too few for this level.

        Source:
            Barber, Candès, Ramdas & Tibshirani (2021), "Predictive Inference with the Jackknife+", section 3; for
            leave-one-out errors without retraining Monari & Dreyfus (2002), "Local Overfitting Control via Leverages".
        """
        if self.left_out is None:
            raise DataError(
                "this ensemble has no errors of rows that were left out: train it by nnkit.fit_recipe, with the task "
                "regression and with folds (or a solver of least squares); or use nnkit.inference.intervals with one "
                "of its networks"
            )
        prediction = self.predict(X, point=True)
        points = np.stack([network.predict(X, point=True) for network in self.networks])
        lower, upper = self.left_out.bounds(points, level)
        lower, upper = np.minimum(lower, prediction), np.maximum(upper, prediction)
        noise = np.sqrt(np.mean(self.left_out.error**2, axis=0))
        degrees = np.full(prediction.shape[1], float(len(self.left_out.error)))
        return Intervals(prediction, lower, upper, 0.5 * (upper - lower), noise, degrees, level)

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
        model = self.model
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
        tree: dict[str, Any] = {"networks": members, "notes": self.notes, "combine": self.combine}
        for name in CALIBRATION:
            part = getattr(self, name)
            tree[name] = None if part is None else attrs.asdict(part, recurse=False)
        container.write(target, tree, what=WHAT)

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
                own = {name: made(**tree[name]) for name, made in CALIBRATION.items() if tree.get(name) is not None}
                return cls(loaded, combine=tree.get("combine", "mean"), notes=notes, **own)
            except (DataError, TypeError, ValueError) as error:
                raise FileFormatError(f"damaged: {error}") from error
