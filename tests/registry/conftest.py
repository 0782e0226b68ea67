"""Small packages, really built with hatchling and really installed with pip, once a session."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nnkit.registry import manager

OPTIMIZER = """
    import attrs
    from nnkit.interfaces import Optimizer
    from nnkit.interfaces.fields import rate

    @attrs.frozen(kw_only=True)
    class {cls}(Optimizer):
        learning_rate: object = rate(0.1)

        def init(self, parameters, blocks):
            return {{}}

        def update(self, parameters, gradient, state):
            return parameters - 0.1 * gradient
"""

ACTIVATION = """
    import attrs
    from nnkit.interfaces import Elementwise
    from nnkit.interfaces.fields import real

    @attrs.frozen(kw_only=True)
    class {cls}(Elementwise):
        slope: float = real(1.0)

        def forward(self, z):
            return self.slope * z

        def derivative(self, z, a):
            return self.slope + 0 * z
"""

SCHEDULE = """
    import attrs
    from nnkit.interfaces import Schedule

    @attrs.frozen(kw_only=True)
    class {cls}(Schedule):
        def rate(self, step):
            return 1.0 / (1 + step)
"""

REGISTER = """
    from nnkit.plugins import hookimpl

    @hookimpl
    def nnkit_register(registrar):
        registrar.add("activation", "dynamo", "acme_nn.parts:AcmeReLU", aliases=("dyn",))
"""

ACCELERATE = """
    from nnkit.plugins import hookimpl

    @hookimpl
    def nnkit_accelerate(part):
        return None
"""

GOOD = {
    ("Acme_NN", "1.2.0"): {
        "points": {
            "nnkit.optimizers": {"puma": "acme_nn.puma:Puma", "lynx": "acme_nn.api:Lynx"},
            "nnkit.activations": {"relu": "acme_nn.parts:AcmeReLU", "swoosh": "acme_nn.parts:Swoosh"},
            "nnkit.schedules": {"harmonic": "acme_nn.decay:Harmonic"},
            "nnkit": {"acme": "acme_nn.plugin"},
        },
        "files": {
            "acme_nn/puma.py": OPTIMIZER.format(cls="Puma"),
            "acme_nn/lynx.py": OPTIMIZER.format(cls="Lynx"),
            "acme_nn/api.py": "from acme_nn.lynx import Lynx",
            "acme_nn/parts.py": ACTIVATION.format(cls="AcmeReLU") + ACTIVATION.format(cls="Swoosh"),
            "acme_nn/decay.py": SCHEDULE.format(cls="Harmonic"),
            "acme_nn/plugin.py": REGISTER,
        },
    },
    ("zeta-nn", "0.3"): {
        "points": {"nnkit.optimizers": {"puma": "zeta_nn.puma:Puma"}},
        "files": {"zeta_nn/puma.py": OPTIMIZER.format(cls="Puma")},
    },
    ("turbo-nn", "2.0"): {
        "points": {"nnkit.accelerators": {"turbo": "turbo_nn.counterparts"}, "nnkit": {"quiet": "turbo_nn.quiet"}},
        "files": {
            "turbo_nn/counterparts.py": """
                from nnkit.plugins import hookimpl
                from turbo_nn.parts import Fast

                @hookimpl
                def nnkit_accelerate(part):
                    name = type(part).__name__
                    if name == "Tanh":
                        raise RuntimeError("no compiler")
                    if name == "Softsign":
                        return "not a part"
                    return Fast() if name == "Sigmoid" else None
            """,
            "turbo_nn/parts.py": ACTIVATION.format(cls="Fast"),
            "turbo_nn/quiet.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_register(registrar):
                    pass
            """,
        },
    },
}

BROKEN = {
    ("bad-import", "1.0"): {
        "points": {"nnkit.optimizers": {"kaput": "bad_import.mod:Kaput", "spare": "bad_import.fine:Spare"}},
        "files": {
            "bad_import/mod.py": "raise RuntimeError('compiled for another machine')",
            "bad_import/fine.py": OPTIMIZER.format(cls="Spare"),
        },
    },
    ("bad-hook", "1.0"): {
        "points": {"nnkit": {"hook": "bad_hook.plugin"}},
        "files": {"bad_hook/plugin.py": "import a_module_that_is_not_there"},
    },
    ("bad-exit", "1.0"): {
        "points": {"nnkit.activations": {"leaver": "bad_exit.mod:Leaver"}, "nnkit": {"exit": "bad_exit.plugin"}},
        "files": {"bad_exit/mod.py": "raise SystemExit(3)", "bad_exit/plugin.py": "raise SystemExit(4)"},
    },
    ("bad-spelling", "1.0"): {
        "points": {"nnkit": {"spelling": "bad_spelling.plugin"}},
        "files": {
            "bad_spelling/plugin.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_registr(registrar):
                    registrar.add("optimizer", "never", "bad_spelling.mod:Never")
            """
        },
    },
    ("bad-undecorated", "1.0"): {
        "points": {"nnkit": {"undecorated": "bad_undecorated.plugin"}},
        "files": {
            "bad_undecorated/plugin.py": """
                def nnkit_register(registrar):
                    registrar.add("loss", "never", "bad_undecorated.mod:Never")
            """
        },
    },
    ("bad-staging", "1.0"): {
        "points": {"nnkit": {"staging": "bad_staging.plugin"}},
        "files": {
            "bad_staging/plugin.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_register(registrar):
                    registrar.add("activation", "half_done", "bad_staging.parts:HalfDone")
                    raise RuntimeError("the second half fails")
            """,
            "bad_staging/parts.py": ACTIVATION.format(cls="HalfDone"),
        },
    },
    ("bad-kind", "1.0"): {
        "points": {
            "nnkit.losses": {
                "impostor": "bad_kind.mod:Impostor",
                "function": "bad_kind.mod:function",
                "gone": "bad_kind.mod:Impostr",
                "shapeless": "bad_kind.mod",
            },
            "nnkit.activations": {"unfinished": "bad_kind.mod:Unfinished", "plain": "bad_kind.mod:Plain"},
            "nnkit.optimisers": {"british": "bad_kind.mod:Impostor"},
        },
        "files": {
            "bad_kind/mod.py": ACTIVATION.format(cls="Impostor")
            + """
    def function():
        pass

    @attrs.frozen
    class Unfinished(Elementwise):
        def forward(self, z):
            return z

    class Plain(Elementwise):
        def forward(self, z):
            return z

        def derivative(self, z, a):
            return z
"""
        },
    },
    ("bad-groups", "1.0"): {
        "points": {
            "nnkit": {"silent": "bad_groups.silent"},
            "nnkit.accelerators": {"marked": "bad_groups.marked", "registering": "bad_groups.registering"},
        },
        "files": {
            "bad_groups/silent.py": ACCELERATE,
            "bad_groups/marked.py": ACCELERATE,
            "bad_groups/registering.py": REGISTER,
        },
    },
    ("sound-nn", "3.1"): {
        "points": {"nnkit.optimizers": {"otter": "sound_nn.mod:Otter"}},
        "files": {"sound_nn/mod.py": OPTIMIZER.format(cls="Otter")},
    },
}

MORE = {
    ("renaming-nn", "2.0"): {
        "points": {"nnkit": {"hooks": "renaming_nn.plugin"}},
        "files": {
            "renaming_nn/plugin.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_register(registrar):
                    registrar.renamed_distribution("Old_Renaming")
                    registrar.add("activation", "ramp", "renaming_nn.parts:Ramp", renamed_from=["slope_unit", "puma"])
                    registrar.add("activations", "plain", "renaming_nn.parts:Plain")
            """,
            "renaming_nn/parts.py": """
                from typing import ClassVar
                import attrs
                from nnkit.interfaces import Elementwise
                from nnkit.interfaces.fields import real

                @attrs.frozen(kw_only=True)
                class Ramp(Elementwise):
                    renamed_fields: ClassVar = {"slope": "steepness"}
                    steepness: float = real(1.0, ge=0.0)

                    def forward(self, z):
                        return self.steepness * z

                    def derivative(self, z, a):
                        return self.steepness + 0 * z

                @attrs.frozen(kw_only=True)
                class Plain(Ramp):
                    renamed_fields: ClassVar = {}
            """,
        },
    },
    ("spaced-nn", "1.0"): {
        "points": {
            "nnkit.activations": {"spaced": "spaced_nn.mod : Spaced", "extra": "spaced_nn.mod:Spaced [fast]"},
            "nnkit": {"hooks": "spaced_nn.plugin [fast]"},
        },
        "files": {
            "spaced_nn/mod.py": ACTIVATION.format(cls="Spaced"),
            "spaced_nn/plugin.py": REGISTER.replace("acme_nn.parts:AcmeReLU", "spaced_nn.mod:Spaced"),
        },
    },
    ("loud-nn", "1.0"): {
        "points": {"nnkit.activations": {"loud": "loud_nn.mod:Loud"}, "nnkit": {"hooks": "loud_nn.plugin"}},
        "files": {
            "loud_nn/mod.py": "print('a part is imported')\n" + textwrap.dedent(ACTIVATION.format(cls="Loud")),
            "loud_nn/plugin.py": """
                import os
                import subprocess
                import sys
                from nnkit.plugins import hookimpl

                print("a banner")
                os.write(1, b"from C\\n")
                subprocess.run([sys.executable, "-S", "-c", "print('from a child')"], check=True)

                @hookimpl
                def nnkit_register(registrar):
                    print("registering")
            """,
        },
    },
    ("command-nn", "1.0"): {
        "points": {"nnkit.commands": {"commands": "command_nn.commands"}},
        "files": {
            "command_nn/commands.py": """
                import click
                from nnkit.plugins import hookimpl

                print("commands are imported")

                @hookimpl
                def nnkit_commands(group):
                    @group.command()
                    @click.argument("name")
                    def greet(name):
                        "Greet NAME."
                        click.echo(f"hello {name}")

                    @group.command("shared")
                    def shared():
                        click.echo("from command-nn")
            """,
        },
    },
    ("command-other", "1.0"): {
        "points": {"nnkit.commands": {"commands": "command_other.commands"}},
        "files": {
            "command_other/commands.py": """
                import click
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_commands(group):
                    @group.command("shared")
                    def shared():
                        click.echo("from command-other")

                    for name in ("train", "plot"):
                        group.add_command(click.Command(name, help="Not nnkit's own."))
            """,
        },
    },
    ("command-third", "1.0"): {
        "points": {"nnkit.commands": {"commands": "command_third.commands"}},
        "files": {
            "command_third/commands.py": """
                import atexit
                import ctypes
                import sys
                import click
                from nnkit.plugins import hookimpl

                if sys.argv[1:2] == ["plugins"]:
                    atexit.register(print, "at exit")
                    ctypes.CDLL(None).printf(b"in the buffer of C\\n")

                @hookimpl
                def nnkit_commands(group):
                    @group.command("shared")
                    def shared():
                        click.echo("from command-third")
            """,
        },
    },
    ("command-odd", "1.0"): {
        "points": {"nnkit.commands": {"commands": "command_odd.commands"}},
        "files": {
            "command_odd/commands.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_commands(group):
                    group.add_command(len, "length")
            """,
        },
    },
    ("exit-nn", "1.0"): {
        "points": {"nnkit.accelerators": {"exit": "exit_nn.counterparts"}},
        "files": {
            "exit_nn/counterparts.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_accelerate(part):
                    raise SystemExit("no license")
            """,
        },
    },
    ("command-broken", "1.0"): {
        "points": {"nnkit.commands": {"commands": "command_broken.commands", "early": "command_broken.early"}},
        "files": {
            "command_broken/early.py": "raise SystemExit(7)",
            "command_broken/commands.py": """
                from nnkit.plugins import hookimpl

                @hookimpl
                def nnkit_commands(group):
                    @group.command("half")
                    def half():
                        pass

                    raise RuntimeError("no terminal here")
            """,
        },
    },
}

FIFTY = {
    (f"nn-pack-{i:02}", "1.0"): {
        "points": {
            "nnkit.optimizers": {f"pack_{i:02}": f"nn_pack_{i:02}.mod:Part"},
            "nnkit.activations": {f"act_{i:02}": f"nn_pack_{i:02}.act:Part"},
            **({"nnkit": {"hooks": f"nn_pack_{i:02}.plugin"}} if i % 10 == 0 else {}),
        },
        "files": {
            f"nn_pack_{i:02}/mod.py": OPTIMIZER.format(cls="Part"),
            f"nn_pack_{i:02}/act.py": ACTIVATION.format(cls="Part"),
            f"nn_pack_{i:02}/plugin.py": "raise RuntimeError('not to be imported')",
        },
    }
    for i in range(50)
}

BUILD = """
import os, sys
from hatchling.build import build_wheel
for project in sys.argv[2:]:
    os.chdir(project)
    build_wheel(sys.argv[1])
"""


def write_project(folder, name, version, points, files):
    """The sources of one package: a pyproject.toml and its modules."""
    package = next(iter(files)).split("/")[0]
    lines = [
        "[build-system]",
        'requires = ["hatchling"]',
        'build-backend = "hatchling.build"',
        "[project]",
        f'name = "{name}"',
        f'version = "{version}"',
        "[tool.hatch.build.targets.wheel]",
        f'packages = ["{package}"]',
    ]
    for group, entries in points.items():
        lines.append(f'[project.entry-points."{group}"]')
        lines += [f'{entry} = "{target}"' for entry, target in entries.items()]
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    for path, text in files.items():
        (folder / path).write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture(scope="session")
def sites(tmp_path_factory):
    """Folders with packages that pip has installed: ``good``, ``more``, ``broken`` and ``fifty``."""
    base = tmp_path_factory.mktemp("packages")
    targets = {}
    for site, packages in (("good", GOOD), ("more", MORE), ("broken", BROKEN), ("fifty", FIFTY)):
        projects = []
        for (name, version), content in packages.items():
            projects.append(base / site / "src" / name)
            write_project(projects[-1], name, version, **content)
        wheels, target = base / site / "wheels", base / site / "installed"
        wheels.mkdir()
        run_checked([sys.executable, "-c", BUILD, wheels, *projects])
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run_checked([*pip, "--no-deps", "--no-index", "--no-compile", "--target", target, *sorted(wheels.iterdir())])
        targets[site] = target
    return targets


def run_checked(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def environment(sites, monkeypatch):
    """``environment("good")``: this process as if the packages of that site were installed."""
    before = dict(sys.modules)
    monkeypatch.delenv("NNKIT_PLUGINS", raising=False)
    monkeypatch.delenv("NNKIT_PLUGINS_DISABLE", raising=False)
    monkeypatch.delenv("NNKIT_PLUGINS_STRICT", raising=False)
    registries = []

    def enter(*names):
        for name in names:
            monkeypatch.syspath_prepend(str(sites[name]))
        registries.append(manager.fresh())
        return registries[-1].__enter__()

    yield enter
    for registry in reversed(registries):
        registry.__exit__(None, None, None)
    roots = {path.name for name in ("good", "more", "broken", "fifty") for path in Path(sites[name]).iterdir()}
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] in roots:
            del sys.modules[name]
