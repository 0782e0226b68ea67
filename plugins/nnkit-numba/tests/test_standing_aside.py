"""Without numba, with a failing one, or when disabled, plain numpy is used, and a warning gives the reason."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from nnkit import plugins
from nnkit.errors import NotOfferedError, PluginWarning
from nnkit.interfaces import one_block
from nnkit.registry import accelerate
from nnkit_numba import accelerator, compiling, sgd


class Broken:
    """A dispatcher whose compiler fails."""

    py_func = staticmethod(sgd.sgd_step.py_func)

    class stats:  # noqa: N801
        cache_misses: dict = {}  # noqa: RUF012

    def compile(self, signature):
        raise RuntimeError("LLVM ERROR: out of registers\nmore")


def test_a_kernel_that_cannot_be_compiled_leaves_the_work_to_numpy(monkeypatch):
    monkeypatch.setattr(sgd, "sgd_step", Broken())
    monkeypatch.setattr(compiling, "_failed", set())
    theta = np.array([1.0, 2.0])
    compiled = sgd.CompiledSGD(learning_rate=0.5)
    with pytest.warns(PluginWarning, match="could not compile sgd_step: RuntimeError: LLVM ERROR: out of registers;"):
        step = compiled.bind(theta, np.array([1.0, -1.0]), compiled.init(theta, one_block(theta)))
    step()
    assert theta.tolist() == [0.5, 2.5]
    # Warned of once only.
    compiled.bind(theta, np.array([1.0, -1.0]), compiled.init(theta, one_block(theta)))


def test_without_numba_every_part_keeps_its_plain_form(monkeypatch):
    monkeypatch.setattr(accelerator, "_makers", {})
    monkeypatch.setattr(accelerator, "importlib", FailingImports)
    adam = plugins.create("optimizer", "adam")
    with pytest.warns(PluginWarning, match="numba cannot be used: ImportError: no numba here"):
        assert accelerator.nnkit_accelerate(adam) is None
    assert accelerator.nnkit_accelerate(adam) is None
    assert accelerator.nnkit_accelerate(plugins.create("optimizer", "sgd")) is None


class FailingImports:
    @staticmethod
    def import_module(name):
        raise ImportError("no numba here")


def test_it_is_found_and_can_be_turned_off(plainly, monkeypatch):
    adam = plugins.create("optimizer", "adam")
    assert type(accelerate(adam)).__qualname__ == "CompiledAdam"
    with plainly():
        assert accelerate(adam) is adam
    monkeypatch.setenv("NNKIT_PLUGINS_DISABLE", "nnkit-numba")
    assert accelerate(adam) is adam


def test_a_field_that_the_counterpart_lacks_leaves_the_part_plain(monkeypatch):
    @attrs.frozen(kw_only=True)
    class Adam(type(plugins.create("optimizer", "adam"))):  # as a later nnkit might have it
        warmup: int = 0

    Adam.__module__, Adam.__qualname__ = "nnkit.optimizers.adam", "Adam"
    with pytest.warns(PluginWarning, match=r"does not support warmup of Adam, so Adam is not accelerated; install"):
        assert accelerator.nnkit_accelerate(Adam()) is None
    assert accelerator.nnkit_accelerate(Adam()) is None  # warned of once

    @attrs.frozen(kw_only=True)
    class Loss(type(plugins.create("loss", "categorical_crossentropy"))):
        temperature: float = 1.0

    Loss.__module__ = "nnkit.losses.categorical_crossentropy"
    Loss.__qualname__ = "CategoricalCrossentropy"
    with pytest.warns(PluginWarning, match="does not support temperature"):
        assert accelerator.nnkit_accelerate(Loss()) is None


def test_errors_name_the_class_that_the_user_wrote():
    for kind, name in (("loss", "categorical_crossentropy"), ("optimizer", "adam")):
        plain = plugins.create(kind, name)
        counterpart = accelerate(plain)
        assert type(counterpart) is not type(plain)
        assert type(counterpart).__name__ == type(plain).__name__
    with pytest.raises(NotOfferedError, match=r"^(?!.*Compiled).*CategoricalCrossentropy"):
        accelerate(plugins.create("loss", "categorical_crossentropy")).residual(np.ones((1, 2)), np.ones((1, 2)))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_compiling_is_never_silent(monkeypatch, caplog):
    @compiling.numba.njit
    def fresh(x):
        return x + 1

    monkeypatch.setattr(sys, "stderr", Terminal())
    with caplog.at_level(logging.INFO, logger="nnkit.numba"):
        assert compiling.compiled(fresh, 1.0)(1.0) == 2.0
        assert compiling.compiled(fresh, 1.0)(1.0) == 2.0
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith("compiled fresh in ")
    assert sys.stderr.getvalue().startswith("nnkit-numba: compiled fresh in ")
    assert sys.stderr.getvalue().count("\n") == 1


def test_numba_is_not_imported_before_a_training():
    code = "import sys, nnkit; n = nnkit.Network([2, 3, 1]); n.predict([[1.0, 2.0]]); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_compiled_of_older_sources_is_forgotten(tmp_path):
    """numba looks at a kernel's own file alone, not at those of the kernels in it."""
    fresh, stale, foreign = (
        tmp_path / name for name in ("team.perform-1.nbi", "team.perform-1.1.nbc", "other.f-1.nbi")
    )
    now = max(path.stat().st_mtime for path in Path(compiling.__file__).parent.glob("*.py"))
    for path, when in ((fresh, now + 5), (stale, now + 5), (foreign, now - 5)):
        path.touch()
        os.utime(path, (when, when))
    compiling.forget_stale.__wrapped__(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([fresh, stale, foreign])
    os.utime(stale, (now - 5, now - 5))
    compiling.forget_stale.__wrapped__(tmp_path)
    assert list(tmp_path.iterdir()) == [foreign]
