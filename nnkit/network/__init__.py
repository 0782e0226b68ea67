"""Names and hyperparameters in; a network that a person can use out."""

from nnkit.network.network import Network

__all__ = ["Network"]
