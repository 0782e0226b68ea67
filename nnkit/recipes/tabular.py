"""The recipe for tables of any kind."""

from __future__ import annotations

from typing import Any, final

import attrs

from nnkit.interfaces import Choices, Example, Recipe, TableDescription
from nnkit.interfaces.fields import integer
from nnkit.recipes._sizes import OFFSET, weights_of

MANY = 3000
"""Rows that are enough for the larger network."""

EMBEDDING: dict[str, Any] = {"name": "periodic_embedding", "frequencies": 16, "dimensions": 3}
"""The waves and columns of each number."""

WAVE = 10
"""Multiplications that a cosine counts as."""

WIDEST = 100
"""Numbers up to which each gets periodic embeddings; more would cost most of the time."""


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
        Tabular Data", for the inputs and their embeddings; Lakshminarayanan, Pritzel & Blundell (2017), "Simple and
        Scalable Predictive Uncertainty Estimation using Deep Ensembles"; what was chosen by measurement is in
        docs/tabular.md.

    Example:
        >>> choices = Tabular().choose(TableDescription(rows=500, numbers=8, task="multiclass", outputs=3))
        >>> choices.members, choices.network["hidden"]
        (5, [128, 64])
    """

    variants = ({"members": 1}, {"members": 7, "epochs": 50})
    examples = tuple(
        Example(inputs=table, expected=expected, source="docs/tabular.md, section The recipes, line by line")
        for table, expected in (
            (
                {"rows": 2999, "numbers": 100, "indicators": 4},
                {
                    "network": {
                        "hidden": [128, 64],
                        "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.1},
                        "dtype": "float32",
                        "target_scaling": "standardize",
                    },
                    "preparation": [
                        {"name": "robust_scale", "clip": 3.0},
                        {"name": "periodic_embedding", "frequencies": 16, "dimensions": 3},
                    ],
                    "training": {
                        "epochs": 200,
                        "batch_size": 64,
                        "callbacks": [{"name": "early_stopping", "patience": 20}],
                    },
                    "members": 5,
                    "folds": 5,
                    "combine": "mean",
                    # 3 + 10 for each of 16 waves a number, then 105 + 3 * 100 inputs with their bias
                    "operations": 6 * 2999 * 200 * 5 * (16 * 100 * 13 + 405 * 128 + 129 * 64 + 65),
                },
            ),
            (
                {"rows": 3000, "indicators": 9, "categories": (80,), "task": "multiclass", "outputs": 4, "offset": 2e4},
                {
                    "network": {
                        "hidden": [256, 128],
                        "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.1},
                        "dtype": "float64",
                    },
                    "preparation": [{"name": "robust_scale", "clip": 3.0}],
                    "training": {
                        "epochs": 200,
                        "batch_size": 128,
                        "callbacks": [{"name": "early_stopping", "patience": 20}],
                    },
                    "members": 5,
                    "folds": 5,
                    "combine": "mean",
                },
            ),
        )
    )

    members: int = integer(5, ge=1)
    epochs: int = integer(200, ge=1)

    @staticmethod
    def reference(table: TableDescription, members: int, epochs: int) -> dict[str, Any]:
        """One question after another, without the names of the constants."""
        large = table.rows > 2999
        return {
            "network": {
                "hidden": [256, 128] if large else [128, 64],
                "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.1},
                "dtype": "float32" if table.offset <= 10_000 else "float64",
            }
            | ({"target_scaling": "standardize"} if table.task == "regression" else {}),
            "preparation": [{"name": "robust_scale", "clip": 3.0}]
            + [{"name": "periodic_embedding", "frequencies": 16, "dimensions": 3}] * (1 <= table.numbers < 101),
            "training": {
                "epochs": epochs,
                "batch_size": 128 if large else 64,
                "callbacks": [{"name": "early_stopping", "patience": 20}],
            },
            "members": members,
            "folds": sorted([5, members])[1],
            "combine": "mean",
        }

    def choose(self, table: TableDescription) -> Choices:
        many = table.rows >= MANY
        hidden, batch = ([256, 128], 128) if many else ([128, 64], 64)
        embedded = 0 < table.numbers <= WIDEST
        network: dict[str, Any] = {
            "hidden": hidden,
            "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.1},
            "dtype": "float64" if table.offset > OFFSET else "float32",
        }
        size = f"{table.rows:,} rows: {f'{MANY:,} or more' if many else f'under {MANY:,}'}"
        reasons = {
            "hidden": size,
            "preparation": "it bounds what a value far from the others can do"
            + ("; embedded numbers fit steps and several extremes" if embedded else ""),
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
            preparation=({"name": "robust_scale", "clip": 3.0}, *([EMBEDDING] if embedded else [])),
            training=training,
            members=self.members,
            folds=max(self.members, 5),
            reasons=reasons,
        )

    def operations(self, table: TableDescription, choices: Choices) -> float:
        passes: float = 6.0 * table.rows * choices.training["epochs"]  # forward, backward to inputs and to weights
        weights = weights_of(table, choices.network)
        if EMBEDDING in choices.preparation:
            columns, waves = EMBEDDING["dimensions"] * table.numbers, EMBEDDING["frequencies"] * table.numbers
            first = next((width for width in choices.network["hidden"] if isinstance(width, int)), 1)
            weights += columns * first + waves * (EMBEDDING["dimensions"] + WAVE)
        return passes * choices.members * weights
