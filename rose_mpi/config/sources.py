"""The user's Python sources: read and parsed, never run."""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache
from pathlib import Path


def syntax_fault(path: Path) -> str | None:
    """What keeps this Python from reading a source; ``None`` where nothing does or it cannot be told."""
    try:
        return _syntax_fault(path.read_bytes(), str(path))
    except OSError:
        return None


@lru_cache
def _syntax_fault(source: bytes, name: str) -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        return f"syntax error in {name!r}{line}: {error.msg}"
    except ValueError as error:
        return f"syntax error in {name!r}: {error}"
    except (RecursionError, MemoryError):  # nested too deeply for here, perhaps not for there
        return None
    return None


def names_defined(path: Path) -> set[str] | None:
    """Names that a module's source binds at its top; ``None`` where the source does not tell."""
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Expr() | ast.Import():
                pass
            case ast.ImportFrom(names=aliases) if all(alias.name != "*" for alias in aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                return None
    return names
