"""Records PyTorch's values of prelu, glu, embedding and others into ``data/torch_more_layers.npz``.

Run it with a Python that has torch (the values in the repository are PyTorch 2.13's)::

    python tests/oracles/record_torch_more_layers.py

For each layer: its arrays, inputs, output, and the gradients of ``sum(output * upstream)`` in inputs and arrays.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

TARGET = Path(__file__).parent / "data" / "torch_more_layers.npz"


def weight_norm(x, direction, length, bias):
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(*direction.shape, dtype=torch.float64))
    originals = {"original0": length[:, None], "original1": direction.T}
    return torch.func.functional_call(
        layer, {f"parametrizations.weight.{name}": array for name, array in originals.items()} | {"bias": bias}, (x,)
    )


LAYERS = {
    "prelu": (6, {"slope": (6,)}, functional.prelu),
    "glu": (8, {}, functional.glu),
    "swiglu": (8, {}, lambda x: functional.silu(x[:, :4]) * x[:, 4:]),
    "maxout": (9, {}, lambda x: x.reshape(len(x), 3, 3).amax(dim=2)),
    "group_norm": (
        6,
        {"scale": (6,), "shift": (6,)},
        lambda x, scale, shift: functional.group_norm(x, 2, scale, shift, eps=1e-5),
    ),
    "embedding": (2, {"weight": (5, 3)}, lambda x, weight: functional.embedding(x.long(), weight).flatten(1)),
    "weight_norm_dense": (
        4,
        {"direction": (4, 3), "length": (3,), "bias": (3,)},
        weight_norm,
    ),
}


def main():
    arrays = {}
    for number, (name, (columns, shapes, function)) in enumerate(LAYERS.items()):
        rng = np.random.default_rng(number)
        x = (
            rng.integers(0, 5, size=(7, columns)).astype(float)
            if name == "embedding"
            else rng.normal(size=(7, columns))
        )
        inputs = torch.from_numpy(x).requires_grad_(True)
        own = {key: torch.from_numpy(rng.normal(size=shape)).requires_grad_(True) for key, shape in shapes.items()}
        y = function(inputs, *own.values())
        upstream = rng.normal(size=tuple(y.shape))
        (y * torch.from_numpy(upstream)).sum().backward()
        arrays |= {f"{name}/x": x, f"{name}/y": y.detach().numpy(), f"{name}/upstream": upstream}
        arrays[f"{name}/grad_x"] = np.zeros_like(x) if inputs.grad is None else inputs.grad.numpy()
        for key, tensor in own.items():
            arrays |= {f"{name}/array/{key}": tensor.detach().numpy(), f"{name}/gradient/{key}": tensor.grad.numpy()}
    about = {"torch": torch.__version__, "layers": list(LAYERS)}
    np.savez_compressed(TARGET, about=np.array(json.dumps(about)), **arrays)
    print(f"{TARGET}: {len(arrays)} arrays by PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
