"""Finding parts by name: the built-ins, and those of every installed plugin."""

from nnkit.registry.accelerators import accelerate
from nnkit.registry.config import part_from_config, part_to_config
from nnkit.registry.hookspecs import hookimpl
from nnkit.registry.identity import name_of
from nnkit.registry.listing import Provider, disabled, names, providers, why
from nnkit.registry.registrar import Registrar
from nnkit.registry.specs import create, get, resolve

__all__ = [
    "Provider",
    "Registrar",
    "accelerate",
    "create",
    "disabled",
    "get",
    "hookimpl",
    "name_of",
    "names",
    "part_from_config",
    "part_to_config",
    "providers",
    "resolve",
    "why",
]
