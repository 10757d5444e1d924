"""What a task writes to one of its output streams: a bounded log file, and its end in memory."""

from __future__ import annotations

import os

LOG_LIMIT = 64 << 20


class Capture:
    """Takes what comes out of one stream.

    Parameters
    ----------
    log:
        Path of the log file, which is made when the first output arrives. It keeps the first
        :data:`LOG_LIMIT` bytes, and says at its end how many were dropped.
    keep:
        Bytes of the output's end that are kept in memory (at least; at most twice as many).
    """

    __slots__ = ("_end", "_file", "_forgotten", "_keep", "_log", "_log_error", "_total")

    def __init__(self, log: str, keep: int) -> None:
        self._log = log
        self._keep = keep
        self._end = bytearray()
        self._forgotten = False
        self._total = 0
        self._file: int | None = None
        self._log_error = ""

    def take(self, data: bytes) -> None:
        """Keep what came."""
        self._write_log(data)
        self._total += len(data)
        self._end += data
        if len(self._end) > 2 * self._keep:
            del self._end[: -self._keep]
            self._forgotten = True

    def close(self) -> None:
        """Complete the log file."""
        if self._file is not None:
            if self._total > LOG_LIMIT:
                self._append(f"\n[{self._total - LOG_LIMIT} more bytes were dropped]\n".encode())
            try:
                os.close(self._file)
            except OSError as error:  # some file systems tell only then that they are full
                self._log_error = str(error)
            self._file = None

    def last_line(self) -> str | None:
        """Last line that is not blank; ``""``: there is none, ``None``: it is longer than what is kept."""
        if not self._total:
            return ""
        text = self._end.rstrip()
        start = text.rfind(b"\n") + 1
        if (start == 0 and self._forgotten) or len(text) - start > self._keep:
            return None
        return text[start:].strip().decode(errors="replace")

    def tail(self, lines: int) -> str:
        """Last lines, within the bytes kept; before them, why the log lacks some if it does."""
        if not self._total:
            return ""
        text = self._end[-self._keep :].decode(errors="replace").rstrip()
        kept = "\n".join(text.splitlines()[-lines:])
        return f"(log not written: {self._log_error})\n{kept}" if self._log_error else kept

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
