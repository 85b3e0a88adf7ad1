"""Plain files are read within bounds; nothing else is waited for or read."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from matsweep.core.files import open_plain, read_plain


def test_a_plain_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"12345")
    assert read_plain(file, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes") as refused:
        read_plain(file, 4)
    assert refused.value.errno == errno.EFBIG


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "socket"])
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDONLY | os.O_NOFOLLOW])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str, flags: int) -> None:
    file = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.relpath(file))
    with pytest.raises(OSError, match="not a plain file") as refused:
        open_plain(file, flags)
    assert refused.value.errno == errno.EINVAL
