"""The nearest right name for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: object, choices: Iterable[str]) -> str | None:
    """The choice that ``word`` most likely meant; ``None`` where none is near."""
    found = difflib.get_close_matches(str(word), list(map(str, choices)), n=1)
    return found[0] if found else None


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """``"; did you mean 'choice'?"``, or nothing where no choice is near."""
    found = nearest(word, choices)
    return f"; did you mean {found!r}?" if found else ""


def suggested(word: object, choices: Iterable[str]) -> str:
    """``"; did you mean 'choice'?"``, or all choices where none is near: ``"; there are a, b"``."""
    known = list(choices)
    return did_you_mean(word, known) or (f"; there are {', '.join(known)}" if known else "")
