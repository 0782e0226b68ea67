"""What all pictures share."""

import io
import subprocess
import sys

import pytest
from matplotlib.image import imread

from nnkit.errors import MissingExtraError
from nnkit.plot import confusion_matrix, learning_curve


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "nnkit.plot._picture", raising=False)
    for draw in (lambda: learning_curve({"loss": [1.0]}), lambda: confusion_matrix([[1]])):
        with pytest.raises(MissingExtraError, match=r'pip install "nnkit-core\[plot\]"'):
            draw()


def test_a_fault_inside_matplotlib_is_not_taken_for_its_absence(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "nnkit.plot._picture", raising=False)
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


def test_a_notebook_shows_a_picture_by_itself_sharply_and_in_a_readable_size():
    data, size = confusion_matrix([[1]])._repr_png_()
    pixels = imread(io.BytesIO(data))
    assert 1.3 < pixels.shape[1] / size["width"] < 2.0
    assert pixels.shape[0] / size["height"] == pytest.approx(pixels.shape[1] / size["width"], rel=0.01)
    assert 300 < size["width"] < 700
