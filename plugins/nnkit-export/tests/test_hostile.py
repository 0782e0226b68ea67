"""Hundreds of damaged files of each format: a sentence or a network, in bounded memory, and nothing is executed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit_export import to_onnx, to_safetensors

DATA = Path(__file__).parent / "oracles" / "data"
MUTATIONS = 400
SLOW = 40  # HDF5 files are read in a process of their own

CHILD = """
import codecs, random, resource, sys, warnings
from pathlib import Path
import numpy as np
import nnkit, nnkit_export
from nnkit.errors import NNKitError
from nnkit_export import hdf5

name, count, *paths = sys.argv[1:]
read = getattr(nnkit_export, name)
sources = [Path(path).read_bytes() for path in paths]
warnings.simplefilter("ignore")
for path in paths:
    read(path).predict(np.zeros((1, 4)))
for kind in ("activation", "layer", "loss"):  # everything that is needed is imported
    for part in nnkit.plugins.names(kind):
        nnkit.plugins.get(kind, part)
for encoding in ("utf-16", "utf-32", "utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"):
    codecs.lookup(encoding)
try:
    nnkit.plugins.get("layer", "none")
except NNKitError:
    pass

in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + (1 << 30),) * 2)
hdf5.SECONDS = 2
target = Path(paths[0]).with_name("damaged" + Path(paths[0]).suffix)
watching = False

def hook(event, arguments):
    if not watching:
        return
    if event == "subprocess.Popen" and arguments[1][1:] == ["-I", str(hdf5.CHILD)]:
        return
    if event.startswith(("os.system", "subprocess", "pickle", "exec", "compile", "socket", "ctypes", "os.exec")):
        raise SystemExit(f"a file caused {event} {arguments}")
    allowed = (target.name, ".py", ".dist-info", "/dev/null")
    if event == "open" and isinstance(arguments[0], str) and not any(part in arguments[0] for part in allowed):
        raise SystemExit(f"a file caused the opening of {arguments[0]}")

sys.addaudithook(hook)
rng = random.Random(0)
TOKENS = [b"\\xff" * 4, b"\\x7f" + b"\\xff" * 7, b"\\0" * 8, b"\\xff\\xff\\xff\\x7f", b"1" * 20, b'{"', b"]", b"\\0\\1"]

def mutated(content):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        kind, place = rng.randrange(6), rng.randrange(len(content))
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place] = rng.randrange(256)
        elif kind == 2:
            token = rng.choice(TOKENS)
            content[place : place + len(token)] = token
        elif kind == 3 and len(content) > 100:
            del content[place : place + rng.choice((1, 4, 8, 100))]
        elif kind == 4:
            other = rng.choice(sources)
            start = rng.randrange(len(other))
            piece = other[start : start + rng.choice((1, 8, 64, 512))]
            content[place : place + len(piece) * rng.randrange(2)] = piece
        elif rng.random() < 0.1:
            del content[place:]
        if not content:
            content = bytearray(b"x")
    return bytes(content)

outcomes = {}
for number in range(int(count)):
    target.write_bytes(mutated(rng.choice(sources)))
    watching = True
    try:
        read(target)
        outcome = "network"
    except NNKitError as error:
        outcome = type(error).__name__
        assert str(error).strip(), number
        assert len(str(error)) < 2000, error
    watching = False
    outcomes[outcome] = outcomes.get(outcome, 0) + 1
print(outcomes)
"""


def matlab_files(folder):
    import scipy.io

    def cell(*entries, shape=(-1, 1)):
        array = np.empty(len(entries), dtype=object)
        array[:] = entries
        return array.reshape(shape, order="F")

    empty, rng = np.zeros((0, 0)), np.random.default_rng(0)
    settings = {"name": "mapminmax", "xoffset": np.zeros((4, 1)), "gain": np.ones((4, 1)), "ymin": -1.0}
    properties = {
        "IW": cell(rng.normal(size=(3, 4)), empty),
        "LW": cell(empty, rng.normal(size=(2, 3)), empty, empty, shape=(2, 2)),
        "b": cell(np.ones((3, 1)), np.ones((2, 1))),
        "layers": cell({"transferFcn": "tansig"}, {"transferFcn": "purelin"}),
        "inputs": cell({"processFcns": cell("mapminmax"), "processSettings": cell(settings)}),
        "outputs": cell(empty, {"processFcns": cell(shape=(0, 0)), "processSettings": cell(shape=(0, 0))}),
    }
    for name, compressed in (("a.mat", False), ("b.mat", True)):
        scipy.io.savemat(folder / name, properties, do_compression=compressed)
        yield folder / name


def copies(folder, *names):
    for name in names:
        (folder / name).write_bytes((DATA / name).read_bytes())
        yield folder / name


def own(folder, write, name):
    network = nnkit.Network([4, "batch_norm", 5, 2], hidden_activation="silu", seed=0, dtype="float32")
    yield from write(network, folder / name)[:1]


FORMATS = {
    "from_safetensors": lambda folder: own(folder, to_safetensors, "a.safetensors"),
    "from_onnx": lambda folder: [*copies(folder, "torch-chain.onnx"), *own(folder, to_onnx, "b.onnx")],
    "from_keras": lambda folder: copies(folder, "keras-functional-float32.keras", "keras-nested-float32.keras"),
    "from_keras (h5)": lambda folder: copies(folder, "keras-functional-float32.h5", "keras-nested-float32.h5"),
    "from_matlab": matlab_files,
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_end_in_a_sentence(name, tmp_path):
    paths = list(FORMATS[name](tmp_path))
    command = [
        sys.executable,
        "-c",
        CHILD,
        name.partition(" ")[0],
        str(SLOW if "keras" in name else MUTATIONS),
        *map(str, paths),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert (0, "FileFormatError" in done.stdout) == (done.returncode, True), done.stdout + done.stderr[-3000:]
