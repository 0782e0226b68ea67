"""Is the gradient right, and if not, which part is at fault: an answer in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np

from nnkit.arrays import Array
from nnkit.core.differences import Difference, difference
from nnkit.core.objective import Objective
from nnkit.core.rows import OpenPass, open_pass
from nnkit.core.step import Vectors, bind_layers
from nnkit.core.workspace import Pool
from nnkit.errors import NotOfferedError
from nnkit.markup import lines, tag

__all__ = ["GradientReport", "check_gradient"]

MOST_COORDINATES = 200
TOLERANCE = 1e-6
UNSETTLED = 1e-7
"""A difference whose own error is a larger part than this decides nothing: there is a kink nearby."""
STEP = 0.03
NEAR = 1e-4
"""Where one-sided slopes are compared."""


@attrs.frozen
class GradientReport:
    """The result of the check; prints as sentences.

    Args:
        right: Whether the composed gradient is right, as far as could be determined.
        largest_error: Of the gradient, relative to its largest entry.
        checked: Parameters whose derivative was compared.
        unsettled: Parameters next to a kink, where differences decide nothing.
        frozen: Parameters of frozen layers, which have no gradient.
        faults: What is wrong, in the order of the backward pass: the first is where to look.
    """

    right: bool
    largest_error: float
    checked: int
    unsettled: int
    frozen: int
    faults: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether the gradient is right."""
        return self.right

    def __str__(self) -> str:
        """The findings in words."""
        state = "right" if self.right else "WRONG"
        first = f"The gradient is {state}: over {self.checked} parameters it differs from differences of the loss by at"
        sentences = [f"{first} most {self.largest_error:.1e} of its largest entry."]
        if self.unsettled:
            sentences.append(f"{self.unsettled} more could not be judged: a kink of an activation or loss is too near.")
        if self.frozen:
            sentences.append(f"{self.frozen} parameters are frozen and have no gradient.")
        if self.faults:
            sentences.append("The first fault on the way back: " + self.faults[0] + ".")
            sentences += [f"Also: {fault}." for fault in self.faults[1:]]
        elif not self.right:
            sentences.append("Every part is right by itself; what is wrong is how they are put together.")
        return "\n".join(sentences)

    def _repr_html_(self) -> str:
        """The findings in words, with a bar in green or orange."""
        color = "#009E73" if self.right else "#D55E00"
        return tag("div", lines(str(self)), style=f"border-left:4px solid {color};padding-left:8px")


def check_gradient(objective: Objective, theta: Array, *, seed: int = 0) -> GradientReport:
    """Compare the gradient with differences of the objective, along 200 parameters at most, then part by part.

    Args:
        objective: The data and the structure.
        theta: Where: the trainable parameters ``(P,)``.
        seed: Draws the parameters that are compared.

    Raises:
        NotOfferedError: When the gradient of the loss is deliberately not its derivative.
    """
    if objective.model.loss.surrogate_gradient:
        raise NotOfferedError(
            f"{type(objective.model.loss).__name__} declares surrogate_gradient: its gradient is not the derivative of "
            "its value, so differences cannot check it; nnkit conform compares it with its reference"
        )
    model, x, target = objective.model, _wide(objective.X), _wide(objective.target)
    weight = None if objective.weight is None else _wide(objective.weight)
    theta, buffers = theta.astype(np.float64), objective.buffers.astype(np.float64)
    frozen = objective.frozen.astype(np.float64)
    objective = Objective(model, buffers, x, target, weight, frozen=frozen)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(theta.size)[:MOST_COORDINATES])
    gradient = objective.gradient(theta)[chosen]
    slopes = [_coordinate(objective, theta, int(index)) for index in chosen]
    value, error = np.array([d.value for d, _ in slopes]), np.array([d.error for d, _ in slopes])
    size = max(float(np.abs(value).max(initial=0.0)), float(np.abs(gradient).max(initial=0.0)), 1e-300)
    settled = (error <= UNSETTLED * size) & (np.array([bend for _, bend in slopes]) <= UNSETTLED * size)
    # A difference that has not settled to the tolerance is trusted no further than its own error.
    mismatch = np.maximum(np.abs(gradient - value) - 10.0 * error, 0.0) / size
    mismatch[np.isnan(mismatch)] = np.inf
    worst = float(mismatch[settled].max(initial=0.0))
    parameters = np.concatenate([theta, frozen])
    faults = tuple(_faults(open_pass(model, parameters, buffers, x), target, parameters, buffers, rng))
    count = int(np.count_nonzero(settled))
    return GradientReport(worst <= TOLERANCE, worst, count, len(chosen) - count, frozen.size, faults)


def _wide(array: Array) -> Array:
    """Class labels stay integers, everything else is float64."""
    wide: Array = array.astype(np.float64) if array.dtype.kind == "f" else array
    return wide


def _coordinate(objective: Objective, theta: Array, index: int) -> tuple[Difference, Array]:
    unit = np.zeros_like(theta)
    unit[index] = 1.0 + abs(float(theta[index]))

    def along(t: float) -> Array:
        return np.array(objective.value(theta + t * unit))

    found, bend = difference(along, STEP), _jump(along)
    return Difference(found.value / unit[index], found.error / unit[index]), bend / unit[index]


def _jump(function: Callable[[float], Array]) -> Array:
    """How much the slope jumps at 0: the part of its one-sided difference that does not shrink with the step."""
    here = np.asarray(function(0.0))
    wide, narrow = ((function(h) - 2.0 * here + function(-h)) / h for h in (NEAR, 0.5 * NEAR))
    jump: Array = np.abs(2.0 * narrow - wide)
    return jump


def _faults(passed: OpenPass, target: Array, theta: Array, buffers: Array, rng: np.random.Generator) -> Iterator[str]:
    """Each part alone, from the loss back to the first layer, then the penalties."""
    model, z, a = passed.model, passed.z, passed.prediction
    loss, head = model.loss, model.head
    along = rng.uniform(-1.0, 1.0, z.shape)
    name = type(loss).__name__
    if model.fused and head is not None:

        def fused(t: float) -> Array:
            moved = z + t * along
            values: Array = loss.fused_value(moved, head.forward(moved), target)
            return values

        yield from _compare(f"{name}.fused_gradient", fused, (loss.fused_gradient(z, a, target) * along).sum(axis=1))
    else:
        inside = _inside(a, along, STEP)
        if loss.rows_coupled:
            ones = np.ones(len(a))
            expected = np.array((loss.batch_gradient(a, target, ones) * inside).sum())
            batch = lambda t: np.array(loss.batch_value(a + t * inside, target, ones))  # noqa: E731
            yield from _compare(f"{name}.batch_gradient", batch, expected)
        else:
            expected = (loss.gradient(a, target) * inside).sum(axis=1)
            yield from _compare(f"{name}.gradient", lambda t: loss.value(a + t * inside, target), expected)
        if head is not None:
            grad = rng.uniform(-1.0, 1.0, z.shape)
            expected = (head.vjp(z, a, grad) * along).sum(axis=1)
            yield from _compare(
                f"{type(head).__name__}.vjp, the output activation",
                lambda t: (grad * head.forward(z + t * along)).sum(axis=1),
                expected,
            )
    for index in range(len(model.body) - 1, -1, -1):
        yield from _layer_faults(passed, index, theta, buffers, rng)
    for slot, part in model.penalties:
        weights = theta[slot.place].reshape(slot.spec.shape)
        step = rng.uniform(-1.0, 1.0, weights.shape)
        expected = np.array((part.gradient(weights) * step).sum())
        yield from _compare(
            f"{type(part).__name__}.gradient, the penalty of {slot.spec.name} in layer {slot.layer}",
            lambda t, part=part, weights=weights, step=step: np.array(part.value(weights + t * step)),  # type: ignore[misc]
            expected,
        )


def _layer_faults(
    passed: OpenPass, index: int, theta: Array, buffers: Array, rng: np.random.Generator
) -> Iterator[str]:
    """The input's and each parameter's gradient of one layer; then its in-place variant."""
    model = passed.model
    layer, own, x, cache = model.body[index], passed.parameters[index], passed.inputs[index], passed.caches[index]
    grad = rng.uniform(-1.0, 1.0, (len(x), model.widths[index]))
    grad_x, gradients = layer.backward(own, cache, grad.copy())
    where = f"layer {index} ({type(layer).__name__})"
    along = rng.uniform(-1.0, 1.0, x.shape)
    along[:, list(layer.index_columns(x.shape[1]))] = 0.0

    def by_input(t: float) -> Array:
        summed: Array = (grad * layer.forward(own, x + t * along, training=False, rng=None)[0]).sum(axis=1)
        return summed

    if layer.row_independent:
        yield from _compare(f"{where}, the gradient of its input", by_input, (grad_x * along).sum(axis=1))
    gradient = np.zeros(model.trained.size)
    places = model.trained.by_layer(gradient)[index]
    for name in places:
        step = rng.uniform(-1.0, 1.0, own[name].shape)

        def by_parameter(t: float, name: str = name, step: Array = step) -> Array:
            moved = {**own, name: own[name] + t * step}
            return np.array((grad * layer.forward(moved, x, training=False, rng=None)[0]).sum())

        yield from _compare(f"{where}, the gradient of {name}", by_parameter, np.array((gradients[name] * step).sum()))
    bound = bind_layers(
        model, Vectors(theta, gradient, buffers), Pool(len(x), theta.dtype), len(x), training=False, rng=None,
        needs_grad_x=True,
    )[index]  # fmt: skip
    bound.forward(x)
    bound_x = bound.backward(grad.copy())
    pairs = [("its input", grad_x, bound_x), *((name, gradients[name], places[name]) for name in places)]
    for name, plain, bound_gradient in pairs:
        if bound_gradient is None or not np.allclose(
            plain, bound_gradient, rtol=1e-9, atol=1e-9 * (1.0 + float(np.abs(plain).max()))
        ):
            yield f"{where}: bind and backward differ in the gradient of {name}"


def _inside(a: Array, along: Array, step: float) -> Array:
    """A direction so short that predictions stay in a domain that ends at 0 or 1."""
    room = np.minimum(np.abs(a), np.abs(1.0 - a)) if a.min() >= 0.0 and a.max() <= 1.0 else np.maximum(np.abs(a), 0.1)
    shortened: Array = along * np.minimum(room / (2.0 * step), 1.0)
    return shortened


def _compare(where: str, function: Callable[[float], Array], expected: Array) -> Iterator[str]:
    found = difference(function, STEP)
    size = max(float(np.abs(found.value).max(initial=0.0)), float(np.abs(expected).max(initial=0.0)), 1e-12)
    settled = (found.error <= UNSETTLED * size) & (_jump(function) <= UNSETTLED * size)
    off = np.maximum(np.abs(expected - found.value) - 10.0 * found.error, 0.0)
    off = np.where(np.isnan(off), np.inf, off)
    worst = float(np.max(off, where=settled, initial=0.0)) / size
    if worst > TOLERANCE:
        yield f"{where} differs from differences by {worst:.1e} of its largest entry"
