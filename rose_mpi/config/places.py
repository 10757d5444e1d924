"""Where each key of a TOML text stands, which :mod:`tomllib` does not tell."""

from __future__ import annotations

import bisect
import json
import re
import tomllib
from typing import Final

KeyPath = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""{1,3}' r"|'''.*?'''{1,3}" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line, from 1, of every key, table and list element of a valid TOML text."""
    return _Scanner(text).scan()


def shown(path: KeyPath) -> str:
    """A path of keys as a reader writes it: ``learners[0].training.kwargs``."""
    words: list[str] = []
    for key in path:
        if isinstance(key, int):
            words.append(f"[{key}]")
        else:
            words.append(("." if words else "") + (key if _BARE_KEY.fullmatch(key) else json.dumps(key)))
    return "".join(words)


class _Scanner:
    """Walks over a text that :mod:`tomllib` has accepted, so it need not look for faults."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[KeyPath, int] = {}
        self.tables_in_list: dict[KeyPath, int] = {}
        self.line_ends = [match.start() for match in re.finditer("\n", text)]

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._at_something():
            if self._take("[["):
                table = self._list_header()
            elif self._take("["):
                table = self._header()
            else:
                self._pair(table)
        return self.lines

    def _header(self) -> KeyPath:
        line = self._line()
        table = self._resolved(self._key())
        self._take("]")
        self._note(table, line)
        return table

    def _list_header(self) -> KeyPath:
        line = self._line()
        *parents, name = self._key()
        table_list = (*self._resolved(tuple(parents)), name)
        self._take("]]")
        number = self.tables_in_list.get(table_list, 0)
        self.tables_in_list[table_list] = number + 1
        table = (*table_list, number)
        self._note(table, line)
        return table

    def _resolved(self, key: tuple[str, ...]) -> KeyPath:
        """A header's key with the number of the current element after each list of tables."""
        path: KeyPath = ()
        for name in key:
            path = (*path, name)
            if path in self.tables_in_list:
                path = (*path, self.tables_in_list[path] - 1)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._take("=")
        self._note(path, line)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        if self._take("["):
            self._list(path)
        elif self._take("{"):
            self._inline_table(path)
        elif self.text[self.position] in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        number = 0
        while self._at_something() and not self._take("]"):
            self._note((*path, number), self._line())
            self._value((*path, number))
            self._at_something()
            self._take(",")
            number += 1

    def _inline_table(self, path: KeyPath) -> None:
        while self._at_something() and not self._take("}"):
            self._pair(path)
            self._at_something()
            self._take(",")

    def _key(self) -> tuple[str, ...]:
        names: list[str] = []
        while match := _KEY.match(self.text, self.position):
            self.position = match.end()
            word = match[1]
            names.append(tomllib.loads(f"word = {word}")["word"] if word[0] in "\"'" else word)
            if not self._take("."):
                break
        return tuple(names)

    def _note(self, path: KeyPath, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _line(self) -> int:
        return bisect.bisect_left(self.line_ends, self.position) + 1

    def _at_something(self) -> bool:
        self._skip(_BLANK)
        return self.position < len(self.text)

    def _take(self, token: str) -> bool:
        taken = self.text.startswith(token, self.position)
        if taken:
            self.position += len(token)
        return taken

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.position)
        if match:
            self.position = match.end()
