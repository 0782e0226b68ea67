"""The records of a zip archive of uncompressed members, so that ``numpy.load`` and ``unzip`` read our files.

Source:
    PKWARE (2022), ".ZIP File Format Specification", version 6.3.10, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import attrs

__all__ = ["ZipMember", "ending", "local_header"]

LIMIT_32: Final = 0xFFFFFFFF
LIMIT_16: Final = 0xFFFF
DATE: Final = (1 << 5) | 1
"""1 January 1980 for every member, so that equal content makes equal files."""


@attrs.frozen
class ZipMember:
    """One uncompressed member.

    Args:
        name: Its file name, ASCII.
        size: Bytes of its content.
        crc: CRC-32 of its content.
        start: Where its local header begins in the archive.
    """

    name: bytes
    size: int
    crc: int
    start: int


def local_header(member: ZipMember) -> bytes:
    """What stands before the content of a member."""
    large = member.size >= LIMIT_32
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
    size = LIMIT_32 if large else member.size
    fields = (b"PK\3\4", 45 if large else 20, 0, 0, 0, DATE, member.crc, size, size, len(member.name), len(extra))
    return struct.pack("<4s5H3L2H", *fields) + member.name + extra


def _directory_entry(member: ZipMember) -> bytes:
    wide = [value for value in (member.size, member.size, member.start) if value >= LIMIT_32]
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    size, start = min(member.size, LIMIT_32), min(member.start, LIMIT_32)
    version = 45 if wide else 20
    fields = (b"PK\1\2", version, version, 0, 0, 0, DATE, member.crc, size, size, len(member.name), len(extra))
    return struct.pack("<4s6H3L5H2L", *fields, 0, 0, 0, 0, start) + member.name + extra


def ending(members: Sequence[ZipMember], start: int, comment: bytes) -> bytes:
    """The directory of all members and the records that end the archive.

    Args:
        members: In the order of the archive.
        start: Where the directory begins.
        comment: The last bytes of the archive.
    """
    directory = b"".join(map(_directory_entry, members))
    count, size = len(members), len(directory)
    records = b""
    if count >= LIMIT_16 or start >= LIMIT_32 or size >= LIMIT_32:
        records += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        records += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    fields = (min(count, LIMIT_16), min(count, LIMIT_16), min(size, LIMIT_32), min(start, LIMIT_32), len(comment))
    return directory + records + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *fields) + comment
