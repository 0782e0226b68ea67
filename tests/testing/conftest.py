"""A fresh environment: nnkit-core from a built wheel, what it and a new package declare, nothing of this repository."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nnkit.cli.commands.plugins.new import write_package

ROOT = Path(__file__).parents[2]

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


class Fresh:
    """A virtual environment, and commands in it."""

    def __init__(self, home):
        self.home = home
        venv.create(home, with_pip=False)
        self.bin = home / "bin"
        self.python = self.bin / "python"
        self.site = Path(self.checked("python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'").strip())

    def run(self, script, folder=None):
        """The finished shell script, run in ``folder`` with this environment's commands first on the path."""
        ours = ("PYTHON", "PYTEST", "NNKIT", "COV")
        environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        environment |= {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
        }
        # pip without a network: what it would fetch is here already.
        pip = (
            f'pip() {{ "{sys.executable}" -m pip --disable-pip-version-check --python "{self.python}" "$@" '
            "--quiet --no-index --no-deps --no-build-isolation; }\n"
        )
        command = ["bash", "-c", f"set -e\n{pip}{script}"]
        return subprocess.run(
            command, cwd=folder or self.home, env=environment, capture_output=True, text=True, check=False
        )

    def checked(self, script, folder=None):
        """What the script prints; it must end with 0."""
        done = self.run(script, folder)
        assert 0 == done.returncode, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def remove(self, distribution):
        """Uninstall a distribution, so that the next test finds the environment as it was."""
        pip = f'"{sys.executable}" -m pip --disable-pip-version-check --python "{self.python}"'
        self.checked(f"{pip} uninstall --quiet --yes {distribution}")

    def lend(self, requirement):
        """Make a distribution of this process's environment, and all that it requires, visible in the fresh one."""
        wanted = [Requirement(requirement)]
        seen = set()
        while wanted:
            one = wanted.pop()
            extras = frozenset(one.extras) | {""}
            if (one.name, extras) in seen:
                continue
            seen.add((one.name, extras))
            found = metadata.distribution(one.name)
            self._link(found)
            wanted += [
                inner
                for inner in map(Requirement, found.requires or ())
                if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras)
            ]

    def _link(self, distribution):
        for file in distribution.files or ():
            if file.parts[0] != "..":
                target = self.site / file.parts[0]
                source = Path(distribution.locate_file(file.parts[0]))
            elif file.parts[-2] == "bin":
                target = self.bin / file.name
                source = Path(sysconfig.get_path("scripts")) / file.name
            else:
                continue
            if not target.exists() and source.exists() and file.parts[0] != "__pycache__":
                target.symlink_to(source)
        for script in distribution.entry_points.select(group="console_scripts"):
            file = self.bin / script.name
            file.unlink(missing_ok=True)
            file.write_text(
                f"#!{self.python}\nimport sys\nfrom {script.module} import {script.attr.partition('.')[0]} as main\n"
                "sys.exit(main())\n"
            )
            file.chmod(0o755)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """The environment of a newcomer who has installed ``nnkit-core[cli]`` and what a new package asks for."""
    base = tmp_path_factory.mktemp("outside")
    environment = Fresh(base / "environment")
    (base / "wheels").mkdir()
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(base / "wheels")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == built.returncode, built.stdout + built.stderr
    (wheel,) = (base / "wheels").iterdir()
    environment.checked(f"pip install {wheel}")
    (core,) = metadata.distributions(name="nnkit-core", path=[str(environment.site)])
    package = tomllib.loads((write_package("lent", "loss", None, base) / "pyproject.toml").read_text())
    needed = [*(core.requires or ()), *package["project"]["optional-dependencies"]["test"], "hatchling", "editables"]
    for requirement in map(Requirement, needed):
        if requirement.marker is None or requirement.marker.evaluate({"extra": "cli"}):
            environment.lend(str(requirement).partition(";")[0])
    return environment
