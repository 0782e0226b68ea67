"""Records 50 steps of Shampoo's algorithm 1 and 2, computed with 50 digits by mpmath, into ``data/shampoo.npz``.

Run it with a Python that has mpmath::

    python tests/oracles/record_shampoo.py

Other libraries compute other rules: ``torch_optimizer.Shampoo`` has the power ``-1 / k`` instead of ``-1 / (2 k)`` and
sums the preconditioned gradient, ``pytorch_optimizer.Shampoo`` gives each step the length of another optimizer's.
"""

import json
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp

STEPS = 50
SHAPES = ((4, 3), (3,), (3, 2))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
TARGET = Path(__file__).parent / "data" / "shampoo.npz"
CASES = (
    {"learning_rate": 0.3, "epsilon": 1e-4},
    {"learning_rate": 0.1, "epsilon": 0.05, "momentum": 0.7},
    {"learning_rate": 0.2, "epsilon": 1e-2, "momentum": 0.3, "every": 4},
    {"learning_rate": 0.4, "epsilon": 1e-3, "largest": 3},
)


def root(statistic, exponent, *, full):
    if not full:
        return mpmath.diag([statistic[i, i] ** exponent for i in range(statistic.rows)])
    values, vectors = mp.eigsy(statistic)
    return vectors * mpmath.diag([value**exponent for value in values]) * vectors.T


def record(start, A, b, *, learning_rate, epsilon, momentum=0.0, every=1, largest=1024):
    rate, decay = mpmath.mpf(learning_rate), mpmath.mpf(momentum)
    matrix, target, theta = mpmath.matrix(A.tolist()), mpmath.matrix(b.tolist()), mpmath.matrix(start.tolist())
    velocity, path = mpmath.zeros(len(start), 1), []
    arrays = [(shape if len(shape) == 2 else (shape[0], 1), len(shape)) for shape in SHAPES]
    statistics = [[mpmath.mpf(epsilon) * mpmath.eye(size) for size in shape] for shape, _ in arrays]
    roots = [[None, None] for _ in arrays]
    for step in range(STEPS):
        residual = matrix * theta - target
        gradient = matrix.T * residual.apply(mpmath.tanh) / len(b)
        offset = 0
        for ((rows, columns), order), own, powers in zip(arrays, statistics, roots, strict=True):
            G = mpmath.matrix(rows, columns)
            for i, j in np.ndindex(rows, columns):
                G[i, j] = gradient[offset + i * columns + j]
            for axis, product in enumerate((G * G.T, G.T * G)[:order]):
                own[axis] += product
                if step % every == 0:
                    full = order == 2 and own[axis].rows <= largest
                    powers[axis] = root(own[axis], mpmath.mpf(-1) / (2 * order), full=full)
            direction = powers[0] * G * (powers[1] if order == 2 else mpmath.eye(1))
            for i, j in np.ndindex(rows, columns):
                place = offset + i * columns + j
                velocity[place] = decay * velocity[place] + direction[i, j]
            offset += rows * columns
        theta = theta - rate * velocity
        path.append([float(value) for value in theta])
    return np.array(path)


def main():
    mp.dps = 50
    arrays, cases = {}, []
    for draw, hyperparameters in enumerate(CASES):
        rng = np.random.default_rng([7, draw])
        A, b, start = rng.standard_normal((30, sum(SIZES))), rng.standard_normal(30), rng.standard_normal(sum(SIZES))
        cases.append({"case": f"shampoo-{draw}", "optimizer": "shampoo", "hyperparameters": hyperparameters})
        arrays |= {f"shampoo-{draw}/{name}": value for name, value in (("A", A), ("b", b), ("start", start))}
        arrays[f"shampoo-{draw}/trajectory"] = record(start, A, b, **hyperparameters)
        arrays[f"shampoo-{draw}/evaluated"] = np.empty(0)
    header = {"mpmath": mpmath.__version__, "shapes": SHAPES, "cases": cases}
    np.savez_compressed(TARGET, header=json.dumps(header), **arrays)


if __name__ == "__main__":
    main()
