"""One page about a network: what it is, how it was trained, and how good it is on some rows."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from nnkit import __version__
from nnkit.arrays import Array
from nnkit.data.arrays import DataLike
from nnkit.data.columns import complete_rows
from nnkit.data.targets import as_data
from nnkit.errors import DataError, NNKitError, brief
from nnkit.files.atomic import write_atomically
from nnkit.inference import intervals as intervals_of
from nnkit.inference import layer_times
from nnkit.inference import sensitivities as sensitivities_of
from nnkit.inference.history import label_of
from nnkit.markup import Markup, join, number, table, tag
from nnkit.network.composition import DEFAULTS
from nnkit.network.network import Network
from nnkit.plot._figure import finish
from nnkit.plot.confusion_matrix import confusion_matrix
from nnkit.plot.intervals import intervals
from nnkit.plot.learning_curve import learning_curve
from nnkit.plot.network import network as diagram
from nnkit.plot.probabilities import calibration, roc
from nnkit.plot.regression import errors, regression
from nnkit.plot.sensitivities import sensitivities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report", "report"]

MOST_OUTPUTS = 3
MOST_ROWS = 2000
"""Rows of which intervals, sensitivities and times are computed; of more, so many are drawn by the network's seed."""
MOST_PARAMETERS = 2000
"""A network with more has no intervals: they need a matrix of this size squared."""
STYLE = """
body { font: 16px/1.5 sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; } figcaption { color: #555; font-size: .9rem; }
div.wide { overflow-x: auto; } td, th { vertical-align: top; }
"""


@attrs.frozen(repr=False)
class Report:
    """A page that needs nothing besides itself.

    Args:
        title: Its title.
        sections: Its sections, each a heading and its content.
    """

    title: str
    sections: tuple[tuple[str, Markup], ...]

    def html(self) -> str:
        """The page."""
        head = tag("meta", charset="utf-8") + tag("meta", name="viewport", content="width=device-width")
        head += tag("title", self.title) + tag("style", Markup(STYLE))
        body = join(tag("section", tag("h2", heading) + content) for heading, content in self.sections)
        page = tag("head", head) + tag("body", tag("h1", self.title) + body)
        return "<!DOCTYPE html>\n" + tag("html", page, lang="en")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page, completely or not at all.

        Raises:
            FileSaveError: When it cannot be written.
        """
        text = self.html().encode()
        write_atomically(Path(path), lambda file: file.write(text))

    def __repr__(self) -> str:
        return f"Report({self.title!r}: {', '.join(heading for heading, _ in self.sections)})"


@attrs.frozen
class Judged:
    """Rows with targets, and what the network predicts for them.

    Args:
        network: The network without its column plan: ``x`` are its inputs.
        x: The inputs ``(N, D)``.
        target: Targets as metrics read them.
        point: Predictions in the units of the targets.
        values: The loss and metrics.
    """

    network: Network
    x: Array
    target: Array
    point: Array
    values: dict[str, Any]

    def some(self) -> Judged:
        """At most ``MOST_ROWS`` of the rows, drawn by the network's seed."""
        if len(self.x) <= MOST_ROWS:
            return self
        drawn = np.random.default_rng(self.network.seed).permutation(len(self.x))[:MOST_ROWS]
        rows = np.sort(drawn)
        return attrs.evolve(self, x=self.x[rows], target=self.target[rows], point=self.point[rows])


def report(
    network: Network,
    path: str | os.PathLike[str] | None = None,
    *,
    X: DataLike | None = None,
    y: DataLike | None = None,
    title: str = "Report on a network",
) -> Report:
    """Describe a network on one page: its parts and providers, its training, and its quality on rows with targets.

    Args:
        network: The network.
        path: Where to write the page (``.html``); ``None`` writes none.
        X: Rows to judge the network by; ``None`` leaves out what needs data.
        y: Their targets.
        title: The title of the page.

    Raises:
        TypeError: When ``network`` is something else.
        DataError: When the rows cannot be used, or have no targets.
        MissingExtraError: When matplotlib is not installed.
    """
    if not isinstance(network, Network):
        raise TypeError(f"report was passed {brief(network)}; expected a network: nnkit.Network.load(path)")
    if (X is None) != (y is None):
        raise DataError(f"{'X' if X is None else 'y'} is None; pass rows and their targets, or neither")
    sections: list[tuple[str, Callable[[], Markup]]] = [
        ("The network", lambda: _structure(network)),
        ("Training", lambda: _training(network)),
    ]
    judged = None if X is None or y is None else _judged(network, X, y)
    if judged is not None:
        some = judged.some()
        sections.append(("Quality", lambda: _quality(judged)))
        if network.task == "regression":
            sections.append(("Prediction intervals", lambda: _intervals(some)))
        sections.append(("Effect of each input", lambda: _effects(some)))
    if network.inputs is not None:
        sections.append(("Time of each layer", lambda: _times(network, judged)))
    sections.append(("Software", lambda: _software(network)))
    made = Report(title, tuple((heading, _available(content)) for heading, content in sections))
    if path is not None:
        made.save(path)
    return made


def _available(content: Callable[[], Markup]) -> Markup:
    """The content of a section; where nnkit refuses it, the reason."""
    try:
        return content()
    except NNKitError as error:
        return tag("p", f"Not available: {error}.")


def _picture(figure: Figure, caption: str) -> Markup:
    png = finish(figure, None)._repr_png_()  # type: ignore[attr-defined]
    data = base64.b64encode(png[0]).decode()
    image = tag("img", alt=caption, src=f"data:image/png;base64,{data}", **png[1])
    return tag("figure", image + tag("figcaption", caption))


def _structure(network: Network) -> Markup:
    content = tag("div", Markup(network._repr_html_()), **{"class": "wide"})
    caption = "Weights as lines: blue above 0, orange below, wider when larger. Units are filled by their bias."
    return content + (_picture(diagram(network, title=" "), caption) if network.inputs else Markup())


def _training(network: Network) -> Markup:
    history = network.history
    if not history.get("epoch"):
        return tag("p", "This network has not been trained.")
    if network.stop_reason is None:
        end = "It ran until the last epoch that was asked for."
    else:
        end = f"A callback stopped it: {network.stop_reason}."
    words = tag("p", f"{network.epoch:,} epochs, {network.step:,} updates of the parameters. {end}")
    return words + _picture(learning_curve(history), "Each quantity of the history, epoch by epoch.")


def _judged(network: Network, X: DataLike, y: DataLike) -> Judged:
    X, y = complete_rows(network.columns, X, y)
    x = network.inputs_from(X)
    _, target, _ = as_data(network.model, x, y, scaled=False)
    model, plain = network.model, _without_plan(network)
    metrics = {
        "regression": (DEFAULTS["regression_score"], DEFAULTS["explained"]),
        None: (),
    }.get(network.task, (DEFAULTS["score"],))
    wide = model.loss.target_columns(model.outputs) != model.outputs
    return Judged(
        network=plain,
        x=x,
        target=model.task.target(target),
        point=plain.predict(x, point=wide),
        values=network.evaluate(X, y, metrics=metrics),
    )


def _without_plan(network: Network) -> Network:
    """The same network, without what makes its inputs from the columns of a table."""
    model = network.model
    return Network._of(  # noqa: SLF001
        attrs.evolve(network.composition, columns=None),
        attrs.evolve(model, description=attrs.evolve(model.description, columns=None)),
        network._ready(),  # noqa: SLF001
    )


def _quality(judged: Judged) -> Markup:
    task, point, target = judged.network.model.task, judged.point, judged.target
    scaled = judged.network.model.description.shift is not None
    labels = [label_of(name, scaled=scaled).replace("_", " ") for name in judged.values]
    rows = [[label, number(value)] for label, value in zip(labels, judged.values.values(), strict=True)]
    content = tag("p", f"On {len(judged.x):,} rows with targets:") + table(rows, numbers_from=1)
    names = [str(label) for label in judged.network.classes or range(task.classes)]
    if task.name in {"binary", "multiclass"}:
        matrix = np.zeros((task.classes, task.classes))
        np.add.at(matrix, (target, task.predicted(point)), 1.0)
        content += _picture(confusion_matrix(matrix, names), "Rows are true classes, columns predicted ones.")
        if task.prediction_domain in {"unit", "simplex", "log_simplex"}:
            shown = task.probabilities(point)
            caption = "On the diagonal, probabilities are as frequent as stated. Bars: two standard errors."
            content += _picture(calibration(target, shown), caption)
        content += _picture(roc(target, point, labels=names), "Each class against the rest, at every threshold.")
    if task.name == "regression":
        titles = judged.network.model.description.targets or [f"output {k + 1}" for k in range(point.shape[1])]
        for k in range(min(point.shape[1], MOST_OUTPUTS)):
            there = np.isfinite(target[:, k])
            pair = target[there, k], point[there, k]
            name = titles[k] if point.shape[1] > 1 else "target"
            content += _picture(regression(*pair, name=name), f"Predictions of {name}.")
            content += _picture(errors(*pair), f"Errors of {name}.")
    return content


def _intervals(judged: Judged) -> Markup:
    network, point = judged.network, judged.point
    if network.model.trained.size > MOST_PARAMETERS:
        return tag("p", f"The network has {network.model.trained.size:,} parameters; there are intervals up to 2,000.")
    bounds = intervals_of(network, judged.x, judged.target, judged.x)
    figure = intervals(
        point[:, 0],
        point[:, 0],
        bounds.lower[:, 0],
        bounds.upper[:, 0],
        observed=judged.target[:, 0],
        points=True,
        xlabel="prediction",
        ylabel="target",
    )
    words = (
        "95 % intervals of the first output by the delta method. Noise and Jacobians are those of these rows: the "
        "intervals hold where the network was trained on them. Standard deviation of the noise: "
        f"{number(bounds.noise[0])}."
    )
    return tag("p", words) + _picture(figure, "Each row over its prediction.")


def _effects(judged: Judged) -> Markup:
    slopes = sensitivities_of(judged.network, judged.x)
    names = judged.network.classes if len(judged.network.classes or ()) == len(slopes.mean) else None
    words = "Slopes of the outputs over these rows, in standard deviations, so that inputs of different units compare."
    content = tag("p", words)
    for output in range(min(len(slopes.mean), MOST_OUTPUTS)):
        name = f"output {output + 1}" if names is None else f"class {names[output]}"
        content += _picture(sensitivities(slopes, output=output, title=f"Effect of each input on {name}"), name)
    return content


def _times(network: Network, judged: Judged | None) -> Markup:
    if judged is None:
        rows, source = np.random.default_rng(0).normal(size=(256, network.model.inputs)), "random rows"
        if network.model.body[0].index_columns(network.model.inputs):
            return tag("p", "A network whose inputs are indices is measured on rows of data.")
        judged = Judged(_without_plan(network), rows, rows, rows, {})
    else:
        judged, source = judged.some(), "these rows"
    times = sorted(layer_times(judged.network, judged.x), key=lambda layer: -layer.total)
    total = sum(layer.total for layer in times) or 1.0
    rows_of = [
        [layer.title, f"{1e6 * layer.forward:.1f}", f"{1e6 * layer.backward:.1f}", f"{100 * layer.total / total:.0f} %"]
        for layer in times
    ]
    words = f"On {len(judged.x):,} of {source}, by the plain formulas, the slowest first."
    return tag("p", words) + table(rows_of, ["layer", "forward (µs)", "backward (µs)", "share"], numbers_from=1)


def _software(network: Network) -> Markup:
    providers = network.to_config()["providers"]
    rows = [["nnkit-core of this page", __version__], ["numpy", np.__version__]]
    return table([*rows, *([f"parts of {name}", version] for name, version in providers.items())])
