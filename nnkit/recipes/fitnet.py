"""The recipe for smooth regressions with a few hundred rows."""

from __future__ import annotations

from typing import Any, final

import attrs

from nnkit.interfaces import Choices, Example, Recipe, TableDescription
from nnkit.interfaces.fields import integer
from nnkit.recipes._sizes import weights_of

STOP = {"patience": 10, "start_from_epoch": 20}
"""Steps without a larger evidence after which a search ends; in the first ones the penalties are not yet estimated."""


@final
@attrs.frozen(kw_only=True)
class Fitnet(Recipe):
    """Bayesian regularization from several starts behind smoothly clipped inputs; the mean of the members.

    Every member is trained on all rows; its leave-one-out errors, from the leverages of the rows, calibrate the
    intervals.

    Args:
        members: Networks, each from a start of its own; a positive integer.
        units: The most hidden units; fewer where the rows do not determine them.
        epochs: The most steps of each; a search ends when the evidence has not grown.

    Source:
        MacKay (1992), "Bayesian Interpolation"; Foresee & Hagan (1997), "Gauss-Newton Approximation to Bayesian
        Learning", which MATLAB's ``fitnet`` with ``trainbr`` follows.

    Example:
        >>> Fitnet().choose(TableDescription(rows=400, numbers=6)).network["hidden"]
        [10]
    """

    tasks = ("regression",)
    variants = ({"members": 2, "units": 4},)
    examples = (
        Example(
            inputs={"rows": 200, "numbers": 10},
            expected={
                "network": {
                    "hidden": [8],
                    "hidden_activation": "tanh",
                    "optimizer": "bayesian_regularization",
                    "target_scaling": "standardize",
                    "dtype": "float64",
                },
                "preparation": [{"name": "robust_scale", "clip": 5.0}],
                "training": {
                    "epochs": 200,
                    "batch_size": None,
                    "callbacks": [
                        {
                            "name": "early_stopping",
                            "monitor": "log_evidence",
                            "mode": "max",
                            "patience": 10,
                            "start_from_epoch": 20,
                        }
                    ],
                },
                "members": 5,
                "folds": 0,
                "combine": "mean",
                "operations": 5 * 200 * 4 * (200 * 97**2 + 97**3),
            },
            source="by hand: 8 units have 97 parameters, 9 have 109, and half of 200 rows are 100",
        ),
    )

    members: int = integer(5, ge=1)
    units: int = integer(10, ge=1)
    epochs: int = integer(200, ge=1)

    @staticmethod
    def reference(table: TableDescription, members: int, units: int, epochs: int) -> dict[str, Any]:
        """The units by trying one more as long as the rows determine them."""
        most = 1
        while most < units and 2 * (most + 1) * (table.inputs + 1 + table.outputs) <= table.rows * table.outputs:
            most += 1
        stop = {"name": "early_stopping", "monitor": "log_evidence", "mode": "max"}
        return {
            "network": {
                "hidden": [most],
                "hidden_activation": "tanh",
                "optimizer": "bayesian_regularization",
                "target_scaling": "standardize",
                "dtype": "float64",
            },
            "preparation": [{"name": "robust_scale", "clip": 5.0}],
            "training": {
                "epochs": epochs,
                "batch_size": None,
                "callbacks": [{**stop, "patience": 10, "start_from_epoch": 20}],
            },
            "members": members,
            "folds": 0,
            "combine": "mean",
        }

    def choose(self, table: TableDescription) -> Choices:
        affordable = table.rows * table.outputs // (2 * (table.inputs + 1 + table.outputs))
        units = max(1, min(self.units, affordable))
        network: dict[str, Any] = {
            "hidden": [units],
            "hidden_activation": "tanh",
            "optimizer": "bayesian_regularization",
            "target_scaling": "standardize",
            "dtype": "float64",
        }
        reasons = {
            "hidden": f"{units} units have at most half as many parameters as there are rows"
            if units < self.units
            else "enough for smooth functions; the evidence decides how many of the parameters count",
            "preparation": "it bounds what a value far from the others can do",
            "optimizer": "penalties follow from the evidence, without rows for validation",
            "dtype": "second-order steps need the digits",
            "callbacks": "the evidence falls again after its largest value, where the search should end",
            "members": "each search ends in a minimum of its own",
            "folds": "all rows train every member; leverages give the errors of rows as if left out, for the intervals",
            "combine": "the mean was more accurate than the median where this was tuned",
        }
        return Choices(
            network=network,
            preparation=({"name": "robust_scale", "clip": 5.0},),
            training={
                "epochs": self.epochs,
                "batch_size": None,
                "callbacks": [{"name": "early_stopping", "monitor": "log_evidence", "mode": "max", **STOP}],
            },
            members=self.members,
            folds=0,
            combine="mean",
            reasons=reasons,
        )

    def operations(self, table: TableDescription, choices: Choices) -> float:
        parameters = weights_of(table, choices.network)
        rows = table.rows * table.outputs
        step = 4.0 * (rows * parameters**2 + parameters**3)  # J^T J and its factors, for both searches
        operations: float = step * choices.training["epochs"] * choices.members
        return operations
