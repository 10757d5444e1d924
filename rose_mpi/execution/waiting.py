"""Processes that wait at the helper for those that run, so that the next begins without a message."""

from __future__ import annotations

import time

LATE_SECONDS = 0.02
"""When none has begun for so long, those that wait are given back."""
TELL_SECONDS = 25e-3
"""How long the ends of processes may gather while others wait."""


class Waiting:
    """What waits, in the order of arrival, each by its token."""

    def __init__(self) -> None:
        self._orders: dict[str, tuple[object, ...]] = {}
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._orders)

    def add(self, token: str, order: tuple[object, ...]) -> None:
        """One more waits."""
        if not self._orders:
            self._since = time.monotonic()
        self._orders[token] = order

    def remove(self, token: str) -> bool:
        """One shall not begin; whether it waited here."""
        return self._orders.pop(token, None) is not None

    def next(self) -> tuple[object, ...]:
        """The first begins; there must be one."""
        self._since = time.monotonic()
        return self._orders.pop(next(iter(self._orders)))

    @property
    def deadline(self) -> float:
        """When those that wait have waited for long, by :func:`time.monotonic`."""
        return self._since + LATE_SECONDS

    def late(self) -> list[str]:
        """Those that have waited for long; they wait no longer."""
        if not self._orders or time.monotonic() < self.deadline:
            return []
        late = list(self._orders)
        self._orders.clear()
        return late
