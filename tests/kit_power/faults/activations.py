"""Faults of activations."""

import attrs
import numpy as np
from kit_power.planting import plant, plant_class, settle
from kit_power.sound import Ramp, Rows, Shares, Squash, Wave

from nnkit.activations.log_softmax import LogSoftmax
from nnkit.activations.relu import ReLU
from nnkit.activations.sigmoid import Sigmoid
from nnkit.activations.softmax import Softmax
from nnkit.activations.tanh import Tanh
from nnkit.interfaces import Activation, Elementwise

_ = settle


# wrong factors
plant("wrong factor", Wave, "derivative-half", derivative=lambda s, z, a: 0.5 * np.cos(z))
plant("wrong factor", Wave, "derivative-slightly", derivative=lambda s, z, a: np.cos(z) * z.dtype.type(1.0001))
plant("wrong factor", Squash, "forgets-the-slope", derivative=lambda s, z, a: 1 - a * a)
plant("wrong factor", Squash, "slope-squared", derivative=lambda s, z, a: a.dtype.type(s.slope**2) * (1 - a * a))
plant("wrong factor", Squash, "no-square", derivative=lambda s, z, a: a.dtype.type(s.slope) * (1 - a))
plant("wrong factor", Ramp, "left-slope-one", derivative=lambda s, z, a: np.ones_like(z))
plant("wrong factor", Wave, "second-twice", second_derivative=lambda s, z, a: -2 * np.sin(z))
plant("wrong factor", Wave, "offset", derivative=lambda s, z, a: np.cos(z) + z.dtype.type(1e-4))
plant("wrong factor", Rows, "jacobian-half", jacobian=lambda s, z, a: 0.5 * Rows.jacobian(s, z, a))
plant("wrong factor", Shares, "no-diagonal", jacobian=lambda s, z, a: -a[:, :, None] * a[:, None, :])
plant("wrong factor", Shares, "diagonal-only", jacobian=lambda s, z, a: Elementwise_jacobian(a * (1 - a)))
plant("wrong factor", Wave, "vjp-twice", vjp=lambda s, z, a, grad: 2 * grad * np.cos(z))
plant("wrong factor", Wave, "jvp-without-derivative", jvp=lambda s, z, a, tangent: tangent.copy())
plant("wrong factor", Wave, "forward-scaled", forward=lambda s, z: z.dtype.type(0.9) * np.sin(z))
plant(
    "wrong factor",
    Squash,
    "near-zero-only",
    derivative=lambda s, z, a: np.where(np.abs(z) < 0.02, 0.9, 1).astype(z.dtype) * Squash.derivative(s, z, a),
)
plant(
    "wrong factor",
    Squash,
    "at-integers",
    derivative=lambda s, z, a: np.where(z == np.round(z), z.dtype.type(0.5), Squash.derivative(s, z, a)),
)
plant(
    "wrong factor",
    Ramp,
    "kink-half",
    derivative=lambda s, z, a: np.where(z > 0, 1, np.where(z < 0, s.slope, 0.77)).astype(z.dtype),
)
plant(
    "wrong factor",
    Wave,
    "vjp-derivative",
    vjp_derivative=lambda s, z, a, grad, tangent: -grad * np.sin(z),
    offers=lambda s, m: True,
)
# wrong signs
plant("wrong sign", Wave, "derivative-negated", derivative=lambda s, z, a: -np.cos(z))
plant("wrong sign", Wave, "second-positive", second_derivative=lambda s, z, a: np.sin(z))
plant(
    "wrong sign",
    Rows,
    "jacobian-plus",
    jacobian=lambda s, z, a: np.eye(a.shape[1], dtype=a.dtype) + np.exp(a)[:, None, :],
)
plant("wrong sign", Squash, "one-plus", derivative=lambda s, z, a: a.dtype.type(s.slope) * (1 + a * a))
plant("wrong sign", Wave, "left-half", derivative=lambda s, z, a: np.where(z < 0, -np.cos(z), np.cos(z)))
plant("wrong sign", Rows, "vjp-negated", vjp=lambda s, z, a, grad: -Activation.vjp(s, z, a, grad))
plant("wrong sign", Wave, "jvp-negated", jvp=lambda s, z, a, tangent: -tangent * np.cos(z))
# wrong axes


def _softmax_columns(s, z):
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max(axis=0, keepdims=True)) if z.size else z.copy()
        return e / e.sum(axis=0, keepdims=True)


plant("wrong axis", Shares, "columns", forward=_softmax_columns)


def _softmax_all(s, z):
    e = np.exp(z - z.max()) if z.size else z.copy()
    return e / e.sum() if z.size else e


plant("wrong axis", Shares, "whole-batch", forward=_softmax_all)
plant(
    "wrong axis",
    Rows,
    "max-of-all",
    forward=lambda s, z: Rows.forward(s, z - z.mean()) if z.size else z.copy(),
    jacobian=lambda s, z, a: (
        np.eye(a.shape[1], dtype=a.dtype) - np.exp(a).mean(axis=0)[None, None, :] + 0 * a[:, None, :]
    ),
)
plant("wrong axis", Wave, "centred-batch", forward=lambda s, z: np.sin(z - (z.mean(axis=0) if len(z) else 0)))
# transposed
plant("transposed", Rows, "jacobian", jacobian=lambda s, z, a: Rows.jacobian(s, z, a).transpose(0, 2, 1).copy())
plant("transposed", Rows, "vjp", vjp=lambda s, z, a, grad: (Rows.jacobian(s, z, a) @ grad[:, :, None])[:, :, 0])
plant("transposed", Rows, "jvp", jvp=lambda s, z, a, tangent: (tangent[:, None, :] @ Rows.jacobian(s, z, a))[:, 0, :])
plant(
    "transposed",
    LogSoftmax,
    "in-place",
    vjp=lambda s, z, a, grad: (LogSoftmax.jacobian(s, z, a) @ grad[:, :, None])[:, :, 0],
)
# aliasing


def _in_place(s, z):
    np.sin(z, out=z)
    return z.copy()


def _relu_in_place(s, z):
    z[z < 0] *= z.dtype.type(s.slope)
    return z.copy()


def _identity(s, z):
    return z


plant("aliasing", Wave, "forward-in-place", forward=_in_place)
plant("aliasing", Ramp, "forward-writes-z", forward=_relu_in_place)


def _grad_in_place(s, z, a, grad):
    grad *= np.cos(z)
    return grad


plant("aliasing", Wave, "vjp-returns-grad", vjp=_grad_in_place)


def _restores(s, z):
    z += 1
    result = np.sin(z - 1)
    z -= 1
    return result


plant("aliasing", Wave, "writes-and-restores", forward=_restores)


@attrs.frozen(kw_only=True)
class IdentityView(Elementwise):
    """Returns its input."""

    monotonic = True
    uses_z = False

    def forward(self, z):
        return z

    def derivative(self, z, a):
        return np.ones_like(a)


plant_class("aliasing", IdentityView)

_BUFFER = {}


def _buffered(s, z):
    out = _BUFFER.setdefault((z.shape, z.dtype.char), np.empty_like(z))
    np.sin(z, out=out)
    return out


plant("aliasing", Wave, "shared-buffer", forward=_buffered)
plant("aliasing", Wave, "derivative-writes-a", derivative=lambda s, z, a: (a.__imul__(1), a.fill(0), np.cos(z))[2])
plant(
    "aliasing",
    Ramp,
    "broadcast-result",
    derivative=lambda s, z, a: (
        np.where(z > 0, z.dtype.type(1), z.dtype.type(s.slope))
        if z.size != 20
        else np.broadcast_to(np.where(z > 0, z.dtype.type(1), z.dtype.type(s.slope)), z.shape)
    ),
)
# in-place variants
plant(
    "in-place differs",
    Tanh,
    "forward-into",
    forward_into=lambda s, z, out, work: np.copyto(out, np.tanh(z) * z.dtype.type(0.99)),
)
plant("in-place differs", Tanh, "vjp-into", vjp_into=lambda s, z, a, grad, out, work: np.copyto(out, grad * (1 - a)))


def _aliased_badly(s, z, a, grad, out, work):
    np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)
    np.multiply(out, grad, out=out)


plant("in-place differs", Tanh, "vjp-into-alias", vjp_into=_aliased_badly)


def _adds_up(s, z, a, grad, out, work):
    np.multiply(a, a, out=work)
    np.subtract(1, work, out=work)
    np.multiply(work, grad, out=work)
    np.add(out * 0, work, out=out)


plant("in-place differs", Tanh, "vjp-into-needs-clean-out", vjp_into=_adds_up)


def _dirty_work(s, z, out, work):
    work *= 0
    work += np.tanh(z)
    np.copyto(out, work)


plant("in-place differs", Tanh, "forward-into-needs-clean-work", forward_into=_dirty_work)


def _softmax_into(s, z, out, work):
    np.exp(z, out=out)
    out /= out.sum(axis=1, keepdims=True)


plant("in-place differs", Softmax, "unshifted-in-place", forward_into=_softmax_into)


def _first_rows(s, z, out, work):
    out[:64] = np.tanh(z[:64])
    out[64:] = z[64:]


plant("in-place differs", Tanh, "forward-into-late-rows", forward_into=_first_rows)


def _scribbles(s, z, a, grad, out, work):
    np.copyto(out, grad * (1 - a * a))
    a.fill(0)


plant("in-place differs", Tanh, "vjp-into-writes-a", vjp_into=_scribbles)
plant("in-place differs", Sigmoid, "vjp-uses-other-formula", vjp=lambda s, z, a, grad: grad * a)
# dtypes
plant(
    "dtype",
    Wave,
    "forward-float64",
    forward=lambda s, z: np.sin(z) if np.iscomplexobj(z) else np.sin(z.astype(np.float64)),
)
plant("dtype", Wave, "derivative-float64", derivative=lambda s, z, a: np.cos(z.astype(np.float64)))
plant("dtype", Ramp, "where-float64", derivative=lambda s, z, a: np.where(z > 0, 1.0, s.slope))
plant(
    "dtype",
    Wave,
    "float32-only",
    forward=lambda s, z: np.sin(z.astype(np.complex64 if np.iscomplexobj(z) else np.float32)),
)
plant(
    "dtype",
    Wave,
    "through-half",
    forward=lambda s, z: np.sin(z.astype(np.float16)).astype(np.float32) if z.dtype == np.float32 else np.sin(z),
)
plant("dtype", Shares, "eye-float64", jacobian=lambda s, z, a: a[:, :, None] * (np.eye(a.shape[1]) - a[:, None, :]))
# global state


def _noisy(s, z):
    np.random.rand()
    return np.sin(z)


def _seeds(s, z):
    np.random.seed(0)
    return np.sin(z)


def _noise(s, z):
    return np.sin(z) + z.dtype.type(1e-9) * np.random.default_rng().standard_normal(z.shape).astype(np.real(z).dtype)


def _seterr(s, z):
    np.seterr(all="ignore")
    return np.sin(z)


def _prints(s, z):
    print("z", z.shape)
    return np.sin(z)


def _warns(s, z):
    return np.where(z < -1e30, np.log(-np.abs(z) - 1), np.sin(z)) if not np.iscomplexobj(z) else np.sin(z)


def _filters(s, z):
    import warnings

    warnings.simplefilter("ignore")
    return np.sin(z)


plant("global random", Wave, "reads", forward=_noisy)
plant("global random", Wave, "seeds", forward=_seeds)
plant("global random", Wave, "unseeded-noise", forward=_noise)
plant("global settings", Wave, "seterr", forward=_seterr)
plant("global settings", Wave, "prints", forward=_prints)
plant("global settings", Wave, "warns", forward=_warns)
plant("global settings", Wave, "filters", forward=_filters)
# extremes


def _naive_sigmoid(s, z):
    return 1 / (1 + np.exp(-z))


@attrs.frozen(kw_only=True)
class NaiveSigmoid(Elementwise):
    """Overflows on the left."""

    range = (0.0, 1.0)
    uses_z = False

    def forward(self, z):
        return 1 / (1 + np.exp(-z))

    def derivative(self, z, a):
        return a * (1 - a)


@attrs.frozen(kw_only=True)
class NaiveTanh(Elementwise):
    """NaN on the right."""

    def forward(self, z):
        with np.errstate(all="ignore"):
            e = np.exp(2 * z)
            return (e - 1) / (e + 1)

    def derivative(self, z, a):
        return 1 - a * a


@attrs.frozen(kw_only=True)
class SoftplusJumps(Elementwise):
    """Right slope on both sides of 30, wrong value beyond."""

    def forward(self, z):
        return np.where(z > 30, z + 1, np.logaddexp(0, z)).astype(z.dtype)

    def derivative(self, z, a):
        with np.errstate(over="ignore"):
            return (1 / (1 + np.exp(-z))).astype(z.dtype)


@attrs.frozen(kw_only=True)
class SoftplusFlat(Elementwise):
    """Its derivative gives up at 100."""

    def forward(self, z):
        return np.logaddexp(0, z).astype(z.dtype)

    def derivative(self, z, a):
        with np.errstate(over="ignore"):
            return np.where(z > 100, 0, 1 / (1 + np.exp(-z))).astype(z.dtype)


@attrs.frozen(kw_only=True)
class UnshiftedSoftmax(Activation):
    """Overflows without the shift."""

    simplex = True

    def forward(self, z):
        with np.errstate(all="ignore"):
            e = np.exp(z)
            return e / e.sum(axis=1, keepdims=True)

    def jacobian(self, z, a):
        return Shares().jacobian(z, a)


for _cls in (NaiveSigmoid, NaiveTanh, SoftplusJumps, SoftplusFlat, UnshiftedSoftmax):
    plant_class("extremes", _cls)
plant(
    "extremes",
    Squash,
    "clips-late",
    forward=lambda s, z: np.where(np.abs(z) > 1000, 0, Squash.forward(s, z)).astype(z.dtype),
)
plant("extremes", Wave, "derivative-beyond-500", derivative=lambda s, z, a: np.where(np.abs(z) > 450, 0, np.cos(z)))
# small sizes
plant(
    "small sizes",
    Shares,
    "one-column",
    forward=lambda s, z: Shares.forward(s, z) if z.shape[1] != 1 else 0.5 * np.ones_like(z),
)
plant(
    "small sizes",
    Wave,
    "one-row-squeezed",
    forward=lambda s, z: np.sin(z).squeeze() if z.shape == (1, 1) else np.sin(z),
)
plant("small sizes", Wave, "one-row-flat", derivative=lambda s, z, a: np.cos(z) if len(z) != 1 else np.ones_like(z))
plant("small sizes", Rows, "jacobian-k1", jacobian=lambda s, z, a: Rows.jacobian(s, z, a) + (a.shape[1] == 1))
plant("small sizes", Wave, "no-rows", forward=lambda s, z: np.sin(z) if len(z) else np.zeros((1, z.shape[1]), z.dtype))
plant("small sizes", Wave, "raises-on-empty", forward=lambda s, z: np.sin(z) + 0 * np.real(z).max())
plant("small sizes", Wave, "two-rows", forward=lambda s, z: np.sin(z) if len(z) != 2 else np.sin(z) * z.dtype.type(0.5))
# order and memory
_LAST = {}


def _remembers(s, z):
    _LAST["a"] = np.sin(z)
    return np.sin(z)


def _uses_last(s, z, a):
    last = _LAST.get("a")
    return np.sqrt(np.maximum(1 - last * last, 0)) if last is not None and last.shape == z.shape else np.cos(z)


def _cached_derivative(s, z, a):
    key = (z.shape, z.dtype.char)
    if key not in _CACHE:
        _CACHE[key] = np.cos(z)
    return _CACHE[key].copy()


_CACHE = {}
_COUNT = [0]


def _drifts(s, z):
    _COUNT[0] += 1
    return np.sin(z) + z.dtype.type(1e-6 * _COUNT[0])


plant(
    "order",
    Squash,
    "derivative-of-last",
    forward=lambda s, z: (_LAST.__setitem__("z", np.array(z)), Squash.forward(s, z))[1],
    derivative=lambda s, z, a: (
        a.dtype.type(s.slope) * (1 - a * a)
        if _LAST.get("z") is not None and _LAST["z"].shape == a.shape
        else a.dtype.type(s.slope) * a
    ),
)
plant("order", Wave, "cached-by-shape", derivative=_cached_derivative)
plant("order", Wave, "counts-calls", forward=_drifts)
plant(
    "order",
    Wave,
    "first-column-special",
    forward=lambda s, z: (
        np.concatenate([np.sin(z[:, :1]), np.sin(z[:, 1:])], axis=1)
        if z.shape[1] < 3
        else np.sin(np.cumsum(z, axis=1) - np.cumsum(z, axis=1) + z * np.arange(1, z.shape[1] + 1))
    ),
)
plant(
    "order",
    Shares,
    "first-column-favoured",
    forward=lambda s, z: Shares.forward(s, z + np.eye(1, z.shape[1], dtype=z.dtype)),
)
# locality
plant(
    "locality",
    Wave,
    "row-mean",
    forward=lambda s, z: np.sin(z - z.mean(axis=1, keepdims=True)) if z.size and z.shape[1] > 1 else np.sin(z),
)
plant("locality", Wave, "neighbour", derivative=lambda s, z, a: np.roll(np.cos(z), 1, axis=1))
plant(
    "locality",
    Wave,
    "large-rows",
    forward=lambda s, z: (
        np.sin(z) if z.shape[1] < 100 else np.sin(z) * (1 + 1e-3 * np.tanh(z.max(axis=1, keepdims=True)))
    ),
)
# false declarations
plant("false declaration", Ramp, "no-kinks", kinks=())
plant("false declaration", Ramp, "kink-elsewhere", kinks=(1.0,))
plant("false declaration", Wave, "monotonic", monotonic=True)
plant("false declaration", Wave, "even", parity="even")
plant("false declaration", Wave, "range", range=(-0.5, 0.5))
plant("false declaration", Wave, "fixed-point", fixed_points=(0.0, 1.0))
plant("false declaration", Wave, "not-uses-z", uses_z=False)
plant("false declaration", Ramp, "analytic", analytic=True)
plant("false declaration", Rows, "simplex", simplex=True)
plant("false declaration", Shares, "log-simplex", log_simplex=True)
plant("false declaration", Squash, "shift-invariant", shift_invariant=True)
plant("false declaration", Ramp, "odd", parity="odd")
plant("false declaration", Squash, "range-positive", range=(0.0, 1.0))
plant("false declaration", Squash, "saturates-short", range=(-1.0, 0.999))
plant("false declaration", ReLU, "kink-jump-missing", kinks=())
# NaN
plant("swallowed", Wave, "nan-to-num", forward=lambda s, z: np.nan_to_num(np.sin(z)))
plant(
    "swallowed",
    Ramp,
    "where",
    forward=lambda s, z: np.where(z > 0, z, np.where(z <= 0, z.dtype.type(s.slope) * z, 0)).astype(z.dtype),
)
plant("swallowed", Shares, "nan-spreads", forward=lambda s, z: Shares.forward(s, z) + 0 * (z.sum() if z.size else 0))
# wrong functions (self-consistent)
plant(
    "wrong function",
    Squash,
    "other-function",
    figures=True,
    forward=lambda s, z: z.dtype.type(0.5) * np.tanh(z * z.dtype.type(s.slope)),
    derivative=lambda s, z, a: a.dtype.type(0.5 * s.slope) * (1 - 4 * a * a),
)
plant(
    "wrong function",
    Ramp,
    "slope-doubled",
    figures=True,
    forward=lambda s, z: np.where(z > 0, z, z.dtype.type(2 * s.slope) * z),
    derivative=lambda s, z, a: np.where(z > 0, 1, 2 * s.slope).astype(z.dtype),
    kinks=(0.0,),
)
plant(
    "wrong function",
    Rows,
    "temperature",
    figures=True,
    forward=lambda s, z: Rows.forward(s, 2 * z),
    jacobian=lambda s, z, a: 2 * Rows.jacobian(s, z, a),
)
# hyperparameters


@attrs.define(kw_only=True)
class Mutable(Elementwise):
    """Can be changed."""

    slope: float = 1.0

    def forward(self, z):
        return z * z.dtype.type(self.slope)

    def derivative(self, z, a):
        return np.full_like(z, self.slope)


@attrs.frozen(kw_only=True)
class Unchecked(Elementwise):
    """Takes anything for a slope."""

    slope: float = 1.0

    def forward(self, z):
        return z * z.dtype.type(self.slope)

    def derivative(self, z, a):
        return np.full_like(z, self.slope)


@attrs.frozen(kw_only=True)
class Hidden(Elementwise):
    """A hyperparameter that a config cannot carry."""

    slope: float = attrs.field(default=2.0, init=False)

    def forward(self, z):
        return z * z.dtype.type(self.slope)

    def derivative(self, z, a):
        return np.full_like(z, self.slope)


@attrs.frozen(kw_only=True, eq=False)
class Unequal(Elementwise):
    """Equal to no other."""

    def forward(self, z):
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z)


class Bare(Elementwise):
    """No attrs class, and remembers."""

    def __init__(self):
        self.calls = 0

    def forward(self, z):
        self.calls += 1
        return np.sin(z)

    def derivative(self, z, a):
        return np.cos(z)


@attrs.frozen(kw_only=True)
class Lambda(Elementwise):
    """Cannot be pickled."""

    function: object = attrs.field(factory=lambda: lambda z: np.sin(z))

    def forward(self, z):
        return self.function(z)

    def derivative(self, z, a):
        return np.cos(z)


for _cls in (Mutable, Unchecked, Hidden, Unequal, Bare, Lambda):
    plant_class("hyperparameters", _cls)
plant("hyperparameters", Squash, "slope-ignored", forward=lambda s, z: np.tanh(z), derivative=lambda s, z, a: 1 - a * a)


def Elementwise_jacobian(diagonal):
    """A stack of diagonal matrices."""
    return diagonal[:, :, None] * np.eye(diagonal.shape[1], dtype=diagonal.dtype)
