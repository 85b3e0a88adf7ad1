"""Frames of zstd: judged by their headers before, and bounded while, they are decompressed.

A frame that matsweep writes states the size of its content and carries a checksum. One that does
not, or states another size than its chunk has, is never decompressed: a store may come from
elsewhere, and a file of some kilobytes can claim terabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from numcodecs.zstd import Zstd

_MAGIC = b"\x28\xb5\x2f\xfd"
_HEADER = 18  # bytes at most: magic, descriptor, window, dictionary, content size
_LEVEL = 0  # zstd's default

type Read = Callable[[int, int], bytes]
"""Takes offset and count; returns that many bytes, or fewer at the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Facts in the headers of a zstd frame.

    Parameters
    ----------
    size : int, bytes
        Of the whole frame, compressed.
    content : int or None, bytes
        Decompressed; None if the frame does not state it.
    checksum : bool
        Whether it has one.
    """

    size: int
    content: int | None
    checksum: bool


def frame_of(read: Read) -> Frame | None:
    """Read the headers of a zstd frame and of its blocks; nothing is decompressed.

    Parameters
    ----------
    read : function (int, int) -> bytes
        Takes offset and count; returns that many bytes, or fewer at the end of the file.

    Returns
    -------
    Frame or None
        None if the bytes are no whole zstd frame.

    References
    ----------
    Collet and Kucherawy, RFC 8878, sections 3.1.1.1 and 3.1.1.2.
    """
    head = read(0, _HEADER)
    if len(head) < 5 or head[:4] != _MAGIC:
        return None
    flags = head[4]
    single, summed = flags >> 5 & 1, bool(flags >> 2 & 1)
    width = (single, 2, 4, 8)[flags >> 6]
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    field = head[at : at + width]
    # Two bytes count from 256, as one byte reaches to 255.
    content = int.from_bytes(field, "little") + 256 * (width == 2) if width else None
    at += width
    while len(header := read(at, 3)) == 3:
        block = int.from_bytes(header, "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)  # 1: a byte that is repeated
        if block & 1:
            return Frame(size=at + 4 * summed, content=content, checksum=summed)
    return None


def compressed(data: bytes | memoryview) -> bytes:
    """Compress data as one frame with its size and a checksum.

    Parameters
    ----------
    data : bytes or memoryview

    Returns
    -------
    bytes
    """
    return bytes(_codec().encode(data))


def decompressed(data: bytes, least: int, most: int) -> bytes:
    """Return the content of a frame, if it is whole and has an expected size.

    Parameters
    ----------
    data : bytes
    least : int, bytes
        The smallest size of the content.
    most : int, bytes
        The largest one.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it is no whole frame with a checksum, states another size, or its content has changed.
    """
    frame = frame_of(lambda at, count: data[at : at + count])
    if frame is None or frame.size != len(data):
        raise ValueError("it is no whole zstd frame")
    if frame.content is None or not least <= frame.content <= most:
        raise ValueError(f"its content has {frame.content} bytes instead of {most}")
    if not frame.checksum:
        raise ValueError("it has no checksum")
    try:
        content = bytes(_codec().decode(data))
    except RuntimeError as problem:
        raise ValueError(f"it cannot be decompressed: {problem}") from problem
    if len(content) != frame.content:
        raise ValueError("its content is shorter than it states")
    return content


def largest(content: int) -> int:
    """Return the size of the largest frame of some content.

    Parameters
    ----------
    content : int, bytes

    Returns
    -------
    int, bytes
        zstd adds at most 1/256 and its headers.
    """
    return content + content // 128 + 1024


@cache
def _codec() -> Zstd:
    return Zstd(level=_LEVEL, checksum=True)
