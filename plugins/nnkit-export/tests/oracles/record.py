"""Records networks of other libraries as files with their predictions, for the tests of the imports.

Run with torch 2.13, keras 3.15, jax, h5py, safetensors, onnx and scipy. Keras has the backend jax, because with
torch it computes some products of float64 in float32::

    JAX_ENABLE_X64=1 KERAS_BACKEND=jax python plugins/nnkit-export/tests/oracles/record.py
"""

import copy
import json
import warnings
from pathlib import Path

import keras
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

DATA = Path(__file__).parent / "data"
ROWS = np.random.default_rng(0).normal(size=(12, 4)) * np.array([1.0, 2.0, 0.5, 3.0])


def torch_models():
    """Sequentials, with what nnkit calls their layers."""
    torch.manual_seed(3)
    yield (
        "numbered",
        nn.Sequential(
            nn.Linear(4, 8),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(8, 8, bias=False),
            nn.BatchNorm1d(8),
            nn.Tanh(),
            nn.Linear(8, 6),
            nn.LayerNorm(6, eps=1e-6),
            nn.GELU(),
            nn.Linear(6, 6),
            nn.GroupNorm(2, 6),
            nn.PReLU(),
            nn.Linear(6, 8),
            nn.GLU(),
            nn.Linear(4, 3),
            nn.Softmax(dim=1),
        ),
    )
    for name, activation in {
        "leaky_relu": nn.LeakyReLU(0.2),
        "elu": nn.ELU(1.5),
        "selu": nn.SELU(),
        "sigmoid": nn.Sigmoid(),
        "silu": nn.SiLU(),
        "mish": nn.Mish(),
        "softsign": nn.Softsign(),
        "softplus": nn.Softplus(),
        "hard_sigmoid": nn.Hardsigmoid(),
        "gelu_tanh": nn.GELU(approximate="tanh"),
        "log_softmax": nn.LogSoftmax(dim=-1),
    }.items():
        yield name, nn.Sequential(nn.Linear(4, 5), activation, nn.Linear(5, 2))
    yield (
        "chain",
        nn.Sequential(
            nn.BatchNorm1d(4),
            nn.Linear(4, 8, bias=False),
            nn.Dropout(0.2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8, 6),
            nn.LayerNorm(6),
            nn.PReLU(),
            nn.Linear(6, 6, bias=False),
            nn.BatchNorm1d(6),
            nn.GELU(),
            nn.Linear(6, 3),
            nn.Softmax(dim=1),
        ),
    )


class Named(nn.Module):
    """A module with a forward pass of its own, of which the state dict can be imported."""

    def __init__(self):
        super().__init__()
        self.zeta = nn.Linear(4, 4)
        self.alpha = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return torch.sigmoid(self.head(torch.tanh(self.alpha(torch.tanh(self.zeta(x))))))


def record_torch():
    """Write state dicts as safetensors, and modules as ONNX."""
    expected = {}
    models = [*torch_models(), ("named", Named())]
    for name, model in models:
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.running_mean.uniform_(-1.0, 1.0)
                layer.running_var.uniform_(0.5, 2.0)
        model.double().eval()
        x = torch.tensor(ROWS)
        with torch.no_grad():
            expected[name] = model(x).tolist()
        save_file(model.state_dict(), DATA / f"torch-{name}.safetensors")
        if name in {"softplus", "elu"}:
            rounded = copy.deepcopy(model).bfloat16()
            save_file(rounded.state_dict(), DATA / f"torch-{name}-bf16.safetensors")
            with torch.no_grad():
                expected[f"{name}-bf16"] = rounded.float()(x.float()).tolist()
        model.float()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (x.float(),),
                DATA / f"torch-{name}.onnx",
                dynamo=False,
                input_names=["features"],
                output_names=["y"],
                dynamic_axes={"features": {0: "N"}},
            )
    return expected


def keras_models():
    """Sequentials and a functional model."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    scale = layers.Normalization()
    scale.adapt(ROWS)
    yield (
        "sequential",
        keras.Sequential(
            [
                layers.Input((4,)),
                scale,
                layers.Dense(6, activation="relu", name="first"),
                layers.BatchNormalization(momentum=0.9),
                layers.Dropout(0.3),
                layers.Dense(6, use_bias=False),
                layers.LayerNormalization(),
                layers.PReLU(),
                layers.Dense(6),
                layers.GroupNormalization(groups=3),
                layers.Activation("gelu"),
                layers.GaussianNoise(0.1),
                layers.Dense(3, activation="softmax"),
            ]
        ),
    )
    x = inputs = keras.Input((4,))
    x = layers.Rescaling(0.5, offset=-1.0)(x)
    x = layers.Dense(5, activation="tanh", name="hidden")(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Dense(5)(x)
    x = layers.ELU(alpha=0.7)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.Dense(5)(x)
    x = layers.BatchNormalization(center=False)(x)
    x = layers.ReLU()(x)
    yield "functional", keras.Model(inputs, layers.Dense(2)(x))
    inner = keras.Sequential([layers.Dense(5, activation="silu"), layers.BatchNormalization(), layers.Dense(5)])
    yield "nested", keras.Sequential([layers.Input((4,)), inner, layers.Dense(5, "mish"), layers.Dense(1, "sigmoid")])
    names = "elu selu softplus softsign hard_sigmoid exponential leaky_relu log_softmax linear"
    yield "activations", keras.Sequential([layers.Input((4,)), *(layers.Dense(4, name) for name in names.split())])


def record_keras():
    """Write each model in both formats."""
    expected = {}
    rng = np.random.default_rng(6)
    for dtype in ("float32", "float64"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        for name, model in keras_models():
            if dtype == "float64" and name != "activations":
                continue  # in float64 Keras computes some normalizations with the precision of float32
            for layer in model.layers:
                for own in getattr(layer, "layers", [layer]):
                    if isinstance(own, keras.layers.BatchNormalization):
                        own.set_weights([rng.uniform(0.5, 2.0, weight.shape) for weight in own.get_weights()])
            prediction = model(keras.ops.convert_to_tensor(ROWS, dtype=dtype), training=False)
            expected[f"{name}-{dtype}"] = keras.ops.convert_to_numpy(prediction).astype(float).tolist()
            model.save(DATA / f"keras-{name}-{dtype}.keras")
            model.save(DATA / f"keras-{name}-{dtype}.h5")
    return expected


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    recorded = {"rows": ROWS.tolist(), "torch": record_torch(), "keras": record_keras()}
    recorded["versions"] = {"torch": torch.__version__, "keras": keras.__version__}
    for file in DATA.iterdir():
        file.chmod(0o644)
    (DATA / "expected.json").write_text(json.dumps(recorded, indent=1) + "\n")
