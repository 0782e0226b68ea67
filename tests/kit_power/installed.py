"""A distribution that is there for a while: some promises are about parts with a name of their own."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from nnkit.registry import manager

DISTRIBUTION = "kit-power"


@contextlib.contextmanager
def installed(parts: Mapping[str, type]) -> Iterator[None]:
    """Within it, ``kit-power/<name>`` is the class of that name in ``parts``."""
    with tempfile.TemporaryDirectory() as folder, manager.fresh():
        home = Path(folder) / "kit_power-1.0.dist-info"
        home.mkdir()
        (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1.0\n", encoding="utf-8")
        lines = [
            line
            for name, cls in parts.items()
            for line in (f"[nnkit.{cls.kind}s]", f"{name} = {cls.__module__}:{cls.__qualname__}")
        ]
        (home / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
