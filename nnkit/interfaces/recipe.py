"""Recipes: from a description of a table to a network, its training and the number of its members."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from nnkit.errors import HyperparameterError
from nnkit.interfaces.fields import choice, integer, real, refuse
from nnkit.interfaces.part import Part
from nnkit.interfaces.task import TASKS, TaskName

__all__ = ["COMBINE", "Choices", "Recipe", "TableDescription"]

COMBINE = ("mean", "median")
"""How the predictions of several members become one."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_sizes(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    sized = isinstance(value, tuple) and all(isinstance(one, int) and one > 0 for one in value)
    if not sized:
        raise refuse(instance, attribute.name, value, "a tuple of positive integers")


def _plain(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refuse(instance, attribute.name, value, "a mapping of arguments by name")


@attrs.frozen(kw_only=True)
class TableDescription:
    """What a recipe may base its choices on: sizes and the task, no values.

    Args:
        rows: Rows of training.
        numbers: Inputs that are numbers, and those that flag their gaps.
        indicators: Inputs that are 0 or 1.
        categories: Of each input that is an index, the number of its categories.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        outputs: Target columns, or classes.
        offset: The largest distance of a number from 0, in units of the spread of its column; non-negative. float32
            rounds a column with an offset above 10,000 noticeably.

    Raises:
        HyperparameterError: When there is no input, or a size is out of its range.
    """

    rows: int = integer(ge=1)
    numbers: int = integer(0, ge=0)
    indicators: int = integer(0, ge=0)
    categories: tuple[int, ...] = attrs.field(default=(), converter=_as_tuple, validator=_check_sizes)
    task: TaskName = choice("regression", TASKS)
    outputs: int = integer(1, ge=1)
    offset: float = real(0.0, ge=0.0)

    def __attrs_post_init__(self) -> None:
        if not self.inputs:
            raise HyperparameterError("TableDescription has no inputs; expected numbers, indicators or categories")

    @property
    def inputs(self) -> int:
        """All inputs of the network."""
        return self.numbers + self.indicators + len(self.categories)


@attrs.frozen(kw_only=True)
class Choices:
    """What a recipe chooses.

    Args:
        network: Arguments of ``nnkit.Network``, parts as specs, with ``hidden``; seed, task and columns are added.
        preparation: Layers in front of the hidden ones, such as a scaling of the inputs.
        training: Arguments of ``Network.fit`` besides the data.
        members: Networks that are trained, each with a seed of its own; a positive integer.
        folds: Parts that the rows are divided into, 2 or more: member ``m`` is validated on part ``m % folds`` and
            trained on the others. 0 trains every member on all rows.
        combine: ``"mean"`` or ``"median"`` of the members' predictions; the median is for regression.
        reasons: Why, by the name of the argument or of the field here.

    Raises:
        HyperparameterError: When a field is out of its range.
    """

    network: Mapping[str, Any] = attrs.field(validator=_plain)
    preparation: tuple[Any, ...] = attrs.field(default=(), converter=_as_tuple)
    training: Mapping[str, Any] = attrs.field(factory=dict, validator=_plain)
    members: int = integer(1, ge=1)
    folds: int = integer(0, ge=0)
    combine: str = choice("mean", COMBINE)
    reasons: Mapping[str, str] = attrs.field(factory=dict, validator=_plain)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.network.get("hidden"), (list, tuple)):
            raise HyperparameterError(f"Choices(network={dict(self.network)!r}): expected a list 'hidden'")
        if self.folds == 1:
            raise HyperparameterError("Choices(folds=1): folds must be 0, or 2 or more")


@attrs.frozen(kw_only=True)
class Recipe(Part):
    """From a description of a table to a complete training: network, columns, arguments of ``fit`` and members.

    A recipe names parts by specs, so that everything that it chooses can be shown, stored and overridden.

    Attributes:
        tasks: The tasks that it has choices for.
        columns: The column plan that it asks for where the inputs are a table; see ``nnkit.Network``.
    """

    kind = "recipe"
    tasks: ClassVar[tuple[TaskName, ...]] = TASKS
    columns: ClassVar[str | Mapping[str, Any]] = "auto"

    @abstractmethod
    def choose(self, table: TableDescription) -> Choices:
        """The choices for such a table; equal tables give equal choices.

        The task of the table is one of ``tasks``.
        """

    @abstractmethod
    def operations(self, table: TableDescription, choices: Choices) -> float:
        """Multiplications and additions of the training of all members, at the most; an estimate.

        ``choices`` are those of ``choose``, perhaps with some overridden.
        """
