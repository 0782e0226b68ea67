"""Decision regions over the steps of a training, from its archive, as an animation."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import attrs
import numpy as np
import numpy.typing as npt

from nnkit.errors import DataError
from nnkit.files.atomic import write_atomically
from nnkit.markup import Markup, tag
from nnkit.network.archive import Archive
from nnkit.network.network import Network
from nnkit.plot._figure import new_figure
from nnkit.plot.decision_regions import decision_regions

__all__ = ["Animation", "animated_regions"]

WIDTH, HEIGHT = 5.6, 4.9
SCRIPT = """
const frames = %s, image = document.querySelector("img"), place = document.querySelector("input");
let timer = null;
function show(i) { image.src = "data:image/png;base64," + frames[i]; place.value = i; }
function play() {
  if (timer !== null) { clearInterval(timer); timer = null; return; }
  timer = setInterval(() => show((Number(place.value) + 1) %% frames.length), %d);
}
place.addEventListener("input", () => show(Number(place.value)));
document.querySelector("button").addEventListener("click", play);
show(0);
"""


@attrs.frozen(repr=False)
class Animation:
    """Pictures that follow each other; a notebook plays them.

    Args:
        frames: The pictures, as PNG files.
        steps: The step of the training that each one shows.
        seconds: How long each one is shown; the last one five times as long.
    """

    frames: tuple[bytes, ...]
    steps: tuple[int, ...]
    seconds: float

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.gif``, or a page ``.html`` with a slider that needs no network.

        Raises:
            DataError: When the path has another ending.
            FileSaveError: When the file cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() not in {".gif", ".html"}:
            raise DataError(f"{target} ends in {target.suffix!r}; an animation is written to .gif or .html")
        content = self.gif() if target.suffix.lower() == ".gif" else self.html().encode()
        write_atomically(target, lambda file: file.write(content))

    def gif(self) -> bytes:
        """The animation as a GIF file that repeats."""
        from PIL import Image

        images = [Image.open(io.BytesIO(frame)) for frame in self.frames]
        pause = round(1000 * self.seconds)
        file: IO[bytes] = io.BytesIO()
        durations = [*[pause] * (len(images) - 1), 5 * pause]
        images[0].save(file, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
        file.seek(0)
        return file.read()

    def html(self) -> str:
        """A page with a slider and a button that plays; everything is in it."""
        texts = json.dumps([base64.b64encode(frame).decode() for frame in self.frames])
        slider = tag("input", type="range", min=0, max=len(self.frames) - 1, value=0, style="width:380px")
        image, button = tag("img", alt="decision regions", width=560), tag("button", "play")
        script = tag("script", Markup(SCRIPT % (texts, round(1000 * self.seconds))))
        style = "font:14px sans-serif"
        body = tag("body", image + tag("br") + button + slider + script, style=style)
        head = '<head><meta charset="utf-8"><title>Decision regions</title></head>'
        return f'<!DOCTYPE html><html lang="en">{head}{body}</html>'

    def __repr__(self) -> str:
        return f"Animation({len(self.frames)} pictures, steps {self.steps[0]} to {self.steps[-1]})"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.gif()).decode()
        return f'<img alt="decision regions over the training" width="560" src="data:image/gif;base64,{data}">'


def _few_colors(png: bytes) -> bytes:
    """The picture in 96 colours: a fifth of the bytes, without a visible difference."""
    from PIL import Image

    file = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(96, dither=Image.Dither.NONE).save(file, format="PNG")
    return file.getvalue()


def animated_regions(
    archive: Archive,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    pictures: int = 30,
    seconds: float = 0.2,
    xlabel: str = "input 1",
    ylabel: str = "input 2",
    labels: Sequence[object] | None = None,
) -> Animation:
    """Draw the decision regions of a network of two inputs at steps of its training, evenly chosen.

    Args:
        archive: ``network.archive``, with parameters: ``callbacks=["archiver(parameters=1)"]``.
        X: Samples, ``(N, 2)``.
        y: The class of each, ``(N,)``, non-negative integers.
        path: Where to write the animation (``.gif`` or ``.html``); ``None`` writes none.
        pictures: How many at the most, at least 2.
        seconds: How long each is shown, positive.
        xlabel: What the first input is, with its unit.
        ylabel: What the second input is.
        labels: A name for each class; ``None`` numbers them from 0.

    Raises:
        DataError: When no parameters are archived, or an argument cannot be used.
        ShapeError: When there are not two inputs, or not one class for each sample.
        MissingExtraError: When matplotlib is not installed.
    """
    steps = archive.steps("parameters")
    if not steps:
        raise DataError("no parameters are archived: train with callbacks=['archiver(parameters=1)']")
    if pictures < 2 or not seconds > 0.0:
        raise DataError(f"pictures is {pictures} and seconds {seconds}; expected at least 2, and a positive time")
    chosen = sorted({steps[i] for i in np.linspace(0, len(steps) - 1, pictures).round().astype(int)})
    frames = []
    for step in chosen:
        network = Network.from_archive(archive, step)
        figure = new_figure(WIDTH, HEIGHT)
        axes = figure.add_subplot()
        decision_regions(network.predict, X, y, ax=axes, xlabel=xlabel, ylabel=ylabel, labels=labels)
        axes.set_title(f"step {step}, epoch {network.epoch + 1}: {axes.get_title()}", fontsize=11)
        figure.set_dpi(100)
        frames.append(_few_colors(figure.png()))
    animation = Animation(tuple(frames), tuple(chosen), seconds)
    if path is not None:
        animation.save(path)
    return animation
