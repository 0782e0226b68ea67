"""What a person passes as data, turned into arrays that training can rely on; sources larger than memory."""

from nnkit.data.sources import Rows, Stream

__all__ = ["Rows", "Stream"]
