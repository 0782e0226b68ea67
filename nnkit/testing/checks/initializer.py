"""Checks of initializers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Distribution
from nnkit.testing.call import Call, quiet
from nnkit.testing.comparison import difference
from nnkit.testing.failure import expect_close, expect_equal, fail, require
from nnkit.testing.record import CheckList
from nnkit.testing.reference_values import expect_reference_values, needs_reference_values
from nnkit.testing.subject import Subject

CHECKS = CheckList()

SIZES = ((1, 1), (1, 7), (7, 1), (3, 5), (5, 3), (40, 30))
FANS = ((200, 50), (50, 200), (100, 100), (400, 10), (10, 400))


def draw(subject: Subject, shape: tuple[int, ...], fans: tuple[int, int], label: str, part: Any = None) -> Array:
    """One draw with a generator of its own."""
    made = subject.make() if part is None else part
    found: Array = made.sample(shape, fans[0], fans[1], subject.rng(label), subject.dtype)
    return found


def calls(subject: Subject) -> list[Call]:
    """Draws of a matrix and of a vector, each with a fresh generator."""
    found = []
    for shape in ((4, 3), (3,)):

        def run(part: Any, given: Mapping[str, Array], shape: tuple[int, ...] = shape) -> Any:
            return part.sample(shape, 4, 3, np.random.default_rng(int(given["seed"][0])), subject.dtype)

        found.append(Call(f"sample({shape}, 4, 3, rng, dtype)", run, {"seed": np.array([11 + subject.seed])}))
    return found


def _random(subject: Subject) -> str | None:
    return None if subject.cls.random else "it is not random"


def _law(subject: Subject) -> str | None:
    if not subject.offers("element_distribution"):
        return "it offers no law"
    return (
        None
        if any(subject.make().element_distribution(*fans) is not None for fans in FANS)
        else "its elements have no common law"
    )


@CHECKS.check(
    "INIT-001/shape-and-type",
    why="The draw is copied into the flat vector as it is.",
    fix="Return an array of exactly the shape and dtype asked for.",
)
def shape_and_type(subject: Subject) -> None:
    for shape in (*SIZES, (1,), (6,), (0, 3), (3, 0)):
        fans = (shape[0], shape[-1])
        w = draw(subject, shape, (max(fans[0], 1), max(fans[1], 1)), f"shape/{shape}")
        told = {"shape": shape, "fan_in": fans[0], "fan_out": fans[1]}
        require(isinstance(w, np.ndarray), "sample returns no array", inputs=told, got=type(w).__name__)
        require(w.shape == shape, "sample has the wrong shape", inputs=told, got=w.shape, expected=shape)
        require(
            w.dtype == subject.dtype, "sample has the wrong dtype", inputs=told, got=w.dtype, expected=subject.dtype
        )
        require(np.isfinite(w).all(), "sample is not finite", inputs=told, got=w)


@CHECKS.check(
    "INIT-002/same-generator-same-draw",
    why="A seed must give the same network again.",
    fix="Draw from the rng given, and from nothing else.",
)
def same_generator_same_draw(subject: Subject) -> None:
    for shape in SIZES:
        part = subject.make()
        one, two = draw(subject, shape, shape, "same", part), draw(subject, shape, shape, "same", part)
        off = difference(two, one)
        if off is None:
            off = difference(draw(subject, shape, shape, "same"), one)
        if off is not None:
            fail("equal generators give different draws", inputs={"shape": shape}, got=off.got, expected=off.expected)


@CHECKS.check(
    "INIT-003/successive-draws-differ",
    why="Two layers of one size must not begin with equal weights, nor two units of a layer.",
    fix="Use the rng as it comes; do not reseed it, copy it, or draw one row and repeat it.",
    needs=_random,
)
def successive_draws_differ(subject: Subject) -> None:
    part = subject.make()
    for shape in ((7, 5), (5, 7), (40, 30)):
        rng = subject.rng("successive")
        one = part.sample(shape, *shape, rng, subject.dtype)
        two = part.sample(shape, *shape, rng, subject.dtype)
        told = {"shape": shape}
        require(difference(one, two) is not None, "successive draws are equal", inputs=told, got=two)
        other = part.sample(shape, *shape, np.random.default_rng(987), subject.dtype)
        require(difference(one, other) is not None, "another generator gives the same draw", inputs=told, got=other)
        w = one.astype(np.float64)
        require(np.unique(w.round(12)).size > 1, "all elements of one draw are equal", inputs=told, got=w)
        if len(np.unique(w.round(12))) < 0.5 * w.size and w.size < 1000:
            continue  # a law of few values, or mostly zeros: small arrays hold equal rows by chance
        for axis, rows in (("rows", w), ("columns", w.T)):
            equal = any(np.array_equal(rows[i], rows[j]) for i in range(len(rows)) for j in range(i))
            require(not equal, f"two {axis} of one draw are equal", inputs=told, got=w[:2])


@CHECKS.check(
    "INIT-004/constant",
    why="What says that it is not random must not depend on the generator.",
    fix="Set `random = True` (the default), or draw nothing.",
    needs=lambda s: "it is random" if s.cls.random else None,
)
def constant(subject: Subject) -> None:
    part = subject.make()
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    one = part.sample((3, 4), 3, 4, rng, subject.dtype)
    require(rng.bit_generator.state == before, "it draws from the generator although it is not random")
    two = part.sample((3, 4), 3, 4, np.random.default_rng(4), subject.dtype)
    expect_equal("it depends on the generator although it is not random", two, one)


@CHECKS.check(
    "INIT-005/law",
    why="The variance decides whether signals grow or die from layer to layer.",
    fix="Check fan_in against fan_out, variance against standard deviation, and the width of a uniform law.",
    needs=_law,
)
def law(subject: Subject) -> None:
    part = subject.make()
    for fans in FANS:
        declared = part.element_distribution(*fans)
        if declared is None:
            continue
        require(
            isinstance(declared, Distribution),
            "element_distribution returns no Distribution",
            got=type(declared).__name__,
        )
        wide = (declared.mean - declared.low) * (declared.high - declared.mean) if declared.variance else 0.0
        sane = declared.low <= declared.mean <= declared.high and declared.variance <= wide * (1 + 1e-9)
        require(
            sane or math.isinf(wide),
            "the law contradicts itself: no figures in its bounds have its variance",
            got=declared,
        )
        tight = declared.variance > 0 or (declared.low, declared.high) in {(-math.inf, math.inf), (declared.mean,) * 2}
        require(tight, "a law without variance has bounds apart from its mean", got=declared)
        rng = subject.rng(f"law/{fans}")
        draws = [part.sample(fans, *fans, rng, subject.dtype).astype(np.float64) for _ in range(3)]
        _hold_law(np.concatenate([w.ravel() for w in draws]), declared, fans, f"shape {fans}")
        vectors = [part.sample((size,), *fans, rng, subject.dtype).astype(np.float64) for size in (2000, 1000)]
        _hold_law(np.concatenate(vectors), declared, fans, "a vector")
        if subject.cls.random:
            for position in range(2):  # the first and the last rows obey it too
                edge = np.concatenate([w[:: max(1, len(w) - 1)][position] for w in draws])
                _hold_law(edge, declared, fans, f"row {'first' if position == 0 else 'last'} of shape {fans}")


def _hold_law(w: Array, declared: Distribution, fans: tuple[int, int], where: str) -> None:
    told = {"fan_in": fans[0], "fan_out": fans[1], "drawn": f"{w.size} elements, {where}"}
    slack = 1e-6 * max(abs(declared.low) if math.isfinite(declared.low) else 0.0, math.sqrt(declared.variance), 1e-12)
    require(
        w.min() >= declared.low - slack,
        "an element lies below the law's bound",
        inputs=told,
        got=w.min(),
        expected=declared.low,
    )
    require(
        w.max() <= declared.high + slack,
        "an element lies above the law's bound",
        inputs=told,
        got=w.max(),
        expected=declared.high,
    )
    deviation = math.sqrt(declared.variance)
    allowed = 5.0 * deviation / math.sqrt(w.size) + 1e-7 * (abs(declared.mean) + deviation)
    require(
        abs(w.mean() - declared.mean) <= allowed,
        "the mean is not the law's (5 sigma)",
        inputs=told,
        got=float(w.mean()),
        expected=f"{declared.mean!r}; allowed is {allowed:.3g}",
    )
    variance = float(((w - declared.mean) ** 2).mean())
    fourth = float(((w - declared.mean) ** 4).mean())
    kurtosis = max(fourth - variance**2, 0.2 * declared.variance**2)
    allowed = 5.0 * math.sqrt(kurtosis / w.size) + 1e-6 * declared.variance
    require(
        abs(variance - declared.variance) <= allowed,
        "the variance is not the law's (5 sigma)",
        inputs=told,
        got=variance,
        expected=f"{declared.variance!r}; allowed is {allowed:.3g}",
    )


@CHECKS.check(
    "INIT-006/fans-as-given",
    why="A layer tells the fans itself: those of a bias or of a convolution are not its shape.",
    fix="Use fan_in and fan_out as they are given; do not read them from the shape.",
    needs=lambda s: _law(s) or _random(s),
)
def fans_as_given(subject: Subject) -> None:
    part = subject.make()
    for fans in ((9, 400), (400, 9)):
        declared = part.element_distribution(*fans)
        if declared is None:
            continue
        rng = subject.rng(f"fans/{fans}")
        try:
            w = np.concatenate(
                [part.sample((60, 60), *fans, rng, subject.dtype).ravel().astype(np.float64) for _ in range(2)]
            )
        except ValueError:
            return  # a law of whole matrices, which refuses fans that are not its shape
        variance = float(((w - declared.mean) ** 2).mean())
        if subject.cls.__name__ == "Orthogonal":
            return
        _ = variance
        _hold_law(w, declared, fans, "shape (60, 60)")


@CHECKS.check(
    "INIT-007/fresh-and-writable",
    why="Training writes into the draw.",
    fix="Return a new array each time: no cached one, no broadcast view, no read-only one.",
)
def fresh_and_writable(subject: Subject) -> None:
    part = subject.make()
    one, two = draw(subject, (3, 4), (3, 4), "fresh", part), draw(subject, (3, 4), (3, 4), "fresh", part)
    require(one.flags.writeable, "the draw is read-only", expected="a writable array")
    require(not np.shares_memory(one, two), "two draws share memory")
    before = one.copy()
    one[0, 0] += 1
    one -= 5
    expect_close("the elements of a draw share memory with each other", one, before - 5, atol=1.0 + 1e-6)
    expect_equal("writing to one draw changes another", two, before)
    again = draw(subject, (3, 4), (3, 4), "fresh", part)
    expect_equal("writing to a draw changes the next one", again, before)


@CHECKS.check(
    "INIT-008/independent-elements",
    why="Units that begin alike stay alike.",
    fix="Draw every element; do not build the array from fewer numbers.",
    needs=_random,
    level="strict",
)
def independent_elements(subject: Subject) -> None:
    w = draw(subject, (60, 60), (60, 60), "independent").astype(np.float64)
    w = (w - w.mean()) / (w.std() or 1.0)
    bound = 6.0 / math.sqrt(w.size)
    for label, one, two in (
        ("neighbouring rows", w[1:], w[:-1]),
        ("neighbouring columns", w[:, 1:], w[:, :-1]),
        ("an element and its mirror", w[np.triu_indices(60, 1)], w.T[np.triu_indices(60, 1)]),
        ("an element and its opposite", w.ravel()[:1800], w.ravel()[::-1][:1800]),
        ("the two halves", w[:30], w[30:]),
    ):
        correlation = float((one * two).mean())
        require(
            abs(correlation) < bound * math.sqrt(w.size / one.size),
            f"{label} are correlated",
            inputs={"shape": (60, 60)},
            got=correlation,
            expected="0 within 6 sigma",
        )


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    given = {
        name: (value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value)
        for name, value in inputs.items()
    }
    for name in ("fan_in", "fan_out"):
        if name in given:
            given[name] = int(given[name])
    if "shape" in given:
        given["shape"] = tuple(int(length) for length in given["shape"])
    if method == "sample":
        given["rng"] = np.random.default_rng(int(given.pop("seed", 0)))
        given["dtype"] = np.dtype(given.get("dtype", np.float64))
    with quiet():
        return getattr(part, method)(**given)


@CHECKS.check(
    "INIT-009/large",
    why="Draws in blocks go wrong behind the last whole block, where no small layer comes.",
    fix="Draw the whole array at once, or the rest of it too.",
    needs=_random,
    scope="variant",
)
def large(subject: Subject) -> None:
    part = subject.make()
    shape, rng = (401, 523), subject.rng("large")
    one, two = (part.sample(shape, *shape, rng, subject.dtype).reshape(-1) for _ in range(2))
    told = {"shape": shape}
    for start in (0, one.size // 2, one.size - 600):
        place = slice(start, start + 600)
        moved = (one[place] != two[place]).any()
        require(moved, f"elements {start} to {start + 600} are the same in two draws", inputs=told, got=one[place])


@CHECKS.check(
    "INIT-REF/figures",
    why="A law may be held and still be another law than its name says.",
    fix="Compare mean and variance with the source: fan_in or fan_out, 1 or 2, variance or deviation.",
    needs=needs_reference_values,
)
def figures(subject: Subject) -> None:
    if subject.cls.reference is None:
        expect_reference_values(subject, "sample", [], run=_run)
        return
    points = [{"fan_in": a, "fan_out": b} for a, b in FANS]
    expect_reference_values(subject, "element_distribution", points, run=_run)
