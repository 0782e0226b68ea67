"""Records PyTorch's batch and layer normalization into ``data/torch_layers.npz``.

Run it with a Python that has torch (the figures in the repository are PyTorch 2.13's)::

    python tests/oracles/record_torch_layers.py

Each case is a layer with random parameters that sees five batches of random size, location and
spread in training, then one in evaluation; for each batch the output, all gradients of
``sum(output * upstream)`` and (for batch normalization) the running statistics are recorded.
"""

import json
from pathlib import Path

import numpy as np
import torch

TARGET = Path(__file__).parent / "data" / "torch_layers.npz"
CASES = {
    "batch_norm": [(1, 0.1, 1e-5), (3, 0.1, 1e-5), (5, 0.01, 1e-3), (8, 0.7, 1e-7)],
    "layer_norm": [(2, None, 1e-5), (3, None, 1e-5), (5, None, 1e-3), (8, None, 1e-7)],
}


def record(kind, number, columns, momentum, epsilon, arrays):
    rng = np.random.default_rng([len(kind), number])
    if kind == "batch_norm":
        layer = torch.nn.BatchNorm1d(columns, eps=epsilon, momentum=momentum, dtype=torch.float64)
    else:
        layer = torch.nn.LayerNorm(columns, eps=epsilon, dtype=torch.float64)
    scale, shift = rng.normal(size=(2, columns))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(scale))
        layer.bias.copy_(torch.from_numpy(shift))
    prefix = f"{kind}/{number}"
    arrays[f"{prefix}/scale"], arrays[f"{prefix}/shift"] = scale, shift
    for batch in range(6):
        layer.train(batch < 5)
        rows = int(rng.integers(2, 12))
        x = rng.normal(size=(rows, columns)) * 10.0 ** rng.uniform(-1, 2) + 3.0 * rng.normal(size=columns)
        upstream = rng.normal(size=(rows, columns))
        given = torch.from_numpy(x).requires_grad_(True)
        layer.zero_grad()
        y = layer(given)
        (y * torch.from_numpy(upstream)).sum().backward()
        found = {
            "x": x,
            "upstream": upstream,
            "y": y.detach().numpy(),
            "grad_x": given.grad.numpy(),
            "grad_scale": layer.weight.grad.numpy(),
            "grad_shift": layer.bias.grad.numpy(),
        }
        if kind == "batch_norm":
            found |= {"mean": layer.running_mean.numpy(), "variance": layer.running_var.numpy()}
        for name, array in found.items():
            arrays[f"{prefix}/{batch}/{name}"] = array.copy()


def main():
    arrays = {}
    for kind, cases in CASES.items():
        for number, (columns, momentum, epsilon) in enumerate(cases):
            record(kind, number, columns, momentum, epsilon, arrays)
    about = {"torch": torch.__version__, "cases": CASES}
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, about=np.array(json.dumps(about)), **arrays)
    print(f"{TARGET}: {len(arrays)} arrays by PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
