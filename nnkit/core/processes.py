"""Which processes carry out a call of ``fit``: this one alone, or several that share the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final, TypeVar

import numpy as np

from nnkit.core import loop
from nnkit.core.loop import Engine
from nnkit.core.model import Model
from nnkit.core.objective import Objective
from nnkit.core.step import GradientStep, Vectors, bind_gradient
from nnkit.core.view import Run
from nnkit.core.workspace import Pool
from nnkit.interfaces import Callback, ObjectiveLike

__all__ = ["PROCESSES", "Processes"]

Call = TypeVar("Call")


class Processes:
    """This process alone; a package for several processes overrides what they do together.

    Attributes:
        leads: Whether this process calls callbacks, writes files and prints.
        alone: Whether there are no others: what sees whole batches may then take the place of single steps.
    """

    leads: bool = True
    alone: bool = True

    def prepared(self, prepare: Callable[[], Call]) -> Call:
        """The checked call of ``fit`` that ``prepare`` returns; nothing has been changed yet.

        Raises:
            Exception: What ``prepare`` raises.
        """
        return prepare()

    def objective(self, objective: Objective) -> ObjectiveLike:
        """The objective that a solver minimizes, from that of all data."""
        return objective

    def bind_step(
        self, model: Model, vectors: Vectors, pool: Pool, rows: int, *, scale: float, rng: np.random.Generator
    ) -> GradientStep:
        """Objective and gradient of a batch of ``rows`` in training; the arguments are those of ``bind_gradient``."""
        return bind_gradient(model, vectors, pool, rows, scale=scale, training=True, rng=rng)

    def train(self, model: Model, run: Run, callbacks: Mapping[str, Callback], engine: Engine) -> None:
        """Train; the arguments are those of ``nnkit.core.loop.train``."""
        loop.train(model, run, callbacks, engine)


PROCESSES: Final[ContextVar[Processes]] = ContextVar("PROCESSES", default=Processes())  # noqa: B039  # has no state
"""The processes that carry out the calls of ``fit`` in this context."""
