"""``nnkit doctor``, and what the command line asks of OpenBLAS before numpy is imported."""

import os
import subprocess
import sys
import types

import pytest
from click.testing import CliRunner

from nnkit import cpu
from nnkit.cli import _blas, examination
from nnkit.cli.app import nnkit

FULL = frozenset({"avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"})


def cpuinfo(tmp_path, vendor, flags, family=26):
    path = tmp_path / "cpuinfo"
    lines = [
        "processor\t: 0",
        f"vendor_id\t: {vendor}",
        f"cpu family\t: {family}",
        f"flags\t\t: {' '.join(sorted(flags))}",
    ]
    path.write_text("\n".join([*lines, "bugs\t\t:", ""]))
    return path


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "expected"),
    [
        ("AuthenticAMD", 26, FULL, "SKYLAKEX"),
        ("AuthenticAMD", 25, FULL, None),  # Zen 4: its AVX2 kernels are the faster ones
        ("AuthenticAMD", "", FULL, None),
        ("AuthenticAMD", 26, FULL - {"avx512vl"}, None),
        ("GenuineIntel", 26, FULL, None),
        ("", "", frozenset(), None),
    ],
)
def test_wide_kernels_are_asked_for_where_openblas_would_take_lesser_ones(
    tmp_path, monkeypatch, vendor, family, flags, expected
):
    monkeypatch.setattr(cpu, "CPUINFO", cpuinfo(tmp_path, vendor, flags, family))
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.delenv(cpu.VARIABLE, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    _blas.prepare()
    assert os.environ.get(cpu.VARIABLE) == expected


def test_the_users_own_setting_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "CPUINFO", cpuinfo(tmp_path, "AuthenticAMD", FULL))
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.setattr(os, "environ", dict(os.environ) | {cpu.VARIABLE: "HASWELL"})
    _blas.prepare()
    assert os.environ[cpu.VARIABLE] == "HASWELL"


def test_nothing_is_set_when_it_is_too_late(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "CPUINFO", cpuinfo(tmp_path, "AuthenticAMD", FULL))
    environ = {name: value for name, value in os.environ.items() if name != cpu.VARIABLE}
    monkeypatch.setattr(os, "environ", environ)
    _blas.prepare()
    assert cpu.VARIABLE not in environ


def test_a_machine_without_cpuinfo_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "none")
    assert cpu.cpu_flags() == frozenset()
    assert cpu.kernels_to_ask_for() is None
    assert examination.cpu().endswith("(its abilities are not known here)")


def test_the_command_line_settles_it_before_numpy_is_imported():
    code = "import sys, nnkit.cli._blas, nnkit.cpu; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_names_what_is_installed():
    found = CliRunner().invoke(nnkit, ["doctor", "--no-measurement"])
    assert found.exit_code == 0
    for expected in ("nnkit-core", "Python", "numpy", "BLAS", "CPU", "plugin"):
        assert expected in found.output
    assert "measured" not in found.output


def test_both_ways_of_asking_the_blas_agree(monkeypatch):
    seen = examination.kernels()
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    asked = examination.kernels()
    assert examination.Kernels is type(asked)
    if asked.architecture:  # an OpenBLAS of a numpy wheel
        assert (seen.architecture, seen.threads) == (asked.architecture, asked.threads)
    assert asked.name
    assert asked.described.startswith(asked.name)


def examined(monkeypatch, speeds, architecture="Haswell", threads=2):
    """What doctor prints where the settings are so fast."""
    monkeypatch.setattr(
        examination, "kernels", lambda: examination.Kernels("openblas", "0.3.30", architecture, threads)
    )
    monkeypatch.setattr(examination, "cpu_flags", lambda: FULL)
    monkeypatch.setattr(examination, "measured", lambda settings: speeds["".join(settings.values())])
    found = CliRunner().invoke(nnkit, ["doctor"])
    assert found.exit_code == 0, found.output
    return found.output


def test_faster_kernels_are_told_with_the_gain_measured_here(monkeypatch):
    said = examined(monkeypatch, {"": 1000.0, "SKYLAKEX": 1600.0, "1": 600.0})
    assert "1,600 with OPENBLAS_CORETYPE=SKYLAKEX, 1.60 times as fast" in said
    assert "export OPENBLAS_CORETYPE=SKYLAKEX" in said
    assert "OPENBLAS_CORETYPE=HASWELL" not in said  # those run already
    assert "export OPENBLAS_NUM_THREADS" not in said


def test_narrower_kernels_are_told_where_they_are_the_faster_ones(monkeypatch):
    said = examined(monkeypatch, {"": 1000.0, "HASWELL": 1100.0, "1": 600.0}, architecture="SkylakeX")
    assert "export OPENBLAS_CORETYPE=HASWELL" in said


def test_it_reports_what_makes_the_steps_of_a_small_training(monkeypatch):
    monkeypatch.setenv("NNKIT_PLUGINS", "")
    assert "one at a time (64-64-10, batches of 32)" in examined(monkeypatch, {"": 1.0, "SKYLAKEX": 1.0, "1": 1.0})
    kernel = types.SimpleNamespace(name="many steps a call")
    monkeypatch.setattr(examination, "epoch_kernel", lambda model, optimizer, plan, dtype: kernel)
    assert "many steps a call (64-64-10" in examined(monkeypatch, {"": 1.0, "SKYLAKEX": 1.0, "1": 1.0})


def test_a_small_gain_is_shown_and_not_recommended(monkeypatch):
    said = examined(monkeypatch, {"": 1000.0, "SKYLAKEX": 1040.0, "1": 600.0})
    assert "1.04 times as fast" in said
    assert "export" not in said
    assert "fastest of those it has for this CPU" in said


def test_threads_that_wait_for_each_other_are_told_of(monkeypatch):
    said = examined(monkeypatch, {"": 1000.0, "SKYLAKEX": 900.0, "1": 1500.0})
    assert "2 threads are slower than one" in said
    assert "export OPENBLAS_NUM_THREADS=1" in said


def test_one_thread_has_no_alternative(monkeypatch):
    assert "NUM_THREADS" not in examined(monkeypatch, {"": 1000.0, "SKYLAKEX": 900.0}, threads=1)


def test_the_measurement_is_a_number_of_another_process():
    assert examination.measured({}) > 1.0
