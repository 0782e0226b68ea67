"""``python -m nnkit.testing``: prove parts where the command line of nnkit is not installed.

Example:
    python -m nnkit.testing acme-nn/lion --check OPT-012
"""

import argparse
import sys
from pathlib import Path

from nnkit.errors import NNKitError
from nnkit.testing.catalog import all_checks
from nnkit.testing.recording import run
from nnkit.testing.report import BADGE, GRADES
from nnkit.testing.runner import prove
from nnkit.testing.selection import DTYPES, Settings


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code is 0 when the required grade is reached, 1 when it is not, and 2 for wrong options."""
    parser = argparse.ArgumentParser(
        prog="python -m nnkit.testing",
        description="Prove parts of nnkit.",
        epilog="The exit code is 0 when the checks passed, 1 when they did not (a check failed, nothing was executed, "
        "a name is unknown) or the required grade was not reached, and 2 when the options are wrong.",
    )
    parser.add_argument("component", nargs="*", help="distribution, distribution/name, spec or module:Class")
    parser.add_argument("--kind", help="only parts of this kind")
    parser.add_argument("--check", action="append", dest="only", metavar="ID", help="only this check (repeatable)")
    help_ = "a failure that is known, and why (repeatable)"
    parser.add_argument("--expect", action="append", default=[], type=_pair, metavar="ID=REASON", help=help_)
    parser.add_argument("--dtype", choices=DTYPES, help="only this dtype")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random array")
    parser.add_argument("--thorough", action="store_true", help="also try arrays that hypothesis chooses")
    parser.add_argument("--require", choices=GRADES, default=GRADES[0], help="the grade that every part must reach")
    parser.add_argument("--badge", type=Path, metavar="FILE", help="write the badge of proven parts as SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    parser.add_argument("--record", metavar="NAME", help="record examples of this part from another library")
    parser.add_argument("--from", dest="source", metavar="LIBRARY:PATH", help="where to record from")
    help_ = "the library's name of an argument or hyperparameter (repeatable)"
    parser.add_argument("--map", action="append", default=[], dest="names", metavar="NAME=NAME", help=help_)
    help_ = "a further argument of the library's function or class (repeatable)"
    parser.add_argument("--set", action="append", default=[], dest="more", metavar="NAME=VALUE", help=help_)
    help_ = "what makes one loss of the columns of a row where the library returns all"
    parser.add_argument("--columns", choices=["sum", "mean"], help=help_)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the recorded examples as a Python module")
    parser.add_argument("--list", action="store_true", help="list all checks and exit")
    options = parser.parse_args(arguments)
    if options.list:
        for check in all_checks():
            sys.stdout.write(f"{check.id:45} {check.level:9} {check.why}\n")
        return 0
    if not options.component and options.record is None:
        parser.error("name what to prove: a distribution, distribution/name, or module:Class")
    try:
        if options.record is not None:
            words = {name: vars(options)[name] for name in ("kind", "names", "more", "columns", "seed", "out")}
            text, agrees = run(options.record, options.source, **words)
            sys.stdout.write(f"{text}\n")
            return 0 if agrees else 1
        settings = Settings(
            only=options.only,
            expected=dict(options.expect),
            dtypes=options.dtype or DTYPES,
            seed=options.seed,
            thorough=options.thorough,
        )
        report = prove(options.component, settings, kind=options.kind)
    except NNKitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    required = GRADES[-1] if options.badge is not None else options.require
    sys.stdout.write(f"{report}\n{report.verdict(required)}\n")
    if options.json is not None:
        options.json.write_text(report.to_json() + "\n", encoding="utf-8")
    if options.badge is not None and report.meets(required):
        options.badge.write_text(BADGE, encoding="utf-8")
    return 0 if report.meets(required) else 1


def _pair(text: str) -> tuple[str, str]:
    identity, separator, reason = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r}: expected ID=REASON")
    return identity, reason


if __name__ == "__main__":
    sys.exit(main())
