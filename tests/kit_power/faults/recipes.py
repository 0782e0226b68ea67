"""Faults of recipes."""

import attrs
import numpy as np
from kit_power.planting import plant
from kit_power.sound import Small


def with_network(**changes):
    """``choose`` with other arguments of the network."""

    def choose(self, table):
        choices = Small.choose(self, table)
        return attrs.evolve(choices, network={**choices.network, **changes})

    return choose


def with_choices(**changes):
    """``choose`` with other fields."""
    return lambda self, table: attrs.evolve(Small.choose(self, table), **changes)


CALLS = {"made": 0}
SHARED = {"hidden": [8], "optimizer": "adam"}


def counted(self, table):
    CALLS["made"] += 1
    choices = Small.choose(self, table)
    return attrs.evolve(choices, network={**choices.network, "hidden": [self.units + CALLS["made"]]})


def shared(self, table):
    choices = Small.choose(self, table)
    SHARED["hidden"][0] += choices.network["hidden"][0] % 7
    return attrs.evolve(choices, network=dict(SHARED))


def drawn(self, table):
    choices = Small.choose(self, table)
    return attrs.evolve(choices, network={**choices.network, "hidden": [int(np.random.randint(4, 400))]})


def typed(self, table):
    choices = Small.choose(self, table)
    return attrs.evolve(choices, network={**choices.network, "hidden": [np.int64(choices.network["hidden"][0])]})


plant("lost state", Small, "counts-calls", choose=counted)
plant("aliasing", Small, "one-mapping-for-all", choose=shared)
plant("global random", Small, "draws-units", choose=drawn)
plant("dtype", Small, "units-of-numpy", choose=typed)
plant("false declaration", Small, "one-loss-for-every-task", choose=with_network(loss="categorical_crossentropy"))
plant("false declaration", Small, "scales-every-target", choose=with_network(target_scaling="standardize"))
plant(
    "false declaration",
    Small,
    "stops-on-what-is-not-there",
    choose=with_choices(training={"epochs": 20, "batch_size": 32, "callbacks": ["early_stopping"]}),
)
plant("extremes", Small, "diverges", choose=with_network(optimizer="sgd(learning_rate=1e200)"))
plant(
    "extremes",
    Small,
    "endless-cost",
    operations=lambda s, table, choices: Small.operations(s, table, choices) if table.rows < 10_000 else float("inf"),
)
plant("wrong factor", Small, "cost-of-a-member", operations=lambda s, t, c: Small.operations(s, t, c) / c.members)
plant("wrong factor", Small, "cost-of-a-row", operations=lambda s, t, c: Small.operations(s, t, c) / t.rows)
plant("swallowed", Small, "no-reasons", choose=with_choices(reasons={}))
plant("swallowed", Small, "reason-of-nothing", choose=with_choices(reasons={"layers": "as in the paper"}))
plant("hyperparameters", Small, "units-ignored", choose=with_network(hidden=[8]))
plant(
    "wrong function",
    Small,
    "one-row-late",
    figures=True,
    choose=lambda s, table: Small.choose(s, attrs.evolve(table, rows=max(1, table.rows - 1))),
)
