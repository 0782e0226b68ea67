"""What a part must leave unchanged: itself, random generators, settings of the process, standard output."""

from __future__ import annotations

import copy
import random

import attrs
import numpy as np

from nnkit.testing.call import quiet
from nnkit.testing.checks.common.calling import calls_of, results_of
from nnkit.testing.failure import expect_equal, require
from nnkit.testing.record import CheckList
from nnkit.testing.subject import Subject

CHECKS = CheckList()


@CHECKS.check("PART-017/pure")
def pure(subject: Subject) -> None:
    """The same arguments must give the same result, or no run can be repeated.

    Keep nothing between calls: no cache, counter or default argument that changes, no unseeded generator.
    """
    part = subject.make()
    calls = calls_of(subject)
    before = results_of(part, calls)
    for round_ in (2, 3):
        for call, first in reversed(list(zip(calls, before, strict=True))):
            with quiet():
                again = call.result(part)
            message = f"{call.name} gives another result when it is called again (round {round_})"
            expect_equal(message, again, first, inputs=call.arrays)
    for call, first in zip(calls, before, strict=True):
        arguments = call.fresh()
        with quiet():
            call.run(part, arguments)
            for name, array in arguments.items():  # the caller fills the same memory with its next batch
                np.copyto(array, np.roll(call.arrays[name], 1, axis=0))
            changed = {name: array.copy() for name, array in arguments.items()}
            reused = copy.deepcopy(call.run(part, arguments))
            got, expected = [reused, call.result(part)], [call.run(subject.make(), changed), first]
        expect_equal(f"{call.name} remembers the arguments of an earlier call", got, expected, inputs=call.arrays)


@CHECKS.check("PART-018/instances-apart")
def instances_apart(subject: Subject) -> None:
    """Two networks with the same kind of part train side by side.

    Keep no class attribute, module global or mutable default that a call writes to.
    """
    calls = calls_of(subject)
    alone = results_of(subject.make(), calls)
    one, two = subject.make(), subject.make()
    others = [attrs.evolve(subject, hyperparameters=variant) for variant in subject.variants]
    strangers = [(other.make(), calls_of(attrs.evolve(other, seed=other.seed + 1))) for other in others]
    for position, call in enumerate(calls):
        with quiet():
            for part, theirs in strangers:
                if position < len(theirs):
                    theirs[position].result(part)
            results = [call.result(one), call.result(two)]
        message = f"{call.name} changes when other instances are used in between"
        expect_equal(message, results, [alone[position]] * 2, inputs=call.arrays)


@CHECKS.check("PART-019/no-global-random", scope="variant")
def no_global_random(subject: Subject) -> None:
    """A draw from the global generator makes runs depend on everything that ran before.

    Draw only from the numpy.random.Generator that is passed to the method; never seed anything.
    """
    original = np.random.get_state(), random.getstate()  # noqa: NPY002  # it is what must not change
    try:
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002  # so that a part that reads it shows
            random.seed(seed)
            numpy_before, python_before = np.random.get_state(), random.getstate()  # noqa: NPY002
            part = subject.make()
            for call in calls_of(subject):
                with quiet():
                    call.result(part)
                numpy_after = np.random.get_state()  # noqa: NPY002
                unchanged = all(np.array_equal(a, b) for a, b in zip(numpy_before, numpy_after, strict=True))
                require(unchanged, f"{call.name} reads or seeds numpy's global generator", inputs=call.arrays)
                unchanged = random.getstate() == python_before
                require(unchanged, f"{call.name} reads or seeds Python's global generator", inputs=call.arrays)
    finally:
        np.random.set_state(original[0])  # noqa: NPY002
        random.setstate(original[1])


@CHECKS.check("PART-020/settings-restored", scope="variant")
def settings_restored(subject: Subject) -> None:
    """A part that changes numpy's error state or the warning filters changes the whole program.

    Use `with np.errstate(...)`, which restores itself; never np.seterr or warnings.simplefilter.
    """
    with quiet(settings=True) as noted:
        part = subject.make()
    require(not noted.settings, f"making the part leaves {noted.settings} changed")
    for call in calls_of(subject):
        with quiet(settings=True) as noted:
            call.result(part)
        require(not noted.settings, f"{call.name} leaves {noted.settings} changed", inputs=call.arrays)


@CHECKS.check("PART-021/silent")
def silent(subject: Subject) -> None:
    """Warnings are errors in many test suites, and prints break every pipe.

    Choose a formula without overflow and 0/0 (or a narrow `with np.errstate`); remove the print.
    """
    part = subject.make()
    for call in calls_of(subject):
        with quiet() as noted:
            call.result(part)
        require(not noted.warned, f"{call.name} warns", inputs=call.arrays, got=noted.warned)
        require(not noted.printed, f"{call.name} prints", inputs=call.arrays, got=repr(noted.printed))
