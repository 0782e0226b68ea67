"""The shape check that the interface puts in front of a loss, and what it must leave alone."""

import functools
import pickle

import attrs
import numpy as np
import pytest

from nnkit.errors import ShapeError
from nnkit.interfaces import Loss
from nnkit.interfaces.loss import CHECKED

PREDICTION = np.array([[1.0, 4.0], [2.0, -3.0]])
TARGET = np.array([[0.0, 1.0], [2.0, -1.0]])
OF_SAMPLES = [name for name in CHECKED if not name.startswith("batch_")]


@attrs.frozen(kw_only=True)
class Half(Loss):
    """``0.5 * sum(r**2)``, in all four forms."""

    def value(self, prediction, target):
        return 0.5 * ((prediction - target) ** 2).sum(axis=1)

    def gradient(self, prediction, target):
        return prediction - target

    def residual(self, prediction, target):
        return prediction - target

    def curvature(self, prediction, target):
        return np.broadcast_to(np.eye(prediction.shape[1]), (*prediction.shape, prediction.shape[1]))


def doubled(base):
    """The body of a loss that is twice its base, through ``super()`` alone; without attrs' decorator."""

    class Doubled(base):
        def value(self, prediction, target):
            return 2.0 * super().value(prediction, target)

        def gradient(self, prediction, target):
            return 2.0 * super().gradient(prediction, target)

        def residual(self, prediction, target):
            return 2.0**0.5 * super().residual(prediction, target)

        def curvature(self, prediction, target):
            return 2.0 * super().curvature(prediction, target)

    return Doubled


SLOTS = attrs.frozen(kw_only=True)
DICT = attrs.frozen(kw_only=True, slots=False)


@SLOTS
class Twice(Half):
    """Of the module, so that pickle finds it."""

    factor: float = 2.0

    def value(self, prediction, target):
        return self.factor * super().value(prediction, target)

    def gradient(self, prediction, target):
        return self.factor * super().gradient(prediction, target)


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.parametrize("make", [SLOTS, DICT], ids=["slots", "dict"])
def test_super_reaches_the_base(make, name):
    factor = 2**0.5 if name == "residual" else 2
    expected = factor * getattr(Half(), name)(PREDICTION, TARGET)
    np.testing.assert_array_equal(expected, getattr(make(doubled(Half))(), name)(PREDICTION, TARGET))


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.parametrize("second", [SLOTS, DICT], ids=["slots", "dict"])
@pytest.mark.parametrize("first", [SLOTS, DICT], ids=["slots", "dict"])
def test_super_reaches_through_two_classes(first, second, name):
    loss = second(doubled(first(doubled(Half))))()
    factor = (2**0.5) ** 2 if name == "residual" else 4
    expected = factor * getattr(Half(), name)(PREDICTION, TARGET)
    np.testing.assert_allclose(getattr(loss, name)(PREDICTION, TARGET), expected, rtol=1e-15)


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.parametrize("make", [SLOTS, DICT], ids=["slots", "dict"])
def test_every_form_of_a_derived_loss_refuses_other_shapes(make, name):
    with pytest.raises(ShapeError, match=r"Doubled: target has shape \(2,\)"):
        getattr(make(doubled(Half))(), name)(PREDICTION, TARGET[:, 0])


@pytest.mark.parametrize("name", ["batch_value", "batch_gradient"])
def test_a_coupled_loss_refuses_other_shapes(name):
    @attrs.frozen(kw_only=True)
    class Coupled(Loss):
        rows_coupled = True

        def batch_value(self, prediction, target, weight):
            return float(weight @ (prediction - target) @ np.ones(2))

        def batch_gradient(self, prediction, target, weight):
            return np.tile(weight[:, None], 2)

    getattr(Coupled(), name)(PREDICTION, TARGET, weight=np.ones(2))
    with pytest.raises(ShapeError, match=r"Coupled: target has shape \(2,\)"):
        getattr(Coupled(), name)(PREDICTION, TARGET[:, 0], np.ones(2))


def test_a_derived_loss_survives_pickle():
    loss = pickle.loads(pickle.dumps(Twice(factor=5.0)))
    assert Twice(factor=5.0) == loss
    np.testing.assert_array_equal(5.0 * Half().value(PREDICTION, TARGET), loss.value(PREDICTION, TARGET))


class Mixin:
    """Methods from a class that is no loss."""

    def value(self, prediction, target):
        return 3.0 * super().value(prediction, target)


def test_methods_of_a_mixin_are_checked_and_reach_the_base():
    @SLOTS
    class Mixed(Mixin, Half):
        pass

    np.testing.assert_array_equal(3.0 * Half().value(PREDICTION, TARGET), Mixed().value(PREDICTION, TARGET))
    with pytest.raises(ShapeError, match="Mixed: target has shape"):
        Mixed().value(PREDICTION, TARGET[:, 0])


def test_a_method_that_the_author_has_decorated_is_checked():
    def noted(method):
        @functools.wraps(method)
        def inner(*arguments):
            return method(*arguments)

        return inner

    @SLOTS
    class Noted(Half):
        @noted
        def value(self, prediction, target):
            return np.abs(prediction - target).sum(axis=1)

    np.testing.assert_array_equal([4.0, 2.0], Noted().value(PREDICTION, TARGET))
    with pytest.raises(ShapeError, match="Noted: target has shape"):
        Noted().value(PREDICTION, TARGET[:, 0])


def test_optional_forms_that_are_not_written_are_not_offered():
    @SLOTS
    class Bare(Loss):
        def value(self, prediction, target):
            return np.abs(prediction - target).sum(axis=1)

        def gradient(self, prediction, target):
            return np.sign(prediction - target)

    assert [False, False] == [Bare().offers("residual"), Bare().offers("curvature")]
    assert [True, True] == [Half().offers("residual"), Half().offers("curvature")]
