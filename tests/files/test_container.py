"""The container: bit-exact, deterministic, readable by others, and refused with a reason when damaged."""

import hashlib
import io
import json
import time
import zipfile

import numpy as np
import pytest
from files.resealing import members_of, sealed

from nnkit.errors import FileFormatError, FileSaveError
from nnkit.files import container, zipping
from nnkit.files.trees import NamedArrays
from nnkit.files.versions import FORMAT_VERSION

TREE = {
    "numbers": [1, 2.5, None],
    "weights": NamedArrays(np.arange(8, dtype=np.float32), {"0.weight": (2, 3), "0.bias": (2,)}),
    "notes": {"a": np.arange(3), "b": "text"},
}


def written(tree=TREE, what="test"):
    file = io.BytesIO()
    container.write(file, tree, what=what)
    return file.getvalue()


def read(content, what="test"):
    return container.read(io.BytesIO(content), what=what)


def test_a_path_and_a_file_object_hold_the_same_bytes(tmp_path):
    container.write(tmp_path / "a.npz", TREE, what="test")
    assert written() == (tmp_path / "a.npz").read_bytes()
    with (tmp_path / "a.npz").open("rb") as file:
        assert TREE["numbers"] == container.read(file, what="test")["numbers"]


def test_equal_content_makes_equal_files():
    first = written()
    time.sleep(0.01)
    assert first == written()


def test_numpy_and_zipfile_read_it():
    content = written()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {zipfile.ZIP_STORED} == {entry.compress_type for entry in archive.infolist()}
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert ["weights.0.weight", "weights.0.bias", "notes.a", "manifest"] == archive.files
        np.testing.assert_array_equal(np.arange(6, dtype=np.float32).reshape(2, 3), archive["weights.0.weight"])


@pytest.mark.no_cover
def test_more_members_than_a_small_zip_archive_holds():
    arrays = [np.array(number) for number in range(66_000)]
    content = written({"arrays": arrays})
    assert np.array_equal(arrays, read(content)["arrays"])
    with np.load(io.BytesIO(content)) as archive:
        assert 66_001 == len(archive.files)
        np.testing.assert_array_equal(65_999, archive["arrays.65999"])


def test_members_beyond_four_gigabytes(tmp_path):
    """A sparse file: the records point at the right places."""
    path = tmp_path / "large.zip"
    large = zipping.ZipMember(b"large", 5 << 30, 0, 0)
    start = len(zipping.local_header(large)) + large.size
    small = zipping.ZipMember(b"small", 5, 0x3610A686, start)  # the CRC-32 of b"hello"
    with path.open("wb") as file:
        file.write(zipping.local_header(large))
        file.seek(start)
        file.write(zipping.local_header(small) + b"hello")
        file.write(zipping.ending([large, small], file.tell(), b"comment"))
    with zipfile.ZipFile(path) as archive:
        assert [5 << 30, 5] == [entry.file_size for entry in archive.infolist()]
        assert b"hello" == archive.read("small")
        assert b"comment" == archive.comment


def test_every_flipped_bit_of_any_byte_is_seen():
    content = written()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(FileFormatError):
            read(bytes(damaged))


def test_every_length_but_the_right_one_is_seen():
    content = written()
    for length in range(len(content)):
        with pytest.raises(FileFormatError, match="not an nnkit file|damaged"):
            read(content[:length])
    for more in (b"\0", b"a" * 200, content):
        with pytest.raises(FileFormatError):
            read(content + more)
        with pytest.raises(FileFormatError):
            read(more + content)


def test_a_foreign_archive_is_refused():
    file = io.BytesIO()
    np.savez(file, weights=np.ones(3))
    with pytest.raises(FileFormatError, match="not an nnkit file"):
        read(file.getvalue())


def test_another_kind_is_refused():
    with pytest.raises(FileFormatError, match="holds 'archive'; expected 'network'"):
        read(written(what="archive"), "network")


def test_the_kind_of_content_is_read_alone_and_damage_is_noticed(tmp_path):
    file = tmp_path / "file.npz"
    for what in ("archive", "ensemble"):
        file.write_bytes(written(what=what))
        assert what == container.content_of(file)
    content = bytearray(file.read_bytes())
    content[content.index(b'"what"') + 9] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(FileFormatError, match=r"file\.npz.*checksum"):
        container.content_of(file)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (FORMAT_VERSION + 1, "install a newer nnkit-core"),
        (10**400, "install a newer nnkit-core"),
        (0, "positive integer"),
        (-5, "positive integer"),
        (True, "positive integer"),
        ("2", "positive integer"),
        (2.0, "positive integer"),
        (None, "positive integer"),
    ],
)
def test_a_version_that_is_not_read_is_refused(version, reason):
    manifest, arrays = members_of(written())
    with pytest.raises(FileFormatError, match=reason):
        read(sealed({**manifest, "version": version}, arrays))


def test_the_error_names_the_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"a\.npz: not an nnkit file"):
        container.read(tmp_path / "a.npz", what="test")
    with pytest.raises(FileFormatError, match="is a folder"):
        container.read(tmp_path, what="test")
    with pytest.raises(FileNotFoundError):
        container.read(tmp_path / "b.npz", what="test")
    with pytest.raises(FileFormatError, match="binary"):
        container.read(io.StringIO("text"), what="test")


def test_a_file_object_that_cannot_write():
    class Full(io.BytesIO):
        def write(self, content):
            raise OSError(28, "No space left on device")

    with pytest.raises(FileSaveError, match="No space left on device"):
        container.write(Full(), TREE, what="test")


def changed(change):
    """A resealed file with a changed entry of the first array in the manifest."""
    manifest, arrays = members_of(written())
    change(manifest["arrays"])
    return sealed(manifest, arrays, describe=False)


def put(index, position, value):
    return lambda entries: entries[index].__setitem__(position, value)


CHANGES = {
    "larger than the file": put(0, 2, [10**12]),
    "larger than any number": put(0, 2, [10**30]),
    "negative": put(0, 2, [-1, 6]),
    "true": put(0, 2, [True, 6]),
    "too many dimensions": put(0, 2, [1] * 33),
    "another shape of that size": put(0, 2, [3, 2]),
    "smaller": put(0, 2, [2, 2]),
    "an object": put(0, 1, "|O"),
    "a name of 10 MB": put(0, 0, "a" * 10**7),
    "a number as name": put(0, 0, 3),
    "a name for another folder": put(0, 0, "../a"),
    "two of one name": put(0, 0, "weights.0.bias"),
    "manifest": put(0, 0, "manifest"),
    "a checksum that is not one": put(0, 4, None),
    "too few entries": lambda entries: entries[0].pop(),
    "one array less": lambda entries: entries.pop(),
    "one array more": lambda entries: entries.append(["more", "<f4", [0], 0, hashlib.sha256().hexdigest()]),
    "not a list": lambda entries: entries.__setitem__(0, None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_manifest_that_is_not_that_of_its_arrays_is_refused(change):
    with pytest.raises(FileFormatError, match="damaged|refused"):
        read(changed(change))


TREES = {
    "an array twice": [{"$array": 0}, {"$array": 0}, {"$array": 1}, {"$array": 2}],
    "an array less": [{"$array": 0}, {"$array": 1}],
    "an array that is not there": {"$array": 3},
    "true as an index": {"$array": True},
    "an unknown mark": {"$run": "this"},
    "arrays of two dtypes": {"$named": ["<f4", {"a": 0, "b": 1, "c": 2}]},
    "no dtype": {"$named": [None, {}]},
    "a tuple of nothing": {"$tuple": None},
    "an integer of letters": {"$int": "import os"},
    "an integer with an underscore": {"$int": "0x_1"},
    "a scalar that is too short": {"$scalar": ["<f8", "00"]},
    "a scalar object": {"$scalar": ["|O", "00" * 8]},
}


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_a_tree_that_cannot_be_understood_is_refused(tree):
    manifest, arrays = members_of(written())
    with pytest.raises(FileFormatError, match="damaged|refused"):
        read(sealed({**manifest, "tree": {"a": tree}}, arrays))


@pytest.mark.parametrize("depth", [100, 900, 5000, 50_000])
def test_deep_json_is_refused(depth):
    text = b'{"format":"nnkit","version":2,"what":"test","arrays":[],"tree":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    with pytest.raises(FileFormatError):
        read(container._tail(np.frombuffer(text, np.uint8), 0, []))


def test_a_boolean_array_of_other_bytes_and_a_letter_beyond_unicode_are_refused():
    content = written({"a": np.array([True, False]), "b": np.array(["ab"])})
    manifest, (flags, text) = members_of(content)
    assert read(sealed(manifest, [flags, text]))["b"] == ["ab"]
    with pytest.raises(FileFormatError, match="cannot hold"):
        read(sealed(manifest, [np.array([1, 2], np.uint8).view(bool), text]))
    with pytest.raises(FileFormatError, match="cannot hold"):
        read(sealed(manifest, [flags, np.array([0xFFFFFFFF, 0], np.uint32).view("<U2")]))


def test_it_is_read_once_and_not_copied(tmp_path):
    """100 arrays of a vector are read into that vector."""
    vector = np.arange(100_000, dtype=np.float64)
    named = NamedArrays(vector, {f"{index}.weight": (1000,) for index in range(100)})
    container.write(tmp_path / "a.npz", {"p": named}, what="test")
    back = container.read(tmp_path / "a.npz", what="test")["p"]
    assert all(np.shares_memory(view, back.vector) for _, view in back.items())
    assert (tmp_path / "a.npz").stat().st_size < vector.nbytes + 100 * 600


@pytest.mark.parametrize("place", ["", "a\0b", b"net.npz", 3, None, True, [], object(), io.StringIO()])
def test_what_is_no_file_is_refused_in_both_directions(place):
    with pytest.raises(FileSaveError, match="the path is|expected a path"):
        container.write(place, TREE, what="test")
    with pytest.raises(FileFormatError, match="the path is|expected a path"):
        container.read(place, what="test")


def test_a_closed_file_is_refused():
    file = io.BytesIO()
    file.close()
    with pytest.raises(FileSaveError, match="is closed"):
        container.write(file, TREE, what="test")
    with pytest.raises(FileFormatError, match="is closed"):
        container.read(file, what="test")


@pytest.mark.parametrize("length", [1, 100])
def test_a_file_that_writes_only_a_part_at_a_time_gets_everything(length):
    class Slow(io.RawIOBase):
        def __init__(self):
            self.content = b""

        def write(self, content):
            part = bytes(content[:length])
            self.content += part
            return len(part)

    file = Slow()
    container.write(file, TREE, what="test")
    assert file.content == written()


def test_a_file_that_accepts_nothing_more_is_an_error():
    class Stuck(io.RawIOBase):
        def write(self, content):
            return 0

    with pytest.raises(FileSaveError, match="wrote nothing"):
        container.write(Stuck(), TREE, what="test")


@pytest.mark.parametrize("key", ["notes", "version", "tree"])
def test_a_key_that_is_there_twice_is_refused(key, monkeypatch):
    dumps = json.JSONEncoder().encode
    monkeypatch.setattr(json, "dumps", lambda tree, **options: f'{dumps(tree)[:-1]}, "{key}": 0, "{key}": 1}}')
    with pytest.raises(FileFormatError, match="a key twice"):
        container.read(io.BytesIO(written()), what="test")
