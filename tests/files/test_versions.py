"""Files of format 1: three real ones are read, and damaged ones are refused."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nnkit.errors import FileFormatError, TrainingWarning
from nnkit.files import container, version_1
from nnkit.files.versions import FORMAT_VERSION, upgraded

FOLDER = Path(__file__).parent / "data"
NAMES = ["interrupted", "solved", "classifier"]
EXPECTED = json.loads((FOLDER / "format-1-expected.json").read_text())


def path_of(name):
    return FOLDER / f"format-1-{name}.npz"


@pytest.mark.parametrize("name", NAMES)
def test_the_content_of_a_file_of_format_1(name):
    with pytest.warns(TrainingWarning, match="format version 1"):
        tree = container.read(path_of(name), what="network")
    with np.load(FOLDER / "format-1-expected.npz") as expected:
        np.testing.assert_array_equal(expected[f"{name}.parameters"], tree["parameters"].vector)
        np.testing.assert_array_equal(expected[f"{name}.buffers"], tree["buffers"].vector)
    facts = EXPECTED[name]
    assert facts["history"] == tree["history"]
    assert (facts["epoch"], facts["step"]) == (tree["epoch"], tree["step"])
    assert set(facts["notes"]) == set(tree["notes"])
    assert FORMAT_VERSION == tree["composition"]["version"]


def resealed(change, name="interrupted"):
    """A file of format 1 with changed members, its checksum right."""
    with zipfile.ZipFile(path_of(name)) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    change(members)
    return packed(members)


def packed(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for entry, content in members.items():
            archive.writestr(entry, content)
        archive.comment = version_1.MARK + b"0" * version_1.DIGEST_LENGTH
    content = file.getvalue()[: -version_1.DIGEST_LENGTH]
    return content + hashlib.sha256(content).hexdigest().encode()


def npy(array, allow_pickle=False):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def with_header(change):
    def of(members):
        header = json.loads(np.load(io.BytesIO(members["header.npy"])).tobytes())
        change(header)
        members["header.npy"] = npy(np.frombuffer(json.dumps(header).encode(), np.uint8))

    return of


def first(members):
    return next(entry for entry in members if entry.startswith("a0"))


def put(content):
    return lambda members: members.__setitem__(first(members), content)


class Bomb:
    exploded = False

    def __reduce__(self):
        return (setattr, (Bomb, "exploded", True))


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


DAMAGES = {
    "a member less": lambda members: members.pop(first(members)),
    "no header": lambda members: members.pop("header.npy"),
    "no array": put(b""),
    "an array cut short": put(npy(np.arange(9.0))[:-3]),
    "an object": put(npy(np.array([Bomb()], dtype=object), allow_pickle=True)),
    "a huge shape": put(npy(np.arange(9.0)).replace(b"(9,)", b"(999999999999,)")),
    "a header that is code": put(npy(np.arange(9.0)).replace(b"(9,)", b"exit()")),
    "a newer version of npy": put(b"\x93NUMPY\3\0" + npy(np.arange(9.0))[8:]),
    "deep": with_header(lambda header: header["tree"].__setitem__("notes", nested(900))),
    "version true": with_header(lambda header: header.__setitem__("version", True)),
    "version -5": with_header(lambda header: header.__setitem__("version", -5)),
    "version 99": with_header(lambda header: header.__setitem__("version", 99)),
    "another kind": with_header(lambda header: header.__setitem__("what", "archive")),
    "no tree": with_header(lambda header: header.pop("tree")),
    "a list": with_header(lambda header: header.__setitem__("tree", [])),
    "no state": with_header(lambda header: header["tree"].pop("state")),
    "no memory": with_header(lambda header: header["tree"]["state"].__setitem__("callbacks", None)),
    "an array twice": with_header(
        lambda header: header["tree"].__setitem__("notes", header["tree"]["state"]["parameters"])
    ),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_resealed_file_of_format_1_is_refused(change):
    with pytest.raises(FileFormatError, match="damaged|refused|holds 'archive'"):
        container.read(io.BytesIO(resealed(change)), what="network")
    assert not Bomb.exploded


def test_a_compressed_file_of_format_1_is_refused():
    members = {"header.npy": npy(np.zeros(10**7, np.uint8))}
    with pytest.raises(FileFormatError, match="compressed"):
        container.read(io.BytesIO(packed(members, zipfile.ZIP_DEFLATED)), what="network")


def test_every_flipped_byte_of_a_file_of_format_1_is_seen():
    content = path_of("interrupted").read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        with pytest.raises(FileFormatError):
            container.read(io.BytesIO(bytes(damaged)), what="network")


def test_content_that_no_older_version_had_is_refused():
    with pytest.raises(FileFormatError, match="format version 1, in which no archive can be read"):
        upgraded("archive", 1, {})
    assert upgraded("archive", FORMAT_VERSION, {"a": 1}) == {"a": 1}
