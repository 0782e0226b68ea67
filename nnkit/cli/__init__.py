"""The command line (extra ``[cli]``): arguments in, text out; no mathematics.

One command a file in ``nnkit/cli/commands``; this module imports nothing that costs anything.
"""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run ``nnkit``; the exit code is 0, 1 (a stated problem), 2 (wrong use, missing extra), 130 or 143 (signals)."""
    from nnkit.cli.signals import exit_codes

    with exit_codes():
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # names that the terminal's encoding lacks are escaped
                stream.reconfigure(errors="backslashreplace")
        from nnkit.cli import _blas

        _blas.prepare()  # before anything imports numpy
        try:
            import click  # noqa: F401  # only to see whether the extra is there
            import rich  # noqa: F401
        except ModuleNotFoundError as error:
            if error.name not in {"click", "rich"}:
                raise
            sys.stderr.write(f'The command line needs {error.name}: pip install "nnkit-core[cli]"\n')
            raise SystemExit(2) from None
        from nnkit.cli.app import nnkit

        nnkit(prog_name="nnkit")
