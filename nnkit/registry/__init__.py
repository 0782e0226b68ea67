"""Finding parts by name: the built-ins, those of this process, and those of every installed plugin."""

from nnkit.registry.answers import Provider, disabled, get, names, providers, suggest, why
from nnkit.registry.config import check_overrides, name_of, part_from_config, part_to_config, unregistered
from nnkit.registry.extensions import Implementation, accelerate, implementations
from nnkit.registry.hooks import Registrar, hookimpl
from nnkit.registry.manager import register
from nnkit.registry.specs import create, resolve

__all__ = [
    "Implementation",
    "Provider",
    "Registrar",
    "accelerate",
    "check_overrides",
    "create",
    "disabled",
    "get",
    "hookimpl",
    "implementations",
    "name_of",
    "names",
    "part_from_config",
    "part_to_config",
    "providers",
    "register",
    "resolve",
    "suggest",
    "unregistered",
    "why",
]
