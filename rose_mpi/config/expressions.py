"""Arithmetic of the iteration's number, as ``adaptive`` entries state it."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import simpleeval

from rose_mpi.errors import UsageError

_MOST_BITS: Final = 10_000
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs,
    "ceil": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "float": float,
    "floor": math.floor,
    "int": int,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": round,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_NODES: Final = frozenset(
    {ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call}
)


def _power(base: float, exponent: float) -> Any:
    """``base**exponent``, unless it is a whole number of more than some thousand digits."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _MOST_BITS:
        raise OverflowError(f"{base} ** {exponent} is too large")
    return base**exponent


_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(expression: str, iteration: int) -> int | float | bool:
    """The value of ``expression`` where ``i`` is ``iteration``.

    Raises
    ------
    ValueError
        If it is no expression, uses anything but arithmetic, or has no finite value for this ``i``.
    """
    evaluator = simpleeval.SimpleEval(_OPERATORS, _FUNCTIONS, {"i": iteration, "pi": math.pi})
    evaluator.nodes = {node: rule for node, rule in evaluator.nodes.items() if node in _NODES}
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        value = evaluator.eval(expression, previously_parsed=tree.body)
        finite = isinstance(value, int | float) and math.isfinite(value)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{expression!r} is not an expression of i, such as '0.1 * 0.95**i'") from None
    except simpleeval.InvalidExpression as error:
        raise ValueError(f"{expression!r}: {_remedy(error)}") from None
    except Exception as error:  # whatever the arithmetic of a user's expression may raise
        raise ValueError(f"{expression!r} fails at i = {iteration}: {error}") from None
    if not isinstance(value, int | float):
        raise ValueError(f"{expression!r} must give a number, not {type(value).__name__}")
    if not finite:
        raise ValueError(f"{expression!r} is {value} at i = {iteration}")
    return value


def _remedy(error: simpleeval.InvalidExpression) -> str:
    if isinstance(error, simpleeval.NameNotDefined):
        return f"there is no {error.name!r}; the iteration's number is called i"
    if isinstance(error, simpleeval.FunctionNotDefined):
        return f"there is no function {error.func_name!r}; there are {', '.join(_FUNCTIONS)}"
    return "only arithmetic, comparisons and functions of numbers are allowed"


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Keyword arguments, each computed by an expression of the iteration's number ``i``."""

    expressions: Mapping[str, str]

    def __call__(self, iteration: int) -> dict[str, Any]:
        """The arguments for ``iteration``.

        Raises
        ------
        UsageError
            If an expression has no finite value for this iteration.
        """
        try:
            return {name: evaluate(text, iteration) for name, text in self.expressions.items()}
        except ValueError as error:
            raise UsageError(f"adaptive expression {error}") from None
