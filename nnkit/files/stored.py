"""Saving and loading, as methods of a network."""

from __future__ import annotations

import copy
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from nnkit.core.model import Model
from nnkit.core.state import TrainingState
from nnkit.files import loading, saving
from nnkit.files.container import Source, Target
from nnkit.files.networks import Composed
from nnkit.interfaces import PartSpec

__all__ = ["Stored"]


class Stored(ABC):
    """What can be written to a file, read back, copied and pickled; ``nnkit.Network`` is one.

    A pickle holds the content of the file, not objects of this library, so it is read across versions as files are.
    A copy shares the composition, which never changes, and no array.
    """

    @staticmethod
    @abstractmethod
    def _compose(config: Mapping[str, Any], overrides: Mapping[str, PartSpec] | None) -> Composed:
        """The composition of a config."""

    @classmethod
    @abstractmethod
    def _of(cls, composition: Any, *contents: Any) -> Self:
        """A network with these contents."""

    @abstractmethod
    def _contents(self) -> tuple[Composed, Model | None, TrainingState | None, dict[str, Any]]:
        """Composition, structure, state and notes."""

    def save(self, target: Target, *, training_state: bool = True) -> None:
        """Write everything to one ``.npz``: config, parameters, optimizer and random state, history, notes.

        The old file stays intact until the new one is complete.

        Args:
            target: A path, or a binary file open for writing.
            training_state: Whether to include what only training needs.

        Raises:
            FileSaveError: When the network holds what a file may not hold (see ``nnkit.files.trees``) or values that
                are not finite, or the file cannot be written; nothing is changed then.
        """
        saving.save(target, *self._contents(), training_state=training_state)

    @classmethod
    def load(
        cls, source: Source, *, overrides: Mapping[str, PartSpec] | None = None, training_state: bool = True
    ) -> Self:
        """The network of a file; training goes on from it bit-identically.

        Args:
            source: What ``save`` has written: a path, or a binary file open for reading.
            overrides: See ``from_config``; another optimizer begins a state of its own.
            training_state: Whether to restore what only training needs.

        Raises:
            FileFormatError: When the file is damaged, foreign or newer; nothing in it is executed.
            MissingProviderError: Names the distribution to install.
        """
        return cls._of(*loading.load(source, cls._compose, overrides, training_state=training_state))

    def __copy__(self) -> Self:
        composition, model, state, notes = self._contents()
        return self._of(composition, model, copy.copy(state), copy.deepcopy(notes))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        composition, *_ = contents = self._contents()
        record = saving.to_record(*contents, finite=False)
        return _unpickled, (type(self), *saving.packed(record, composition.parts))


def _unpickled(cls: type[Stored], content: bytes, overrides: Mapping[str, Any]) -> Stored:
    return cls._of(*loading.load(io.BytesIO(content), cls._compose, overrides, finite=False))
