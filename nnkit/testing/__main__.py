"""``python -m nnkit.testing``: prove parts without the command line's extra.

Example:
    python -m nnkit.testing acme-nn/lion --check OPT-012
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nnkit.errors import NNKitError
from nnkit.testing.runner import DTYPES, all_checks, prove, settle


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when all of it is proven, 1 when it is not, whatever the reason; wrong options end with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m nnkit.testing",
        description="Prove parts of nnkit.",
        epilog="Ends with 0 when all of it is proven, with 1 when it is not (a check failed, nothing was executed, "
        "a name is unknown), and with 2 when the options are wrong.",
    )
    parser.add_argument("component", nargs="*", help="distribution, distribution/name, spec or module:Class")
    parser.add_argument("--kind", help="only parts of this kind")
    parser.add_argument("--check", action="append", dest="only", metavar="ID", help="only this check (repeatable)")
    parser.add_argument("--profile", metavar="NAME", help="a frozen set of checks; newer ones then only advise")
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        type=_pair,
        metavar="ID=REASON",
        help="a failure that is known, and why (repeatable)",
    )
    parser.add_argument("--dtype", choices=DTYPES, help="only this dtype")
    parser.add_argument("--seed", type=int, default=0, help="of every random figure")
    parser.add_argument("--thorough", action="store_true", help="many more figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    parser.add_argument("--list", action="store_true", help="list all checks and end")
    given = parser.parse_args(arguments)
    if given.list:
        for one in all_checks():
            sys.stdout.write(f"{one.id:45} {one.level:9} {one.why}\n")
        return 0
    if not given.component:
        parser.error("name what to prove: a distribution, distribution/name, or module:Class")
    try:
        settings = settle(
            only=given.only,
            expected_failures=dict(given.expect),
            profile=given.profile,
            dtypes=given.dtype or DTYPES,
            seed=given.seed,
            thorough=given.thorough,
        )
        report = prove(given.component, settings, kind=given.kind)
    except NNKitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{report}\n{'proven' if report.ok else 'NOT proven'}\n")
    if given.json is not None:
        given.json.write_text(report.to_json() + "\n", encoding="utf-8")
    return 0 if report.ok else 1


def _pair(text: str) -> tuple[str, str]:
    identity, separator, reason = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r}: expected ID=REASON")
    return identity, reason


if __name__ == "__main__":
    sys.exit(main())
