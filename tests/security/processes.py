"""Where processes listen, as Linux tells everyone."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

LISTENING = "0A"


def listening(processes: list[Path]) -> set[str]:
    """The addresses on which they listen for TCP, without the ports."""
    own = {name for process in processes for name in _sockets(process)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in own:
                found.add(_address(fields[1].partition(":")[0]))
    return found


def _sockets(process: Path) -> Iterator[str]:
    try:
        for file in (process / "fd").iterdir():
            name = os.readlink(file)
            if name.startswith("socket:["):
                yield name[8:-1]
    except OSError:
        return  # it has just ended


def _address(text: str) -> str:
    words = [text[place : place + 8] for place in range(0, len(text), 8)]
    raw = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    if len(raw) == 16 and raw.startswith(bytes(10) + b"\xff\xff"):
        raw = raw[12:]  # an IPv4 address in IPv6's clothes
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
