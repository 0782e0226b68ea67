"""A network as plain data: canonical names and hyperparameters, and who provides them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nnkit import registry
from nnkit.errors import SpecError

if TYPE_CHECKING:
    from nnkit.network.network import Network

__all__ = ["network_from_config", "network_to_config"]

CONFIG_VERSION = 1
PARTS = ("loss", "optimizer", "initializer", "bias_initializer", "regularizer")
"""The parts besides layers, as the fields of a network and of its config, each kind by its name."""


def network_to_config(network: Network) -> dict[str, Any]:
    """The composition as JSON-able data; no parameters, no module paths."""
    providers: dict[str, str] = {}
    config: dict[str, Any] = {
        "version": CONFIG_VERSION,
        "inputs": network.inputs,
        "layers": [registry.part_to_config(layer, providers=providers) for layer in network.layers],
    }
    for name in PARTS:
        part = getattr(network, name)
        config[name] = None if part is None else registry.part_to_config(part, providers=providers)
    config["seed"] = network.seed
    config["dtype"] = None if network.fixed_dtype is None else network.fixed_dtype.name
    config["backward"] = network.backward
    config["providers"] = providers
    return config


def network_from_config(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``Network`` that a config stands for.

    Raises:
        SpecError: When the config is not one of a network, or newer than this library.
        MissingProviderError: Names the distribution to install.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise SpecError("the config is not one of a network: it lists no 'layers'; expected what to_config() returns")
    version = config.get("version")
    if not isinstance(version, int) or version > CONFIG_VERSION:
        raise SpecError(
            f"the config has version {version!r}; this nnkit reads up to {CONFIG_VERSION}: install a newer nnkit-core"
        )
    providers = config.get("providers", {})
    layers = [
        registry.part_from_config("layer", layer, providers=providers, overrides=overrides, path=f"layers[{index}]")
        for index, layer in enumerate(config["layers"])
    ]
    arguments: dict[str, Any] = {"layers": [config.get("inputs"), *layers]}
    for name in PARTS:
        given = config.get(name)
        if given is None and name not in overrides:
            if name != "regularizer":
                raise SpecError(f"the config has no {name!r}")
            continue
        kind = "initializer" if name == "bias_initializer" else name
        arguments[name] = registry.part_from_config(
            kind, given or {}, providers=providers, overrides=overrides, path=name
        )
    for name in ("seed", "dtype", "backward"):
        if name in config:
            arguments[name] = config[name]
    return arguments
