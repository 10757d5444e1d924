"""What is done when the disk refuses: try again for a while, tell it once, then give up in order."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import Final

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout

LIMIT: Final = 10.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_REMEDIES: Final = {
    errno.ENOSPC: "free some space on its disk",
    errno.EDQUOT: "free some of your quota on its disk",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EACCES: "make its folder writable",
    errno.EPERM: "make its folder writable",
    errno.EROFS: "its disk is mounted read-only: name another output",
    errno.ENOENT: "its folder is gone: bring it back or name another output",
}

_log = logging.getLogger(__name__)


class Patience:
    """Repeats what the disk refuses, with growing pauses."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._told = False

    def insist(self, action: Callable[[], None]) -> None:
        """Do ``action`` until it succeeds.

        Raises
        ------
        StoreError
            If it has raised ``OSError`` for :data:`LIMIT` seconds, or at once if it raises one itself.
        """
        began = time.monotonic()
        pause = _FIRST_PAUSE
        while True:
            try:
                action()
            except StoreError:
                raise
            except OSError as error:
                if time.monotonic() - began + pause > LIMIT:
                    raise self._given_up(error) from error
                self.tell(error)
            else:
                return
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def tell(self, error: OSError) -> None:
        """Warn of the disk's first refusal."""
        if not self._told:
            self._told = True
            _log.warning(
                "%s cannot be written now: %s; trying again", self._layout.results, error.strerror or error
            )

    def _given_up(self, error: OSError) -> StoreError:
        remedy = _REMEDIES.get(error.errno or 0, "check its disk")
        return StoreError(
            f"{self._layout.results} cannot be written: {error.strerror or error}. Remedy: {remedy}. "
            f"What was finished before is in it and in {self._layout.log}."
        )
