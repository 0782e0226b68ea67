"""The plugin system's public face: find parts by name, see who provides them, control what is used.

Example:
    >>> from nnkit import plugins
    >>> plugins.create("activation", "leaky_relu(negative_slope=0.2)")
    LeakyReLU(negative_slope=0.2)
"""

from nnkit.registry import (
    Provider,
    Registrar,
    create,
    disabled,
    get,
    hookimpl,
    names,
    providers,
    register,
    why,
)

__all__ = ["Provider", "Registrar", "create", "disabled", "get", "hookimpl", "names", "providers", "register", "why"]
