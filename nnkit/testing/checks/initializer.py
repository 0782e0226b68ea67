"""Checks of initializers."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnkit.arrays import Array
from nnkit.interfaces import Distribution
from nnkit.testing.call import Call, expect_shape, quiet
from nnkit.testing.failure import difference, expect_close, expect_equal, require, show
from nnkit.testing.record import Inputs, Subject, applies_if, check
from nnkit.testing.reference_values import Compared, compared_with, expect_values, needs_reference_values

SIZES = ((1, 1), (1, 7), (7, 1), (3, 5), (5, 3), (40, 30))
FANS = ((200, 50), (50, 200), (100, 100), (400, 10), (10, 400))


def draw(subject: Subject, shape: tuple[int, ...], fans: tuple[int, int], label: str) -> Array:
    """One draw of a new part, with a new generator."""
    sample: Array = subject.make().sample(shape, *fans, subject.rng(label), subject.dtype)
    return sample


def calls(subject: Subject) -> list[Call]:
    """Draws of a matrix and of a vector, each with a fresh generator."""
    found = []
    for shape in ((4, 3), (3,)):

        def run(part: Any, arrays: Mapping[str, Array], shape: tuple[int, ...] = shape) -> Any:
            return part.sample(shape, 4, 3, np.random.default_rng(int(arrays["seed"][0])), subject.dtype)

        found.append(Call(f"sample({shape}, 4, 3, rng, dtype)", run, {"seed": np.array([11 + subject.seed])}))
    return found


_needs_random = applies_if(lambda s: s.cls.random, "it is not random")


def _needs_distribution(subject: Subject) -> str | None:
    if not subject.offers("element_distribution"):
        return "it offers no element_distribution"
    declared = any(subject.make().element_distribution(*fans) is not None for fans in FANS)
    return None if declared else "its elements have no common distribution"


_shapes = Inputs(("shape",), [(shape,) for shape in (*SIZES, (1,), (6,), (0, 3), (3, 0))])
_uneven = Inputs(("fan_in", "fan_out"), ((7, 5), (5, 7), (40, 30)))
_far_fans = Inputs(("fan_in", "fan_out"), ((9, 400), (400, 9)))


@check("INIT-001/shape-and-type", on=_shapes)
def shape_and_type(subject: Subject, shape: tuple[int, ...]) -> None:
    """The draw is copied into the flat vector as it is.

    Return an array of exactly the shape and dtype asked for.
    """
    w = draw(subject, shape, (max(shape[0], 1), max(shape[-1], 1)), f"shape/{shape}")
    require(isinstance(w, np.ndarray), "sample returns no array", got=type(w).__name__)
    expect_shape("sample has the wrong shape", w, shape)
    require(w.dtype == subject.dtype, "sample has the wrong dtype", got=w.dtype, expected=subject.dtype)
    require(np.isfinite(w).all(), "sample is not finite", got=w)


@check("INIT-002/same-generator-same-draw", on=Inputs(("fan_in", "fan_out"), SIZES))
def same_generator_same_draw(subject: Subject, part: Any, fan_in: int, fan_out: int) -> None:
    """A seed must give the same network again.

    Draw from the rng that is passed, and from nothing else.
    """
    shape = fan_in, fan_out
    one = draw(subject, shape, shape, "same")
    for again in (part, part, subject.make()):
        other = again.sample(shape, *shape, subject.rng("same"), subject.dtype)
        expect_equal("equal generators give different draws", other, one)


@check("INIT-003/successive-draws-differ", needs=_needs_random, on=_uneven)
def successive_draws_differ(subject: Subject, part: Any, fan_in: int, fan_out: int) -> None:
    """Two layers of one size must not begin with equal weights, nor two units of a layer.

    Use the rng as it comes; do not reseed it, copy it, or draw one row and repeat it.
    """
    shape, rng = (fan_in, fan_out), subject.rng("successive")
    one, two, other = (
        part.sample(shape, *shape, generator, subject.dtype) for generator in (rng, rng, np.random.default_rng(987))
    )
    require(difference(one, two) is not None, "successive draws are equal", got=two)
    require(difference(one, other) is not None, "another generator gives the same draw", got=other)
    w = one.astype(np.float64)
    distinct = np.unique(w.round(12)).size
    require(distinct > 1, "all elements of one draw are equal", got=w)
    if distinct < 0.5 * w.size and w.size < 1000:
        return  # few distinct values, or mostly zeros: small arrays hold equal rows by chance
    for axis, name in enumerate(("rows", "columns")):
        different = np.unique(w, axis=axis).shape[axis] == w.shape[axis]
        require(different, f"two {name} of one draw are equal", got=w[:2])


@check("INIT-004/constant", needs=applies_if(lambda s: not s.cls.random, "it is random"))
def constant(subject: Subject, part: Any) -> None:
    """What declares that it is not random must not depend on the generator.

    Set `random = True` (the default), or draw nothing.
    """
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    one = part.sample((3, 4), 3, 4, rng, subject.dtype)
    require(rng.bit_generator.state == before, "it draws from the generator although it is not random")
    two = part.sample((3, 4), 3, 4, np.random.default_rng(4), subject.dtype)
    expect_equal("it depends on the generator although it is not random", two, one)


@check("INIT-005/law", needs=_needs_distribution, on=Inputs(("fan_in", "fan_out"), FANS))
def distribution(subject: Subject, part: Any, fan_in: int, fan_out: int) -> None:
    """The variance decides whether signals grow or vanish from layer to layer.

    Check fan_in against fan_out, variance against standard deviation, and the width of a uniform distribution.
    """
    fans = fan_in, fan_out
    declared = part.element_distribution(*fans)
    if declared is None:
        return
    right_type, message = isinstance(declared, Distribution), "element_distribution returns no Distribution"
    require(right_type, message, got=type(declared).__name__)
    mean, variance, low, high = declared.mean, declared.variance, declared.low, declared.high
    widest = (mean - low) * (high - mean) if variance else 0.0
    possible = math.isinf(widest) or (low <= mean <= high and variance <= widest * (1 + 1e-9))
    message = "element_distribution contradicts itself: no values within its bounds have its variance"
    require(possible, message, got=declared)
    tight = variance > 0 or (low, high) in {(-math.inf, math.inf), (mean, mean)}
    require(tight, "element_distribution has no variance, and bounds apart from its mean", got=declared)
    rng = subject.rng(f"distribution/{fans}")
    draws = [part.sample(fans, *fans, rng, subject.dtype) for _ in range(3)]
    samples = {f"shape {fans}": draws}
    samples["a vector"] = [part.sample((size,), *fans, rng, subject.dtype) for size in (2000, 1000)]
    if subject.cls.random:
        samples[f"first row of shape {fans}"] = [w[0] for w in draws]
        samples[f"last row of shape {fans}"] = [w[-1] for w in draws]
    for where, arrays in samples.items():
        _expect_distribution(np.concatenate([w.ravel() for w in arrays]), declared, fans, where)


def _expect_distribution(sample: Array, declared: Distribution, fans: tuple[int, int], where: str) -> None:
    """Raise ``CheckFailure`` unless mean, variance and bounds of ``sample`` are those declared, within 5 sigma."""
    w, variance, sigma = sample.astype(np.float64), declared.variance, math.sqrt(declared.variance)
    show(fan_in=fans[0], fan_out=fans[1], drawn=f"{w.size} elements, {where}")
    slack = 1e-6 * max(abs(declared.low) if math.isfinite(declared.low) else 0.0, sigma, 1e-12)
    below, above = w.min() >= declared.low - slack, w.max() <= declared.high + slack
    require(below, "an element lies below the declared bound", got=w.min(), expected=declared.low)
    require(above, "an element lies above the declared bound", got=w.max(), expected=declared.high)
    atol = 5.0 * sigma / math.sqrt(w.size) + 1e-7 * (abs(declared.mean) + sigma)
    expect_close("the mean is not the declared one (5 sigma)", w.mean(), declared.mean, atol=atol)
    squares = (w - declared.mean) ** 2
    kurtosis = max(float((squares**2).mean() - squares.mean() ** 2), 0.2 * variance**2)
    message, atol = "the variance is not the declared one (5 sigma)", 5.0 * math.sqrt(kurtosis / w.size)
    expect_close(message, squares.mean(), variance, atol=atol + 1e-6 * variance)


def _needs_free_fans(subject: Subject) -> str | None:
    try:
        w = draw(subject, (60, 60), (9, 400), "free fans").astype(np.float64)
    except ValueError:
        return "it refuses fans that are not those of the shape"
    gram = w @ w.T
    orthogonal = gram[0, 0] > 0 and np.allclose(gram, gram[0, 0] * np.eye(60), atol=1e-4 * gram[0, 0])
    return "its matrices are orthogonal: their variance follows from their shape" if orthogonal else None


@check("INIT-006/fans-as-given", needs=(_needs_distribution, _needs_random, _needs_free_fans), on=_far_fans)
def fans_as_given(subject: Subject, part: Any, fan_in: int, fan_out: int) -> None:
    """A layer passes the fans itself: those of a bias or of a convolution are not its shape.

    Use fan_in and fan_out as they are passed; do not read them from the shape.
    """
    fans = fan_in, fan_out
    declared, rng = part.element_distribution(*fans), subject.rng(f"fans/{fans}")
    if declared is not None:
        w = np.concatenate([part.sample((60, 60), *fans, rng, subject.dtype).ravel() for _ in range(2)])
        _expect_distribution(w, declared, fans, "shape (60, 60)")


@check("INIT-007/fresh-and-writable")
def fresh_and_writable(subject: Subject, part: Any) -> None:
    """Training writes into the draw.

    Return a new array each time: no cached one, no broadcast view, no read-only one.
    """
    one, two = (part.sample((3, 4), 3, 4, subject.rng("fresh"), subject.dtype) for _ in range(2))
    require(one.flags.writeable, "the draw is read-only", expected="a writable array")
    require(not np.shares_memory(one, two), "two draws share memory")
    before = one.copy()
    one[0, 0] += 1
    one -= 5
    expect_close("the elements of a draw share memory with each other", one, before - 5, atol=1.0 + 1e-6)
    expect_equal("writing to one draw changes another", two, before)
    again = part.sample((3, 4), 3, 4, subject.rng("fresh"), subject.dtype)
    expect_equal("writing to a draw changes the next one", again, before)


@check("INIT-008/independent-elements", needs=_needs_random, level="strict")
def independent_elements(subject: Subject) -> None:
    """Units that begin alike stay alike.

    Draw every element; do not build the array from fewer numbers.
    """
    w = draw(subject, (60, 60), (60, 60), "independent").astype(np.float64)
    w = (w - w.mean()) / (w.std() or 1.0)
    upper = np.triu_indices(60, 1)
    for label, one, two in (
        ("neighbouring rows", w[1:], w[:-1]),
        ("neighbouring columns", w[:, 1:], w[:, :-1]),
        ("an element and its mirror", w[upper], w.T[upper]),
        ("an element and its opposite", w.ravel()[:1800], w.ravel()[::-1][:1800]),
        ("the two halves", w[:30], w[30:]),
    ):
        expect_close(f"{label} are correlated (6 sigma)", (one * two).mean(), 0.0, atol=6.0 / math.sqrt(one.size))


@check("INIT-009/large", needs=_needs_random, scope="variant")
def large(subject: Subject, part: Any) -> None:
    """Draws in blocks go wrong behind the last complete block, which no small layer reaches.

    Draw all of the array at once, or the rest of it too.
    """
    shape, rng = (401, 523), subject.rng("large")
    one, two = (part.sample(shape, *shape, rng, subject.dtype).reshape(-1) for _ in range(2))
    for start in (0, one.size // 2, one.size - 600):
        place = slice(start, start + 600)
        message = f"elements {start} to {start + 600} are the same in two draws"
        require((one[place] != two[place]).any(), message, inputs={"shape": shape}, got=one[place])


def _run(part: Any, method: str, inputs: Mapping[str, Any]) -> Any:
    arguments = {name: v.item() if isinstance(v, np.ndarray) and v.ndim == 0 else v for name, v in inputs.items()}
    arguments |= {name: int(arguments[name]) for name in ("fan_in", "fan_out") if name in arguments}
    if "shape" in arguments:
        arguments["shape"] = tuple(int(length) for length in arguments["shape"])
    if method == "sample":
        arguments["rng"] = np.random.default_rng(int(arguments.pop("seed", 0)))
        arguments["dtype"] = np.dtype(arguments.get("dtype", np.float64))
    with quiet():
        return getattr(part, method)(**arguments)


def _points(_subject: Subject) -> list[dict[str, Any]]:
    return [{"fan_in": fan_in, "fan_out": fan_out} for fan_in, fan_out in FANS]


@check("INIT-REF/reference-values", needs=needs_reference_values, on=compared_with(_points))
def reference_values(subject: Subject, compared: Compared) -> None:
    """An initializer may draw from another distribution than its name says.

    Compare mean and variance with the source: fan_in or fan_out, 1 or 2, variance or deviation.
    """
    method = "sample" if subject.cls.reference is None else "element_distribution"
    expect_values(subject, method, compared, run=_run)
