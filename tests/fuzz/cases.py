"""One case: a changed model file, archive folder or config, and what becomes of it."""

import contextlib
import hashlib
import io
import json
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
from files.resealing import members_of, sealed
from fuzz import mutations

import nnkit
from nnkit.errors import NNKitError, PluginWarning, TrainingWarning
from nnkit.files import version_1
from nnkit.network.archive import Archive

DATA = Path(__file__).parent.parent / "files" / "data"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def networks():
    """Networks of every kind of content: states of optimizers and solvers, buffers, memory, archives, notes."""
    settings = {"seed": 1, "hidden_activation": "tanh"}
    yield trained([3, 4, 1], X[:, :1], optimizer="adam", callbacks=["early_stopping(patience=9)"], **settings)
    yield trained([3, "batch_norm", 4, 1], X[:, :1], optimizer="sgd(momentum=0.9)", dtype="float32", **settings)
    classes = {"output_activation": "softmax", "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    yield trained([3, 5, 3], LABELS, optimizer="rmsprop", callbacks=["archiver(every=2)"], **settings | classes)
    yield trained(["standardize", 4, 1], X[:, :1], optimizer="levenberg_marquardt", regularizer="l2", **settings)
    wrapped = {"name": "clip_by_norm", "optimizer": {"name": "adamw", "learning_rate": "cosine(steps=20)"}}
    yield trained([3, "dropout(rate=0.2)", 4, 1], X[:, :1], optimizer=wrapped, callbacks=["checkpoint"], **settings)


def trained(layers, y, *, callbacks=(), metrics=(), **settings):
    net = nnkit.Network(layers, **settings)
    net.fit(X, y, epochs=2, batch_size=9, callbacks=list(callbacks), metrics=list(metrics), validation_split=0.25)
    net.notes.update(scale=np.arange(3.0), names=["a", ("b", 1 << 70)], when=np.datetime64("2024-01-01"))
    return net


def make_bases(folder):
    """Write everything that is changed later."""
    for index, net in enumerate(networks()):
        net.save(folder / f"model-{index}.npz")
        (folder / f"config-{index}.json").write_text(json.dumps(net.to_config()))
    for index, path in enumerate(sorted(DATA.glob("format-1-[cis]*.npz"))):
        shutil.copy(path, folder / f"old-{index}.npz")
    archiver = {"name": "archiver", "every": 2, "path": str(folder / "archive")}
    trained([3, 4, 1], X[:, :1], seed=1, callbacks=[archiver])
    (folder / "config-x.json").write_text(json.dumps(nnkit.Network([None, "standardize", 2], seed=0).to_config()))


# -- What is tried ----------------------------------------------------------------------------------


def model_file(rng, bases):
    """The bytes of a changed model file."""
    path = mutations.pick(rng, sorted(bases.glob("model-*.npz")) * 4 + sorted(bases.glob("old-*.npz")))
    content = path.read_bytes()
    return old_file(rng, content) if path.name.startswith("old") else new_file(rng, content)


def new_file(rng, content):
    manifest, arrays = members_of(content)
    kind = rng.integers(10)
    if kind < 5 or not arrays:
        manifest["tree"] = mutations.mutated_tree(rng, manifest["tree"])
    elif kind < 8:
        place = int(rng.integers(len(arrays)))
        arrays[place] = mutations.mutated_array(rng, arrays[place])
    elif kind == 8:
        changed = mutations.mutated_tree(rng, manifest)
        manifest = changed if isinstance(changed, dict) and isinstance(changed.get("arrays"), list) else manifest
        return sealed(mutations.reloaded(manifest), arrays, describe=False)
    else:
        place = int(rng.integers(len(content)))
        return content[:place] + bytes([int(rng.integers(256))]) + content[place + int(rng.integers(3)) :]
    return sealed(mutations.reloaded(manifest), arrays)


def old_file(rng, content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if rng.integers(2):
        header = json.loads(np.load(io.BytesIO(members["header.npy"])).tobytes())
        changed = json.dumps(mutations.reloaded(mutations.mutated_tree(rng, header)))
        members["header.npy"] = npy(np.frombuffer(changed.encode(), np.uint8))
    else:
        name = mutations.pick(rng, list(members))
        if rng.integers(2):
            members[name] = npy(mutations.mutated_array(rng, np.load(io.BytesIO(members[name]))))
        else:
            place = int(rng.integers(len(members[name])))
            members[name] = members[name][:place] + bytes([int(rng.integers(256))]) + members[name][place + 1 :]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if rng.integers(9) == 0 else zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
        archive.comment = version_1.MARK + b"0" * version_1.DIGEST_LENGTH
    content = file.getvalue()[: -version_1.DIGEST_LENGTH]
    return content + hashlib.sha256(content).hexdigest().encode()


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def archive_folder(rng, bases, folder):
    """Fill ``folder`` with a changed archive."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bases / "archive", folder)
    original = {path.name: path.read_bytes() for path in folder.iterdir()}
    for _ in range(int(rng.integers(1, 3))):
        path = mutations.pick(rng, sorted(folder.iterdir()))
        kind = rng.integers(6)
        if kind < 4 and path.read_bytes() == original.get(path.name):
            path.write_bytes(new_file(rng, path.read_bytes()))
        elif kind == 4:
            path.rename(folder / mutations.pick(rng, ("step-000000000099.npz", "step-x.npz", "archive.npz", "other")))
        else:
            path.write_bytes(mutations.pick(rng, (b"", b"PK\3\4", path.read_bytes()[:50])))


def config(rng, bases):
    """A changed config."""
    path = mutations.pick(rng, sorted(bases.glob("config-*.json")))
    return mutations.mutated_tree(rng, json.loads(path.read_text()))


# -- What becomes of it -----------------------------------------------------------------------------

watched = contextlib.nullcontext
"""The context in which content from outside is read; a child process puts one here that forbids to execute anything."""


def examine_model(content):
    """Load, predict, train and save again; whatever is refused is refused by nnkit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with watched():
                net = nnkit.Network.load(io.BytesIO(content))
        except NNKitError:
            return "refused"
        reported = any(issubclass(one.category, (PluginWarning, TrainingWarning)) for one in caught)
        return use(net, reported)


def examine_archive(folder):
    """Open an archive and read everything in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watched():
                archive = Archive.load(folder)
        except NNKitError:
            return "refused"
        for ask in (archive.cost, archive.first_nonfinite, lambda: archive.nbytes, lambda: repr(archive)):
            attempt(ask)
        for step in archive._order[:6]:
            for ask in (archive.parameters, archive.gradient, archive.rows):
                attempt(ask, step)
            attempt(archive.activation, step, -1)
            attempt(archive.preactivation, step, 0)
            attempt(lambda step=step: nnkit.Network.from_archive(archive, step).predict(X))
    return "read"


def examine_config(tree):
    """Make a network of a config, and use it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watched():
                net = nnkit.Network.from_config(tree)
            if net.inputs is None:
                net.fit(X, X[:, : len(net.layers)], epochs=1)
        except NNKitError:
            return "refused"
        return use(net, reported=True)


def attempt(ask, *arguments):
    try:
        return ask(*arguments)
    except NNKitError:
        return None


def use(net, reported):
    if net.inputs is None:
        return "loaded"
    rows = RNG.normal(size=(6, net.inputs)).astype(net.dtype)
    assert reported or np.isfinite(net.predict(rows)).all(), "predicts values that are not finite"
    assert np.isfinite(net.parameters).all()
    targets = np.abs(net.predict(rows)) if net.loss.target_domain != "label" else None
    for y in (targets, np.zeros((6, net.outputs)), np.zeros(6, int), np.eye(net.outputs)[[0] * 6], np.ones(6)):
        if y is not None and attempt(train, net, rows, y):
            return "trained"
    return "loaded"


def train(net, rows, y):
    net.fit(rows, y, epochs=1, batch_size=4)
    if np.isfinite(net.parameters).all():
        attempt(net.save, io.BytesIO())
    return True
