"""HTML for notebooks and reports: text is escaped, tables and curves are drawn without any other library."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

__all__ = ["Markup", "array", "curve", "join", "lines", "number", "table", "tag"]

MOST_ROWS: Final = 6
MOST_COLUMNS: Final = 8
WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 26, 30
COLORS: Final = ("#0072B2", "#D55E00")
"""Okabe & Ito (2008), "Color Universal Design"."""


VOID: Final = frozenset({"br", "hr", "img", "input", "meta"})
"""Elements without content."""


class Markup(str):
    """Text that is HTML already; every other text is escaped where it is put into HTML."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> Markup:
        """``value`` as HTML.

        Example:
            >>> Markup.of("a < b"), Markup.of(Markup("<b>x</b>"))
            ('a &lt; b', '<b>x</b>')
        """
        return value if isinstance(value, Markup) else cls(html.escape(str(value)))

    def __add__(self, other: object) -> Markup:
        """Both, one after the other; text is escaped."""
        return Markup(f"{self}{Markup.of(other)}")


def tag(name: str, content: object = "", /, **attributes: object) -> Markup:
    """One element; ``_`` in the name of an attribute is written ``-``.

    Example:
        >>> tag("b", "x < y", title="a note")
        '<b title="a note">x &lt; y</b>'
    """
    pairs = "".join(
        f' {key.strip("_").replace("_", "-")}="{html.escape(str(text))}"' for key, text in attributes.items()
    )
    return Markup(f"<{name}{pairs}>" + ("" if name in VOID else f"{Markup.of(content)}</{name}>"))


def join(parts: Iterable[object], between: str = "") -> Markup:
    """All parts as HTML, one after another."""
    return Markup(between.join(map(Markup.of, parts)))


def lines(text: str) -> Markup:
    """Each line of a text on a line of its own, blanks as they are."""
    return tag("div", text, style="white-space:pre-wrap")


def number(value: Any) -> str:
    """A number with four digits; a dash for a value that is missing, and a word for one that is no number.

    Example:
        >>> number(0.123456), number(12), number(None), number([1.0, 2.0])
        ('0.1235', '12', '–', '(2,)')
    """
    if value is None:
        return "–"
    if isinstance(value, str | bool | int):
        return str(value)
    shape = np.shape(value)
    return f"{float(value) + 0.0:.4g}" if not shape else str(shape)


def table(
    rows: Iterable[Sequence[object]], header: Sequence[object] = (), *, numbers_from: int | None = None
) -> Markup:
    """A table; columns from ``numbers_from`` are set flush right.

    Example:
        >>> table([["loss", 0.5]], ["name", "value"]).count("<td")
        2
    """

    def row(name: str, cells: Sequence[object]) -> Markup:
        sides = ("right" if numbers_from is not None and i >= numbers_from else "left" for i in range(len(cells)))
        return tag(
            "tr",
            join(
                tag(name, c, style=f"text-align:{side};padding:2px 8px") for c, side in zip(cells, sides, strict=True)
            ),
        )

    head = tag("thead", row("th", header)) if header else Markup()
    body = tag("tbody", join(row("td", cells) for cells in rows))
    return tag("table", join([head, body]), style="border-collapse:collapse;font-variant-numeric:tabular-nums")


def array(values: Any) -> Markup:
    """A small array as a table of numbers, of a large one the shape and the first rows and columns.

    Example:
        >>> array(np.eye(2)).count("<td"), "(100, 3)" in array(np.zeros((100, 3)))
        (4, True)
    """
    full = np.asarray(values)
    if full.ndim > 2:
        first = join([f"{full.shape}, the first: ", array(full[0])]) if len(full) else Markup.of(full.shape)
        return tag("div", first)
    rows = np.atleast_2d(full)
    part = rows[:MOST_ROWS, :MOST_COLUMNS]
    more = "…" if rows.shape[1] > MOST_COLUMNS else None
    cells: list[list[object]] = [[*map(number, row.tolist()), *([more] if more else [])] for row in part]
    if len(rows) > MOST_ROWS:
        cells.append(["…"] * len(cells[0]))
    grid = table(cells, numbers_from=0)
    return join([full.shape, grid]) if part.shape != rows.shape else grid


def curve(name: str, series: Mapping[str, Sequence[Any]], x: Sequence[float]) -> Markup:
    """Values over ``x`` as an inline SVG: the first solid, the second dashed; gaps where values are not finite.

    Args:
        name: What the values are.
        series: One or two series by their label.
        x: One number for each value.

    Example:
        >>> curve("loss", {"training": [2.0, 1.0]}, [1, 2]).count("<polyline")
        1
    """
    columns = {label: np.array([np.nan if v is None else v for v in values], float) for label, values in series.items()}
    together = np.concatenate(list(columns.values()))
    finite = together[np.isfinite(together)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    logarithmic = low > 0.0 and high > 10.0 * low
    first, last = float(min(x)), float(max(x))

    def place(at: float, value: float) -> tuple[float, float]:
        bottom, top, level = (math.log(v) for v in (low, high, value)) if logarithmic else (low, high, value)
        share = (level - bottom) / (top - bottom) if top > bottom else 0.5
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - first) / max(last - first, 1e-300), HEIGHT - BOTTOM - share * (
            HEIGHT - TOP - BOTTOM
        )

    drawn: list[Markup] = []
    for index, (label, values) in enumerate(columns.items()):
        color, dash = COLORS[index % 2], "" if index == 0 else "5 3"
        for piece in np.split(np.arange(values.size), np.flatnonzero(~np.isfinite(values))):
            points = [place(float(x[i]), float(values[i])) for i in piece if np.isfinite(values[i])]
            line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            if len(points) == 1:
                drawn.append(tag("circle", cx=f"{points[0][0]:.1f}", cy=f"{points[0][1]:.1f}", r=3, fill=color))
            elif points:
                drawn.append(
                    tag("polyline", points=line, fill="none", stroke=color, stroke_width=1.8, stroke_dasharray=dash)
                )
        drawn.append(_label(LEFT + 90 + 80 * index, 14, label, fill=color))
    axis = f"M{LEFT},{TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}"
    texts = [
        _label(4, 14, name, font_weight="bold"),
        _label(LEFT - 6, TOP + 6, number(high), text_anchor="end"),
        _label(LEFT - 6, HEIGHT - BOTTOM, number(low), text_anchor="end"),
        _label(LEFT, HEIGHT - 14, number(first)),
        _label(WIDTH - RIGHT, HEIGHT - 14, number(last), text_anchor="end"),
    ]
    if logarithmic:
        texts.append(_label(4, HEIGHT - 2, "logarithmic", font_size=10))
    content = join([tag("path", d=axis, fill="none", stroke="currentColor", opacity=0.5), *drawn, *texts])
    view = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": WIDTH, "height": HEIGHT}
    return tag("svg", content, role="img", aria_label=name, style="font:12px sans-serif", **view)


def _label(x: float, y: float, text: object, **attributes: object) -> Markup:
    return tag("text", text, x=x, y=y, **({"fill": "currentColor"} | attributes))
