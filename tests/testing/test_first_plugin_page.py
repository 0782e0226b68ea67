"""Every step of docs/first-plugin.md, in an empty folder, in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent

# The page's `pip install -e ".[test]"` without a network: the package alone, into a folder on the path.
PIP = 'pip() { python -m pip install --quiet --no-deps --no-build-isolation --target "$SITE" --upgrade .; }\n'


def run(script, folder, site):
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "SITE": str(site),
        "PYTHONPATH": os.pathsep.join([str(folder / "acme-nn"), str(site)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MYPYPATH": str(Path(__file__).parents[2]),
        "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:xdist",
        "COLUMNS": "200",
    }
    here = folder / "acme-nn" if (folder / "acme-nn").exists() else folder
    command = ["bash", "-c", f"set -e\n{PIP}{script}"]
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)


def test_every_step_of_the_page(tmp_path):
    site = tmp_path / "site"
    home = tmp_path / "home"
    home.mkdir()
    output = ""
    steps = 0
    for language, info, body in FENCE.findall((DOCS / "first-plugin.md").read_text()):
        words = info.split()
        if language == "sh":
            done = run(body, home, site)
            output = done.stdout + done.stderr
            assert (1 if "fails" in words else 0) == done.returncode, f"{body}\n{output}"
            steps += 1
        elif language == "text":
            for line in body.splitlines():
                assert line in output, f"{line!r} is not in\n{output}"
        elif words and words[0].startswith("file="):
            (home / "acme-nn" / words[0].removeprefix("file=")).write_text(body)
        else:
            assert body.strip() in (home / "acme-nn" / "tests" / "test_conformance.py").read_text()
    assert 7 <= steps


def test_ten_failures_stand_as_printed():
    from kit_power.failures import texts

    page = (DOCS / "conformance.md").read_text()
    found = texts()
    assert 10 == len(found)
    for headline, text in found:
        assert f"### {headline}" in page
        for line in text.splitlines():
            if not line.lstrip().startswith(("input", "got", "expected")):  # digits differ between processors
                assert line in page, line
