"""Where data come from: a file by its path, or standard input."""

from __future__ import annotations

import codecs
import contextlib
import functools
import gzip
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import attrs

from nnkit.errors import DataError

__all__ = ["STANDARD_INPUT", "DataFile", "data_file", "read_errors"]

STANDARD_INPUT = "-"
TEXT = {".csv", ".tsv", ".txt", ".data"}
PARQUET = {".parquet", ".pq"}
SHEETS = {".xlsx", ".xls", ".ods"}
SIGNATURES = {b"PK": ".npz", b"PAR1": ".parquet", b"\x1f\x8b": ".csv.gz"}


@attrs.frozen(kw_only=True)
class DataFile:
    """A file of one of the kinds that are read.

    Args:
        path: The file.
        name: What messages call it.
        kind: ``"text"``, ``"npz"`` or ``"parquet"``.
        compressed: Whether it is text compressed by gzip.
        encoding: How text is encoded that is not UTF-8; UTF-16 with a byte order mark is recognized.
        temporary: Whether the file is a copy that is removed before the end of the command.
    """

    path: Path
    name: str
    kind: str
    compressed: bool = False
    encoding: str | None = None
    temporary: bool = False

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> DataFile:
        """The file of a path; its name shows its kind.

        Raises:
            DataError: When data are not read from such files.
        """
        if path.is_dir():
            raise DataError(f"{path} is a folder; expected a file, .csv, .parquet or .npz")
        compressed = path.suffix.lower() == ".gz"
        suffix = Path(path.stem).suffix.lower() if compressed else path.suffix.lower()
        kinds = {".npz": "npz"} | dict.fromkeys(PARQUET, "parquet")
        kind = "text" if suffix in TEXT else kinds.get("" if compressed else suffix)
        if kind is None:
            raise DataError(
                f"{path}: data are read from .npz, .csv (also .tsv, .txt, .data, and .gz of these) and .parquet files;"
                f" this one ends in {path.suffix!r}" + ("; save its sheet as .csv" if suffix in SHEETS else "")
            )
        return cls(path=path, name=str(path) if name is None else name, kind=kind, compressed=compressed)

    def __str__(self) -> str:
        return self.name

    def binary(self) -> IO[bytes]:
        """The bytes of a text, uncompressed, after a byte order mark of UTF-8."""
        opened = gzip.open if self.compressed else open
        file: Any = opened(self.path, "rb")
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        return file  # type: ignore[no-any-return]

    def text(self) -> IO[str]:
        """The characters of a text, with line ends as they are."""
        return io.TextIOWrapper(self.binary(), encoding=self.written_in, newline="")

    @functools.cached_property
    def written_in(self) -> str:
        """The encoding of a text: UTF-8, UTF-16 by its mark, or the one that is stated if the file is not UTF-8."""
        with self.binary() as file:
            if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
                return "utf-16"
        return self.encoding if self.encoding is not None and not self._is_utf8() else "utf-8"

    def _is_utf8(self) -> bool:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            with self.binary() as file:
                while block := file.read(1 << 20):
                    decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True


@contextlib.contextmanager
def data_file(path: Path) -> Iterator[DataFile]:
    """The file of a path; for ``-`` a copy of standard input, which exists within the block.

    Raises:
        DataError: When data are not read from such files.
    """
    if str(path) != STANDARD_INPUT:
        yield DataFile.of(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        with copy.open("rb") as file:
            start = file.read(4)
        suffix = next((suffix for signature, suffix in SIGNATURES.items() if start.startswith(signature)), ".csv")
        copied = DataFile.of(copy.rename(copy.with_name(f"data{suffix}")), "standard input")
        yield attrs.evolve(copied, temporary=True)


def _undecodable(file: DataFile, encoding: str) -> str:
    """The first line that cannot be decoded, where lines are bytes up to an end of line."""
    with file.binary() as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return f" in line {number}"
    return ""


@contextlib.contextmanager
def read_errors(file: DataFile) -> Iterator[None]:
    """Within the block, errors of encoding and compression become ``DataError``."""
    try:
        yield
    except UnicodeDecodeError as error:
        advice = (
            '; save it as UTF-8, or state how it is encoded, for example encoding = "cp1252" in [data], or --encoding'
            " cp1252"
        )
        name = file.written_in
        raise DataError(
            f"{file} is not {name.upper()} text{_undecodable(file, name)}: {error.reason}"
            + advice * (file.encoding is None)
        ) from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{file} is not a complete gzip file: {error}") from error
