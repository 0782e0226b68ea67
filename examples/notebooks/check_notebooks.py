"""Runs each notebook in a kernel of its own and checks what its cells show; ``make notebooks``."""

import base64
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HERE = Path(__file__).parent
NOTEBOOKS = sorted(HERE.glob("*.ipynb"))
PNG = b"\x89PNG"


def executed(notebook, folder):
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell):
    """What the cell displays: the kinds of data of each output besides printed text."""
    return [output["data"] for output in cell.outputs if output.output_type in {"display_data", "execute_result"}]


def is_picture(cell):
    last = cell.source.splitlines()[-1]
    return last.startswith("plot.") and "report(" not in last


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_each_picture_is_shown_once(path, tmp_path):
    cells = executed(nbformat.read(path, as_version=4), tmp_path)
    pictures = [cell for cell in cells if is_picture(cell)]
    assert len(pictures) >= 2
    for cell in pictures:
        (data,) = shown(cell)
        assert base64.b64decode(data["image/png"]).startswith(PNG)
    for cell in cells:
        for data in shown(cell):
            assert data.keys() & {"image/png", "text/html"} or "Figure" not in data["text/plain"]
        assert not [output for output in cell.outputs if "Warning" in output.get("text", "")]


@pytest.mark.parametrize("magic", ["", "%matplotlib inline", "import matplotlib.pyplot as plt"])
def test_a_picture_is_shown_once_with_and_without_magic(magic, tmp_path):
    draw = "from nnkit import plot\nplot.confusion_matrix([[3, 1], [0, 2]])"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (magic or "pass", draw)])
    _, cell = executed(notebook, tmp_path)
    (data,) = shown(cell)
    assert base64.b64decode(data["image/png"]).startswith(PNG)


def test_progress_is_one_bar_that_is_updated(tmp_path):
    train = (
        "import numpy as np, nnkit\nX = np.linspace(0.0, 1.0, 20)[:, None]\n"
        "history = nnkit.Network([1, 2, 1], seed=0).fit(X, X, epochs=30, callbacks=['progress(interval=0)'])"
    )
    again = "history = nnkit.Network([1, 2, 1], seed=0).fit(X, X, epochs=3, callbacks=['tqdm'])"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (train, again)])
    cell, bar = executed(notebook, tmp_path)
    (data,) = shown(cell)
    assert "epoch 30/30" in data["text/plain"]
    assert 'value="1.0000"' in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in shown(bar)[0]
