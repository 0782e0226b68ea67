"""The recipe for tables of any kind."""

from __future__ import annotations

from typing import Any, final

import attrs

from nnkit.interfaces import Choices, Recipe, TableDescription
from nnkit.interfaces.fields import integer
from nnkit.recipes._sizes import OFFSET, weights_of

MANY = 3000
"""Rows that are enough for the larger network."""


@final
@attrs.frozen(kw_only=True)
class Tabular(Recipe):
    """A dense network behind smoothly clipped inputs, as the mean of members that leave out different rows.

    Every member is validated on the rows that it leaves out, and ends with its best epoch.

    Args:
        members: Networks, a positive integer; 1 is a fifth of the time, and a little less accurate.
        epochs: The most epochs of each; most end earlier.

    Source:
        Holzmüller, Grinsztajn & Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data", for the inputs; Lakshminarayanan, Pritzel & Blundell (2017), "Simple and Scalable Predictive
        Uncertainty Estimation using Deep Ensembles"; what was chosen by measurement is in docs/tabular.md.

    Example:
        >>> choices = Tabular().choose(TableDescription(rows=500, numbers=8, task="multiclass", outputs=3))
        >>> choices.members, choices.network["hidden"]
        (5, [128, 64])
    """

    variants = ({"members": 1},)

    members: int = integer(5, ge=1)
    epochs: int = integer(200, ge=1)

    def choose(self, table: TableDescription) -> Choices:
        many = table.rows >= MANY
        hidden, batch = ([256, 128], 128) if many else ([128, 64], 64)
        network: dict[str, Any] = {
            "hidden": hidden,
            "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.1},
            "dtype": "float64" if table.offset > OFFSET else "float32",
        }
        size = f"{table.rows:,} rows: {f'{MANY:,} or more' if many else f'under {MANY:,}'}"
        reasons = {
            "hidden": size,
            "preparation": "it bounds what a value far from the others can do",
            "optimizer": "weight decay of 0.1 helps a little on most tables",
            "batch_size": size,
            "callbacks": "the epochs follow from the rows that are left out",
            "members": "the mean of several is more accurate, and its spread shows where they disagree",
            "folds": "each row is left out by a member, which validates and calibrates it",
        }
        if table.offset > OFFSET:
            reasons["dtype"] = "a column far from 0 would lose digits in float32"
        if table.task == "regression":
            network["target_scaling"] = "standardize"
            reasons["target_scaling"] = "the loss sees targets near unit scale"
        training = {
            "epochs": self.epochs,
            "batch_size": batch,
            "callbacks": [{"name": "early_stopping", "patience": 20}],
        }
        return Choices(
            network=network,
            preparation=({"name": "robust_scale", "clip": 3.0},),
            training=training,
            members=self.members,
            folds=max(self.members, 5),
            reasons=reasons,
        )

    def operations(self, table: TableDescription, choices: Choices) -> float:
        passes: float = 6.0 * table.rows * choices.training["epochs"]  # forward, backward to inputs and to weights
        return passes * choices.members * weights_of(table, choices.network)
