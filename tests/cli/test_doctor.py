"""``nnkit doctor``, and what the command line asks of OpenBLAS before numpy is imported."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nnkit.cli import _blas, examination
from nnkit.cli.app import nnkit

FULL = frozenset({"avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"})


def cpuinfo(tmp_path, vendor, flags):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {' '.join(sorted(flags))}\nbugs\t\t:\n")
    return path


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", FULL, "SKYLAKEX"),
        ("AuthenticAMD", FULL - {"avx512vl"}, None),
        ("GenuineIntel", FULL, None),
        ("", frozenset(), None),
    ],
)
def test_wide_kernels_are_asked_for_where_openblas_would_take_lesser_ones(
    tmp_path, monkeypatch, vendor, flags, expected
):
    monkeypatch.setattr(_blas, "CPUINFO", cpuinfo(tmp_path, vendor, flags))
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.delenv(_blas.VARIABLE, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    _blas.prepare()
    assert os.environ.get(_blas.VARIABLE) == expected


def test_the_users_own_setting_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(_blas, "CPUINFO", cpuinfo(tmp_path, "AuthenticAMD", FULL))
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.setattr(os, "environ", dict(os.environ) | {_blas.VARIABLE: "HASWELL"})
    _blas.prepare()
    assert os.environ[_blas.VARIABLE] == "HASWELL"


def test_nothing_is_set_when_it_is_too_late(tmp_path, monkeypatch):
    monkeypatch.setattr(_blas, "CPUINFO", cpuinfo(tmp_path, "AuthenticAMD", FULL))
    environ = {name: value for name, value in os.environ.items() if name != _blas.VARIABLE}
    monkeypatch.setattr(os, "environ", environ)
    _blas.prepare()
    assert _blas.VARIABLE not in environ


def test_a_machine_without_cpuinfo_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(_blas, "CPUINFO", tmp_path / "none")
    assert _blas.cpu_flags() == frozenset()
    assert not _blas.cpu_vendor()
    assert examination.cpu().endswith("(its abilities are not known here)")


def test_the_command_line_settles_it_before_numpy_is_imported():
    code = "import sys, nnkit.cli._blas; sys.exit('numpy' in sys.modules)"
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


@pytest.mark.parametrize(("gain", "said"), [(1.6, "export OPENBLAS_CORETYPE=SKYLAKEX"), (1.0, "no gain worth")])
def test_a_lesser_kernel_is_told_with_the_gain_measured_here(monkeypatch, gain, said):
    monkeypatch.setattr(examination, "kernels", lambda: examination.Kernels("openblas", "0.3.30", "Haswell", 2))
    monkeypatch.setattr(examination, "cpu_flags", lambda: FULL)
    monkeypatch.setattr(examination, "measured", lambda settings: 1000.0 * gain if settings else 1000.0)
    found = CliRunner().invoke(nnkit, ["doctor"])
    assert found.exit_code == 0
    assert f"{1000 * gain:,.0f}, {gain:.2f} times as fast here." in found.output
    assert said in found.output


def test_a_good_kernel_is_left_alone(monkeypatch):
    monkeypatch.setattr(examination, "kernels", lambda: examination.Kernels("openblas", "0.3.30", "SkylakeX", 2))
    monkeypatch.setattr(examination, "measured", lambda settings: 1000.0)
    assert "uses what this CPU can do" in CliRunner().invoke(nnkit, ["doctor"]).output


def test_the_measurement_is_a_number_of_another_process():
    assert examination.measured({}) > 1.0
