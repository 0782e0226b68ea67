"""The kit finds faults in what losses declare of their widths, missing targets, coupled rows and surrogates."""

import attrs
import numpy as np
import pytest

from nnkit.interfaces import Loss
from nnkit.testing import check


@attrs.frozen(kw_only=True)
class Masked(Loss):
    """Squared error that leaves out missing targets."""

    missing_targets = True

    def value(self, prediction, target):
        return np.where(np.isnan(target), 0.0, (prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return np.where(np.isnan(target), 0.0, 2 * (prediction - target))


@attrs.frozen(kw_only=True)
class Pairs(Loss):
    """The weighted mean over all pairs of rows of the squared error of their differences."""

    rows_coupled = True

    def batch_value(self, prediction, target, weight):
        gaps, both = self._gaps(prediction, target, weight)
        return 0.5 * float((both[:, :, None] * gaps**2).sum())

    def batch_gradient(self, prediction, target, weight):
        gaps, both = self._gaps(prediction, target, weight)
        return 2.0 * (both[:, :, None] * gaps).sum(axis=1)

    def _gaps(self, prediction, target, weight):
        error = prediction - target
        return error[:, None] - error[None], np.outer(weight, weight) / weight.sum() ** 2


class WideAsEver(Masked):
    def target_columns(self, outputs):
        return 2 * outputs


class WrongPoint(Masked):
    def point(self, prediction):
        return prediction.sum(axis=1)


class NaNs(Masked):
    def value(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=1)


class NaNGradient(Masked):
    def gradient(self, prediction, target):
        return 2 * (prediction - target)


class Unweighted(Pairs):
    def _gaps(self, prediction, target, weight):
        return Pairs._gaps(self, prediction, target, np.ones_like(weight))


class HalfGradient(Pairs):
    def batch_gradient(self, prediction, target, weight):
        return 0.5 * Pairs.batch_gradient(self, prediction, target, weight)


class InOrder(Pairs):
    def batch_value(self, prediction, target, weight):
        return Pairs.batch_value(self, prediction, target, weight) + 1e-3 * float(prediction[0, 0])

    def batch_gradient(self, prediction, target, weight):
        gradient = Pairs.batch_gradient(self, prediction, target, weight)
        gradient[0, 0] += 1e-3
        return gradient


class WithoutReference(Masked):
    surrogate_gradient = True


class WrongReference(Masked):
    surrogate_gradient = True

    @staticmethod
    def reference(prediction, target):
        return prediction - target


@pytest.mark.parametrize("cls", [Masked, Pairs])
def test_sound_losses_pass(cls):
    report = check(cls)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("cls", "number"),
    [
        (WideAsEver, "LOSS-030"),
        (WrongPoint, "LOSS-030"),
        (NaNs, "LOSS-031"),
        (NaNGradient, "LOSS-031"),
        (WithoutReference, "LOSS-032"),
        (WrongReference, "LOSS-032"),
        (HalfGradient, "LOSS-033"),
        (Unweighted, "LOSS-034"),
        (InOrder, "LOSS-035"),
    ],
)
def test_faults_are_found(cls, number):
    report = check(attrs.frozen(kw_only=True)(cls), only=number)
    assert [failure.id.partition("/")[0] for failure in report.failures][:1] == [number]
