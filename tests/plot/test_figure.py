"""What all pictures share."""

import subprocess
import sys

import pytest

from nnkit.errors import MissingExtraError
from nnkit.plot import confusion_matrix, learning_curve


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: learning_curve({"loss": [1.0]}), lambda: confusion_matrix([[1]])):
        with pytest.raises(MissingExtraError, match=r'pip install "nnkit-core\[plot\]"'):
            draw()


def test_a_fault_inside_matplotlib_is_not_taken_for_its_absence(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("builtins.__import__", _failing(__import__))
    with pytest.raises(ModuleNotFoundError, match="kiwisolver") as raised:
        learning_curve({"loss": [1.0]})
    assert not isinstance(raised.value, MissingExtraError)


def _failing(original):
    def importer(name, *args, **kwargs):
        if name == "matplotlib.figure":
            raise ModuleNotFoundError("No module named 'kiwisolver'", name="kiwisolver")
        return original(name, *args, **kwargs)

    return importer


def test_importing_the_pictures_imports_no_matplotlib_and_drawing_no_pyplot():
    program = (
        "import sys, nnkit.plot; assert 'matplotlib' not in sys.modules;"
        "nnkit.plot.confusion_matrix([[1]]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
