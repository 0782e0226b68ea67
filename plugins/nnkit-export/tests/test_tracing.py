"""What can be recorded, that it computes the same, and the sentence for what cannot."""

import attrs
import numpy as np
import pytest

import nnkit
from nnkit.interfaces import Activation, Elementwise
from nnkit.plugins import create
from nnkit_export import ExportError, graph_of, graph_of_part, lookup
from nnkit_export.graph import Graph

D = 6
TABLE = np.arange(12.0).reshape(4, 3)
WEIGHT = np.linspace(-1.0, 1.0, D * D).reshape(D, D)


def in_place(z):
    out = np.empty_like(z)
    np.multiply(z, 2.0, out=out)
    out += 1.0
    out[:, 2:4] = z[:, :2]
    out[:, 0] = 7.0
    out[z > 1.0] = 1.0
    np.copyto(out, -1.0, where=z < -1.0)
    return out


def horner(z):
    total = np.full_like(z, 0.5)
    for coefficient in (0.25, -1.0, 2.0):
        total *= z
        total += coefficient
    return total


def sequential(z):
    columns = [z[:, k] * (k + 1) for k in range(z.shape[1])]
    return np.stack(columns[::-1], axis=1)


def glu(z):
    left, right = np.split(z, 2, axis=1)
    half = left / (1.0 + np.exp(-right))
    return np.concatenate([half, half[:, ::-1]], axis=-1)


def maxout(z):
    pieces = z.reshape(len(z), 3, 2)
    return np.repeat(pieces.max(axis=2), 2, axis=1) - pieces.transpose(0, 2, 1).reshape(z.shape)


def looked_up(z):
    index = np.clip(np.floor(np.abs(z[:, :2])), 0, 3).astype(np.int64)
    rows = TABLE[index] if isinstance(z, np.ndarray) else lookup(TABLE, index)
    return rows.reshape(len(z), -1)


FORMULAS = [
    lambda z: np.where(z > 0, z, 0.2 * z),
    lambda z: np.clip(z, -1.0, 1.0) + np.tanh(z) ** 3,
    lambda z: np.sign(z) * np.log1p(np.abs(z)) - np.square(z) / (np.hypot(z, 1.0) + np.exp2(-z * z)),
    lambda z: np.logaddexp(0.0, z) + np.cbrt(z) + np.arctan(z) + np.arcsinh(z) + np.copysign(np.sqrt(np.abs(z)), z),
    lambda z: np.sin(z) * np.cos(z) + np.heaviside(z, 0.5) + np.rint(z) + np.ceil(z) - np.trunc(z) + z % 1.5,
    lambda z: (z - z.mean(axis=1, keepdims=True)) / (z.std(axis=1, keepdims=True) + 1e-3),
    lambda z: z / np.linalg.norm(z, axis=1, keepdims=True) + np.max(z, axis=-1, keepdims=True) - z.min(1)[:, None],
    lambda z: np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True)),
    lambda z: np.cumsum(z, axis=1) + np.roll(z, 2, axis=1) + np.add.accumulate(z, axis=1),
    lambda z: z @ WEIGHT + np.dot(z, WEIGHT.T) + np.einsum("ni,ij->nj", z, WEIGHT) + np.einsum("ni,ji->nj", z, WEIGHT),
    lambda z: z * np.vecdot(z, z)[:, None] + np.einsum("ni,ni->n", z, z)[:, None] + z.prod(axis=1, keepdims=True),
    lambda z: z * ((z > 0) & ~(z > 2) | np.isnan(z)) + (z > 1).any(axis=1, keepdims=True) + (z > -9).all(1)[:, None],
    lambda z: np.arange(D) * (np.arange(D) == z.argmax(axis=1)[:, None]) + np.argmin(z, axis=1, keepdims=True) + z,
    lambda z: np.select([z < -1, z > 1], [-1.0 + 0 * z, np.ones_like(z)], z) + np.nan_to_num(z) + np.round(z, 1),
    lambda z: (
        np.power(np.abs(z) + 0.5, 1.7) + np.sinh(z / 4) + np.cosh(z / 4) + np.expm1(z / 4) + np.arctanh(np.tanh(z / 3))
    ),
    lambda z: np.maximum.reduce([z, z[:, ::-1]], axis=0) if isinstance(z, np.ndarray) else np.maximum(z, z[:, ::-1]),
    in_place,
    horner,
    sequential,
    glu,
    maxout,
    looked_up,
]


@attrs.frozen(kw_only=True)
class Formula(Activation):
    function: object

    def forward(self, z):
        return self.function(z).astype(z.dtype)

    def jacobian(self, z, a):
        raise NotImplementedError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", range(len(FORMULAS)))
def test_a_formula_is_recorded_as_it_computes(number, dtype):
    part = Formula(function=FORMULAS[number])
    z = np.random.default_rng(number).normal(size=(40, D)).astype(dtype) * 2
    expected = part.forward(z.copy())
    got = graph_of_part(part, D, dtype).run(z)["y"]
    assert got.dtype == dtype
    tolerance = 2e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=4 * tolerance)


def network_of(function, dtype):
    layer = create("layer", {"name": "activation", "activation": Formula(function=function)})
    return nnkit.Network([D, layer], seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", ["python", "javascript", "c", "onnx"])
def test_formulas_agree_in_every_target(answers, target, dtype):
    # onnxruntime has no arctan of float64, which test_files shows.
    formulas = [f for i, f in enumerate(FORMULAS) if (target, dtype, i) != ("onnx", "float64", 3)]
    networks = [network_of(function, dtype) for function in formulas]
    z = (np.random.default_rng(5).normal(size=(40, D)) * 2).astype(dtype)
    tolerance = 3e-6 if dtype == "float32" else 1e-12
    for function, got in zip(formulas, answers(target, networks, [z] * len(networks)), strict=True):
        np.testing.assert_allclose(got, function(z.copy()), rtol=tolerance, atol=4 * tolerance)


# -- what cannot be recorded -------------------------------------------------------------------------


def branch(z):
    if z.max() > 0:
        return z
    return -z


def loop(z):
    return np.array([np.sort(row) for row in z])


def row_by_row(z):
    out = np.empty_like(z)
    for n in range(len(z)):
        out[n] = z[n] / z[n].sum()
    return out


def fresh(z):
    out = np.zeros(z.shape, z.dtype)
    out[:, 0] = z[:, 0]
    return out


def through_a_view(z):
    out = z.copy()
    np.exp(out[:, 1:], out=out[:, 1:])
    return out


def stale_view(z):
    out = z.copy()
    first = out[:, :1]
    out *= 2.0
    return out + first


def many_rows(z):
    return z * 2.0 if z.size > 4096 else z + z


def position(z):
    return z + np.arange(len(z))[:, None]


REFUSED = [
    (branch, r"Formula \(test_tracing.py:\d+: `if z.max\(\) > 0:`\)", r"reduces over all axes"),
    (lambda z: z if (z > 0) else -z, "test_tracing.py", "branches on values; use np.where"),
    (loop, "for row in z", "loops over rows"),
    (row_by_row, r"out\[n\] = z\[n\]", "picks, moves or mixes rows"),
    (fresh, r"out\[:, 0\] = z\[:, 0\]", "np.empty_like or np.zeros_like|plain array|Python number"),
    (through_a_view, r"np.exp\(out", "writes through a view"),
    (stale_view, "return out", "has been written to since"),
    (position, "np.arange", "the number or the position of a row"),
    (many_rows, "Formula", "computes something else for 13 rows than for 1009"),
    (lambda z: np.sort(z, axis=1), "np.sort", "calls np.sort, which cannot be recorded"),
    (lambda z: z - z.mean(axis=0), "mean", "reduces over the rows"),
    (lambda z: (z.T / z.sum(axis=1)).T, "z.T", "picks, moves or mixes rows"),
    (lambda z: z[z > 0], "z > 0", "selects elements by values"),
    (lambda z: z + float(z[0, 0]), "float", "picks, moves or mixes rows"),
    (lambda z: np.vectorize(np.tanh)(z + 0.0), "vectorize", "plain array"),
    (lambda z: z.tobytes(), "tobytes", "attribute 'tobytes'"),
    (lambda z: z @ z, "z @ z", "multiplies rows by rows"),
    (lambda z: z - z.sum(axis=1), "z.sum", "rows and columns meet"),
    (lambda z: (z > 0).astype(np.float16), "float16", "dtype float16"),
    (lambda z: np.frexp(z)[0], "frexp", "np.frexp.__call__, which cannot be recorded"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_cannot_be_recorded_ends_in_a_sentence_with_the_line(number):
    function, where, problem = REFUSED[number]
    with pytest.raises(ExportError, match=where) as caught:
        graph_of_part(Formula(function=function), D)
    with pytest.raises(ExportError, match=problem):
        raise caught.value
    assert "nnkit_export(part, graph, inputs)" in str(caught.value)


def test_the_layer_is_named():
    network = nnkit.Network(
        [D, 3, create("layer", {"name": "activation", "activation": Formula(function=branch)})], seed=0
    )
    with pytest.raises(ExportError) as caught:
        graph_of(network)
    assert caught.value.__notes__ == ["in layer 1: ActivationLayer"]


# -- the graph ---------------------------------------------------------------------------------------


def test_constants_are_folded_and_equal_operations_are_one():
    graph = Graph()
    x = graph.input("x", (3,), np.float64)
    two = graph.node("add", graph.constant(1.0), graph.constant(1.0))
    assert (two.op, float(two.value)) == ("constant", 2.0)
    assert graph.node("multiply", x, two) is graph.node("multiply", x, graph.constant(2.0))
    moved = graph.node("gather", graph.node("gather", x, value=np.array([2, 1, 0])), value=np.array([2, 1, 0]))
    assert moved is x


def test_bare_functions_travel():
    network = nnkit.Network([3, 2], output_activation=(np.sin, np.cos), seed=0)
    rows = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(graph_of(network).run(rows)["prediction"], network.predict(rows), rtol=1e-15)


def test_float32_stays_float32():
    part = create("activation", "gelu")
    assert {node.dtype for node in graph_of_part(part, 2, np.float32).nodes if node.op != "gather"} <= {
        np.dtype(np.float32),
        np.dtype(np.bool_),
    }


def test_an_elementwise_part_of_a_notebook_is_enough():
    @attrs.frozen(kw_only=True)
    class Bump(Elementwise):
        def forward(self, z):
            return np.exp(-z * z)

        def derivative(self, z, a):
            return -2.0 * z * a

    graph = graph_of_part(Bump(), 1)
    assert str(graph).splitlines() == [
        "x = input                       (1,) float64",
        "%1 = negative(x)                (1,) float64",
        "%2 = multiply(%1, x)            (1,) float64",
        "y = exp(%2)                     (1,) float64",
    ]
