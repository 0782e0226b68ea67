"""``python -m nnkit.testing``: prove parts without the command line's extra.

Example:
    python -m nnkit.testing acme-nn/lion --check OPT-012
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nnkit.errors import NNKitError
from nnkit.testing.runner import DTYPES, all_checks, check


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when everything asked for is proven, 1 when not, 2 when nothing could be tried."""
    parser = argparse.ArgumentParser(prog="python -m nnkit.testing", description="Prove parts of nnkit.")
    parser.add_argument("component", nargs="*", help="distribution, distribution/name, spec or module:Class")
    parser.add_argument("--kind", help="only parts of this kind")
    parser.add_argument("--check", action="append", dest="only", metavar="ID", help="only this check (repeatable)")
    parser.add_argument("--profile", help="a frozen set of checks")
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="only this dtype (repeatable)")
    parser.add_argument("--seed", type=int, default=0)
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
    good = True
    for component in given.component:
        try:
            report = check(
                component,
                kind=given.kind,
                only=given.only,
                profile=given.profile,
                dtypes=given.dtype or DTYPES,
                seed=given.seed,
                thorough=given.thorough,
            )
        except NNKitError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        sys.stdout.write(f"{report}\n")
        if given.json is not None:
            given.json.write_text(report.to_json() + "\n", encoding="utf-8")
        good = good and report.ok
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
