"""Exits 0 when every test was green for exactly this tree, interpreter and set of packages, else 1.

``--record`` notes that they are green now. The note lies in ``.cache``; ``make check`` never reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import xml.etree.ElementTree as ET  # the file is pytest's own
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTE = ROOT / ".cache" / "green.json"
RESULTS = ROOT / ".cache" / "tests.xml"
MADE = {"__pycache__", "_build", "dist", "build", "digits-model.npz"}
KEPT = {".ci", ".gitignore"}


def fingerprint() -> str:
    """One checksum of all that a test may depend on: sources, data, Python, packages."""
    digest = hashlib.sha256(sys.version.encode())
    for package in sorted(f"{each.metadata['Name']}=={each.version}" for each in distributions()):
        digest.update(package.encode())
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = sorted(name for name in subfolders if _counts(name))
        for name in sorted(files):
            if _counts(name) and not (folder == str(ROOT) and name.endswith(".png")):
                path = Path(folder, name)
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _counts(name: str) -> bool:
    return name in KEPT or not (name.startswith(".") or name in MADE or name.endswith(".egg-info"))


def main() -> int:
    if "--record" in sys.argv[1:]:
        suite = ET.parse(RESULTS).getroot().find("testsuite")  # noqa: S314
        counts = {} if suite is None else {key: suite.get(key) for key in ("tests", "skipped", "time")}
        when = time.strftime("%Y-%m-%d %H:%M:%S")
        NOTE.write_text(json.dumps({"fingerprint": fingerprint(), "when": when, **counts}), encoding="utf-8")
        return 0
    if not NOTE.exists():
        return 1
    note = json.loads(NOTE.read_text(encoding="utf-8"))
    if note["fingerprint"] != fingerprint():
        return 1
    print(f"Nothing changed since all was green at {note['when']} (`make check` runs it again regardless):")
    print(f"{note['tests']} tests, {note['skipped']} skipped, none failed, in {float(note['time']):.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
