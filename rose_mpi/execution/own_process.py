"""What Python cannot tell or change about its own process, but C can."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Final

LABEL_ROOM: Final = {"ROSE_LABEL": "-" * 2048}
"""Variables that a process must be started with if it is to have a :class:`Label`."""


class _Library(ctypes.Structure):
    """``struct dl_phdr_info``."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("number_of_headers", ctypes.c_uint16),
        ("loads", ctypes.c_ulonglong),
        ("unloads", ctypes.c_ulonglong),
    )


_LIBC = ctypes.CDLL(None)
_LOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)


class Label:
    """What ``/proc/PID/environ`` and ``cmdline`` show of this process and those it forks.

    The kernel shows the memory that they had at the start. Here it can be written anew, which changes
    neither the environment nor the arguments. ``LABEL_ROOM`` leaves ``os.environ``.

    Raises
    ------
    OSError
        If the kernel does not say where they are.
    """

    def __init__(self) -> None:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
        self._arguments, arguments_end, environment, environment_end = map(int, fields[45:49])
        self._arguments_size = arguments_end - self._arguments
        ((name, room),) = LABEL_ROOM.items()
        entry = f"{name}={room}".encode()
        offset = (
            ctypes.string_at(environment, environment_end - environment).find(entry) if environment else -1
        )
        if offset < 0:
            raise OSError("the kernel hides the environment of this process")
        self._room = environment + offset
        self._room_size = len(entry)
        os.environ.pop(name, None)

    def write(self, argv: tuple[bytes, ...], variables: Mapping[bytes, bytes]) -> bool:
        """Show these arguments, as far as they fit, and variables; returns whether the variables fit."""
        entries = b"".join(b"%s=%s\0" % entry for entry in variables.items())
        if len(entries) > self._room_size:
            return False
        words = b"\0".join(argv)[: self._arguments_size - 1]
        ctypes.memmove(self._room, entries.ljust(self._room_size, b"\0"), self._room_size)
        ctypes.memmove(self._arguments, words.ljust(self._arguments_size, b"\0"), self._arguments_size)
        return True


def libraries_loaded() -> int:
    """How many shared libraries were loaded since the process began."""
    count = 0

    def look(library: ctypes._Pointer[_Library], _size: int, _data: object) -> int:
        nonlocal count
        count = library.contents.loads
        return 1

    _LIBC.dl_iterate_phdr(_LOOK(look), None)
    return count


def flush_c_streams() -> None:
    """Write what C code has put into the buffers of its ``FILE`` streams."""
    _LIBC.fflush(None)
