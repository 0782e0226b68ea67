"""``make kit-power``: how many planted faults and mutants the conformance kit finds.

Plants every fault, makes mutants of every built-in, proves the sound parts and the built-ins over other
seeds, and prints the check x fault matrix, kill rates, survivors, idle checks and seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import io
import os
import sys
import time
import warnings
from collections import Counter, defaultdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kit_power.equivalent import why_equivalent, why_survives
from kit_power.installed import DISTRIBUTION, installed
from kit_power.mutants import builtins, mutants_of
from kit_power.planting import FAMILIES, FAULTS, Fault
from kit_power.sound import SOUND

from nnkit.testing import all_checks, check
from nnkit.testing.record import family_of
from nnkit.testing.runner import cases, run_case
from nnkit.testing.selection import Settings, select


@functools.cache
def load_faults() -> None:
    """Import every file of faults."""
    for path in sorted((Path(__file__).parent / "faults").glob("*.py")):
        importlib.import_module(f"kit_power.faults.{path.stem}")


def found_by(fault: Fault, *, first: bool = False) -> list[str]:
    """The checks that fail for a planted fault."""
    if fault.registered is None:
        return failing(fault.cls, first=first)
    with installed({fault.registered: fault.cls}):
        return failing(f"{DISTRIBUTION}/{fault.registered}", first=first)


def failing(part: type | str, *, first: bool = False, seed: int = 0) -> list[str]:
    """The checks that fail, in order; advisory ones do not count."""
    found = []
    with contextlib.redirect_stdout(io.StringIO()):
        for case in cases(select(part), Settings(seed=seed)):
            if case.check.level == "advisory" or case.reason is not None:
                continue
            if run_case(case).state == "failed":
                found.append(case.check.id)
                if first:
                    break
    return found


def try_fault(position: int) -> tuple[int, list[str]]:
    """One planted fault against every check."""
    load_faults()
    warnings.simplefilter("ignore")
    return position, found_by(FAULTS[position])


def try_mutants(arguments: tuple[int, int | None]) -> list[tuple[str, str, list[str]]]:
    """Every mutant of one built-in, each until its first failing check."""
    warnings.simplefilter("ignore")
    position, most = arguments
    cls = list(builtins())[position]
    return [(one.key, one.kind, failing(one.cls, first=True)) for one in mutants_of(cls, most)]


def try_seed(arguments: tuple[str, int]) -> tuple[str, int, list[str], float]:
    """One part with one other seed: whatever fails is a false alarm."""
    name, seed = arguments
    warnings.simplefilter("ignore")
    sound = {cls.__name__: cls for cls in SOUND}
    cls = sound.get(name) or next(one for one in builtins() if f"{one.kind} {one.__name__}" == name)
    began = time.process_time()
    report = check(cls, seed=seed)
    for failure in report.failures:  # at once, for a person who waits, and for what only this run shows
        sys.stderr.write(f"false alarm, seed {seed}: {failure}\n")
    return (
        name,
        seed,
        [failure.id for failure in report.failures] + list(report.all_problems),
        time.process_time() - began,
    )


def main() -> int:
    """Run all of it; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="make kit-power")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--mutants", type=int, default=8, help="most mutants of one built-in; 0 for all")
    parser.add_argument("--seeds", type=int, default=20, help="how many other seeds")
    parser.add_argument("--after", type=int, default=0, help="leave out so many of them, to run in pieces")
    parser.add_argument("--only", choices=["faults", "mutants", "seeds", "ports"])
    parser.add_argument("--table", type=Path, help="write the published table here")
    given = parser.parse_args()
    load_faults()
    lines: list[str] = []
    good = True

    def say(text: str = "") -> None:
        lines.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with get_context("fork").Pool(given.jobs) as pool:
        if given.only in {None, "faults"}:
            good = faults(pool, say) and good
        if given.only in {None, "mutants"}:
            good = mutants(pool, say, given.mutants or None) and good
        if given.only in {None, "seeds"}:
            good = seeds(pool, say, range(given.after, given.seeds)) and good
    if given.only in {None, "ports"}:
        from kit_power.outside import ports

        good = ports(say) and good
    if given.table is not None:
        publish(given.table, lines)
    return 0 if good else 1


def faults(pool: Any, say: Any) -> bool:
    """The planted faults."""
    results = sorted(pool.imap_unordered(try_fault, range(len(FAULTS))))
    killed = dict(results)
    named = {p: any(one.partition("/")[0] in FAULTS[p].names for one in found) for p, found in killed.items()}
    say(f"## Planted faults: {len(FAULTS)}")
    say()
    say("| family | planted | found | rate | named by a check of its family |")
    say("|---|---:|---:|---:|---:|")
    for family in FAMILIES:
        mine = [p for p in killed if FAULTS[p].family == family]
        dead = [p for p in mine if killed[p]]
        right = [p for p in dead if named[p]]
        if mine:
            say(f"| {family} | {len(mine)} | {len(dead)} | {len(dead) / len(mine):.0%} | {len(right)} |")
    dead = [p for p in killed if killed[p]]
    right = [p for p in dead if named[p]]
    rate, naming = len(dead) / len(killed), len(right) / max(len(dead), 1)
    say(f"| **all** | {len(killed)} | {len(dead)} | **{rate:.1%}** | {len(right)} (**{naming:.1%}**) |")
    say()
    kinds = Counter(family_of(FAULTS[p].cls) for p in killed)
    say("By kind: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) + ".")
    say()
    for p, found in killed.items():
        if not found:
            say(f"- survivor: `{FAULTS[p].name}` ({FAULTS[p].kind}, {FAULTS[p].family})")
        elif not named[p]:
            say(f"- found under another name: `{FAULTS[p].name}` ({FAULTS[p].family}) by {', '.join(found[:4])}")
    say()
    say("### Check x fault family")
    say()
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    alone: Counter[str] = Counter()
    for p, found in killed.items():
        for one in found:
            matrix[one][FAULTS[p].family] += 1
        if len(found) == 1:
            alone[found[0]] += 1
    say("| check | level | faults found | of them alone | families |")
    say("|---|---|---:|---:|---|")
    for one in all_checks():
        row = matrix.get(one.id, Counter())
        families = ", ".join(f"{family} {count}" for family, count in row.most_common())
        say(f"| {one.id} | {one.level} | {sum(row.values())} | {alone[one.id]} | {families} |")
    idle = [one.id for one in all_checks() if not matrix.get(one.id) and one.level != "advisory"]
    say()
    say(f"Checks without a victim ({len(idle)}): {', '.join(idle) or 'none'}.")
    say()
    return rate >= 0.98 and naming >= 0.90 and len(FAULTS) >= 150


def mutants(pool: Any, say: Any, most: int | None) -> bool:
    """The generated mutants."""
    count = len(list(builtins()))
    every = [one for found in pool.imap_unordered(try_mutants, [(i, most) for i in range(count)]) for one in found]
    aside = [one for one in every if not one[2] and why_equivalent(one[0])]
    counted = [one for one in every if one not in aside]
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for _, kind, found in counted:
        by_kind[kind].append(bool(found))
    say(f"## Mutants generated from the built-ins: {len(every)}")
    say()
    say("| kind | mutants | found | rate |")
    say("|---|---:|---:|---:|")
    for kind, found in sorted(by_kind.items()):
        say(f"| {kind} | {len(found)} | {sum(found)} | {sum(found) / len(found):.0%} |")
    dead = sum(bool(found) for _, _, found in counted)
    rate = dead / max(len(counted), 1)
    say(f"| **all** | {len(counted)} | {dead} | **{rate:.1%}** |")
    say()
    say(f"Set aside as equivalent: {len(aside)}.")
    say()
    for key, _, _ in sorted(aside):
        say(f"- equivalent: `{key}`: {why_equivalent(key)}")
    for key, _, found in sorted(counted):
        if not found:
            say(f"- survivor: `{key}`: {why_survives(key)}")
    say()
    return rate >= 0.95


def seeds(pool: Any, say: Any, numbers: range) -> bool:
    """The sound parts and the built-ins over other seeds."""
    names = [cls.__name__ for cls in SOUND] + [f"{cls.kind} {cls.__name__}" for cls in builtins()]
    work = [(name, 1000 + 37 * seed) for seed in numbers for name in names]
    results = list(pool.imap_unordered(try_seed, work, chunksize=4))
    alarms = [(name, seed, found) for name, seed, found, _ in results if found]
    slowest: dict[str, float] = defaultdict(float)
    for name, _, _, seconds in results:
        slowest[name] = max(slowest[name], seconds)
    say(f"## False alarms: {len(names)} sound parts and built-ins, {len(numbers)} other seeds each")
    say()
    say(f"{len(alarms)} of {len(work)} runs raised a false alarm.")
    say()
    for name, seed, found in sorted(alarms):
        say(f"- {name}, seed {seed}: {', '.join(found)}")
    say()
    mean = sum(seconds for *_, seconds in results) / max(len(results), 1)
    say(
        f"Processor seconds a part, both dtypes and all variants: {mean:.2f} on average. The most that each took in any run:"
    )
    say()
    say(
        ", ".join(f"{name} {seconds:.2f}" for name, seconds in sorted(slowest.items(), key=lambda item: -item[1])) + "."
    )
    say()
    return not alarms


def publish(path: Path, lines: list[str]) -> None:
    """Put the sections of this run below the marker of the page, in place of those of the same headline."""
    marker = "<!-- figures: make kit-power -->"
    head, _, body = path.read_text(encoding="utf-8").partition(marker)
    sections = _sections(body) | _sections("\n".join(lines))
    path.write_text("\n\n".join([head + marker, *sections.values()]) + "\n", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """The sections of a text by the words of their headline in front of the number."""
    sections = [f"## {section}".rstrip() for section in f"\n{text}".split("\n## ")[1:]]
    return {section.partition(":")[0]: section for section in sections}


if __name__ == "__main__":
    sys.exit(main())
