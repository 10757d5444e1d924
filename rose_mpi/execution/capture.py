"""What a task writes to one of its output streams: a bounded log file, and its end in memory."""

from __future__ import annotations

import fcntl
import os

LOG_LIMIT = 64 << 20
_CHUNK = 1 << 16


class Capture:
    """Reads one pipe without ever waiting for it.

    Parameters
    ----------
    pipe:
        Read end; owned from now on.
    log:
        Path of the log file, which is made when the first output arrives. It keeps the first
        :data:`LOG_LIMIT` bytes, and says at its end how many were dropped.
    keep:
        Bytes of the output's end that are kept in memory (at least; at most twice as many).
    """

    def __init__(self, pipe: int, log: str, keep: int) -> None:
        os.set_blocking(pipe, False)
        self.pipe = pipe
        self._log = log
        self._keep = keep
        self._end = bytearray()
        self._forgotten = False
        self._total = 0
        self._file: int | None = None
        self._log_error = ""

    @property
    def ended(self) -> bool:
        """Whether the pipe is closed."""
        return self.pipe < 0

    def read(self) -> int:
        """Take what has arrived, up to a bound; returns how many bytes, and 0 at the end of the output."""
        try:
            data = os.read(self.pipe, _CHUNK)
        except BlockingIOError:
            return -1
        if data:
            self._write_log(data)
            self._total += len(data)
            self._remember(data)
        return len(data)

    def close(self) -> None:
        """Take what is still in the pipe, whoever else holds it open, and close pipe and log."""
        if not self.ended:
            left = fcntl.fcntl(self.pipe, fcntl.F_GETPIPE_SZ)
            while left > 0 and (count := self.read()) > 0:
                left -= count
            self.end_reading()
        if self._file is not None:
            if self._total > LOG_LIMIT:
                self._append(f"\n[{self._total - LOG_LIMIT} more bytes were dropped]\n".encode())
            os.close(self._file)
            self._file = None

    def end_reading(self) -> None:
        """Close the pipe alone."""
        os.close(self.pipe)
        self.pipe = -1

    def last_line(self) -> str | None:
        """Last line that is not blank; ``""``: there is none, ``None``: it is longer than what is kept."""
        text = self._end.rstrip()
        start = text.rfind(b"\n") + 1
        if (start == 0 and self._forgotten) or len(text) - start > self._keep:
            return None
        return text[start:].strip().decode(errors="replace")

    def tail(self, lines: int) -> str:
        """Last lines, within the bytes kept."""
        text = self._end[-self._keep :].decode(errors="replace").rstrip()
        kept = "\n".join(text.splitlines()[-lines:])
        return f"{kept}\n(log not written: {self._log_error})" if self._log_error else kept

    def _remember(self, data: bytes) -> None:
        self._end += data
        if len(self._end) > 2 * self._keep:
            del self._end[: -self._keep]
            self._forgotten = True

    def _write_log(self, data: bytes) -> None:
        if self._total >= LOG_LIMIT or self._log_error:
            return
        try:
            if self._file is None:
                self._file = _create(self._log)
        except OSError as error:
            self._log_error = str(error)
            return
        self._append(data[: LOG_LIMIT - self._total])

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._log_error = str(error)


def _create(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        return os.open(path, flags, 0o666)
