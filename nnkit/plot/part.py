"""The picture of a part, computed by the part itself: a function and its derivative, a rate, a distribution."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import Array
from nnkit.errors import PluginError
from nnkit.interfaces import Activation, Elementwise, Initializer, Loss, Part, PartSpec, Regularizer, Schedule
from nnkit.plot._figure import BLUE, GREY, INK, ORANGE, PALETTE, finish, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 801
SPAN = 5.0
FAN = 64
STEPS = 1000


def part(part: PartSpec, path: str | os.PathLike[str] | None = None, *, kind: str = "activation") -> Figure:
    """Draw what a part computes, with its hyperparameters: the function on the left, its derivative on the right.

    Activations, losses of single samples and regularizers show their value and derivative, activations that couple
    the units of a layer the Jacobian of a row, schedules the rate at each step, and initializers a sample of weights.

    Args:
        part: A part, or what names one: ``"tanh"``, ``"huber(delta=2)"``, a class.
        path: Where to write the picture (``.png``, ``.pdf``, ``.svg``); ``None`` writes none.
        kind: The kind of a part that is named: ``"activation"``, ``"loss"``, ``"regularizer"``, ``"schedule"`` or
            ``"initializer"``; an instance has its own.

    Returns:
        The figure.

    Raises:
        UnknownNameError: When ``kind`` has no part of this name.
        PluginError: When the part has no picture: its kind is another one, or its loss depends on the batch.
        MissingExtraError: When matplotlib is not installed.

    Example:
        >>> figure = part("tanh")
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['a', 'da/dz']
    """
    part = part if isinstance(part, Part) else registry.create(kind, part)
    if not drawable(part):
        raise PluginError(
            f"{type(part).__name__} has no picture; expected an activation, a loss of single samples, a regularizer,"
            " a schedule or an initializer"
        )
    figure = new_figure(7.6, 3.1)
    if isinstance(part, Elementwise):
        _elementwise(figure, part)
    elif isinstance(part, Activation):
        _coupled(figure, part)
    elif isinstance(part, Loss):
        _loss(figure, part)
    elif isinstance(part, Regularizer):
        _regularizer(figure, part)
    elif isinstance(part, Schedule):
        _schedule(figure, part)
    else:
        _initializer(figure, cast("Initializer", part))
    return finish(figure, path)


def drawable(part: Part) -> bool:
    """Whether ``part`` has a picture."""
    if isinstance(part, Loss):
        return not part.rows_coupled
    return isinstance(part, (Activation, Regularizer, Schedule, Initializer))


def _panel(figure: Figure, place: int, label: str, beneath: str, panels: int = 2) -> Axes:
    axes = figure.add_subplot(1, panels, place)
    tidy(axes)
    axes.set_xlabel(beneath, color=INK)
    axes.set_ylabel(label, color=INK)
    return axes


def _line(axes: Axes, x: Array, y: Array, jumps: Sequence[float] = (), **style: Any) -> None:
    """A curve that is interrupted where it jumps, instead of climbing there."""
    y = np.asarray(y, dtype=np.float64).copy()
    for jump in jumps:
        y[np.abs(x - jump) <= (x[1] - x[0]) / 2] = np.nan
    axes.plot(x, y, linewidth=2.0, **{"color": BLUE, **style})


def _elementwise(figure: Figure, activation: Elementwise) -> None:
    z = np.linspace(-SPAN, SPAN, POINTS)[:, None]
    a = activation.forward(z)
    _line(_panel(figure, 1, "a", "z"), z[:, 0], a[:, 0])
    _line(_panel(figure, 2, "da/dz", "z"), z[:, 0], activation.derivative(z, a)[:, 0], activation.kinks, color=ORANGE)


def _coupled(figure: Figure, activation: Activation) -> None:
    """The activations of a row of three while its first unit moves, and the Jacobian of one row."""
    first = np.linspace(-SPAN, SPAN, POINTS)
    rows = np.stack([first, np.zeros(POINTS), np.ones(POINTS)], axis=1)
    axes = _panel(figure, 1, "a", "z[0], beside z[1] = 0 and z[2] = 1")
    for unit, values in enumerate(activation.forward(rows).T):
        _line(axes, first, values, color=PALETTE[unit], label=f"a[{unit}]")
    axes.legend(fontsize=9, labelcolor=INK, framealpha=0.9, edgecolor="none")
    z = np.array([[2.0, 1.0, 0.0, -1.0, -2.0]])
    jacobian = activation.jacobian(z, activation.forward(z))[0]
    bound = float(np.abs(jacobian).max()) or 1.0
    image_axes = figure.add_subplot(1, 2, 2)
    image = image_axes.imshow(jacobian, cmap="RdBu_r", vmin=-bound, vmax=bound)
    image_axes.set_xlabel("j of z[j], for z = (2, 1, 0, -1, -2)", color=INK)
    image_axes.set_ylabel("i of a[i]", color=INK)
    image_axes.tick_params(colors=INK, labelsize=9)
    figure.colorbar(image, ax=image_axes, label="da[i]/dz[j]")


def _loss(figure: Figure, loss: Loss) -> None:
    left, right = _panel(figure, 1, "loss", ""), _panel(figure, 2, "d loss / d prediction", "")
    for number, curve in enumerate(loss_curves(loss)):
        color, style = PALETTE[number], ("-", "--", ":")[number]
        with np.errstate(all="ignore"):  # the ends of a domain may be infinite
            value = loss.value(curve.prediction, curve.target)
            slope = loss.gradient(curve.prediction, curve.target)[:, curve.column]
        for axes, values in ((left, value), (right, slope)):
            jumps = () if axes is left or np.ptp(curve.target) else curve.target.flat[0] + np.array(loss.kinks)
            _line(
                axes,
                curve.x,
                np.where(np.isfinite(values), values, np.nan),
                jumps,
                color=color,
                label=curve.name,
                ls=style,
            )
            axes.set_xlabel(curve.label, color=INK)
    left.legend(fontsize=9, labelcolor=INK, framealpha=0.9, edgecolor="none")


@attrs.frozen
class Curve:
    """Predictions of which one column moves, the target of each, and what moves."""

    name: str
    label: str
    x: Array
    prediction: Array
    target: Array
    column: int = 0


def loss_curves(loss: Loss) -> list[Curve]:
    """The predictions and targets for which a loss is drawn: those of its two or three most telling targets."""
    if loss.target_domain in {"simplex", "index"}:
        return [_class_curve(loss)]
    domain = loss.prediction_domain
    low, high = {"unit": (0.02, 0.98), "nonnegative": (0.2, 5.0)}.get(domain, (-3.0, 5.0))
    x = np.linspace(low, high, POINTS)
    targets = {"unit": (0.0, 1.0), "sign": (-1.0, 1.0), "nonnegative": (1.0, 3.0)}.get(loss.target_domain, (1.0,))
    prediction, columns, column = _that_moves(
        loss, 0.5 if domain in {"unit", "nonnegative"} else 0.0 if loss.additive else 1.0, targets[-1]
    )
    rest, outputs = prediction[0], prediction.shape[1]
    prediction = np.repeat(prediction, POINTS, axis=0)
    prediction[:, column] = x
    label = f"prediction[{column}], the others {rest[column - 1]:g}" if outputs > 1 else "prediction"
    return [Curve(f"target {t:g}", label, x, prediction, np.full((POINTS, columns), t), column) for t in targets]


def _that_moves(loss: Loss, rest: float, target: float) -> tuple[Array, int, int]:
    """A prediction ``(1, K)`` of equal values, the target columns, and the first output that the loss depends on.

    The others stand at ``rest``. One target column, if the loss accepts that.
    """
    outputs = loss.outputs_for(1)
    columns = loss.target_columns(outputs)
    prediction = np.full((1, outputs), rest)
    slope = np.zeros(outputs)
    for probe in (prediction + 0.5, prediction + 0.1 * np.arange(1, outputs + 1)):  # equal outputs, then others
        if slope.max() < 1e-9:
            slope = np.abs(loss.gradient(probe, np.full((1, columns), target)))[0]
    return prediction, columns, int(np.argmax(slope >= 0.1 * slope.max()))


def _class_curve(loss: Loss) -> Curve:
    """Three classes, of which the first is the true one; the two others are equal."""
    outputs = loss.outputs_for(3)
    classes = loss.target_columns(outputs)
    share = np.linspace(0.02, 0.98, POINTS)
    real = loss.prediction_domain in {"real", "nonnegative"}
    x = np.linspace(-4.0, 4.0, POINTS) if real else share
    prediction = np.zeros((POINTS, outputs))
    if not real:
        prediction[:] = (1.0 - share[:, None]) / (outputs - 1)
    prediction[:, 0] = x
    label = "prediction of the true class, of three" if not real else "prediction[0] of the true class 0, the others 0"
    if loss.prediction_domain == "log_simplex":
        prediction = np.log(prediction)
        label = "probability of the true class, of three"
    target = np.zeros(POINTS, dtype=np.intp) if loss.target_domain == "index" else np.eye(classes)[[0] * POINTS]
    return Curve("one of three classes", label, x, prediction, target)


def _regularizer(figure: Figure, regularizer: Regularizer) -> None:
    weights = np.linspace(-2.0, 2.0, POINTS)
    value = np.array([regularizer.value(weight) for weight in weights[:, None]])
    slope = np.concatenate([regularizer.gradient(weight) for weight in weights[:, None]])
    _line(_panel(figure, 1, "penalty", "weight"), weights, value)
    _line(_panel(figure, 2, "d penalty / d weight", "weight"), weights, slope, regularizer.kinks, color=ORANGE)


def _schedule(figure: Figure, schedule: Schedule) -> None:
    """The rate over twice the longest number of steps among the hyperparameters."""
    lengths = [value for value in attrs.asdict(cast("Any", schedule), recurse=False).values() if isinstance(value, int)]
    steps = np.unique(np.linspace(0, 2 * max([*lengths, STEPS // 2]), POINTS).astype(int))
    rates = np.array([schedule.rate(int(step)) for step in steps])
    axes = _panel(figure, 1, "learning rate", "step number", panels=1)
    axes.plot(steps, rates, linewidth=2.0, color=BLUE)
    axes.set_ylim(bottom=min(0.0, float(rates.min())))


def _initializer(figure: Figure, initializer: Initializer) -> None:
    weight = initializer.sample((FAN, FAN), FAN, FAN, np.random.default_rng(0), np.dtype(np.float64))
    axes = _panel(figure, 1, "weights", f"value, of a weight with {FAN} inputs and {FAN} outputs", panels=1)
    axes.hist(weight.ravel(), bins=60, color=BLUE)
    axes.axvline(float(weight.mean()), color=GREY, linewidth=1.2, linestyle="--")
    axes.set_title(f"mean {weight.mean():.3f}, standard deviation {weight.std():.3f}", fontsize=10, color=INK)
