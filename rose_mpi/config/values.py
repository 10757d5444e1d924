"""The values that a configuration may hold, each with the sentence that tells what it must be."""

from __future__ import annotations

import keyword
import math
import re
import shlex
from datetime import date, time
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator

from rose_mpi.config.expressions import evaluate
from rose_mpi.learners.names import checked_name
from rose_mpi.nearest import suggested
from rose_mpi.uq.parameters import BEST

REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_DURATION: Final = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?")
_UNIT_SECONDS: Final = (86400, 3600, 60, 1)
_LONGEST_DURATION: Final = 1e9
_SHORTEST_RANK_TIMEOUT: Final = 5.0
_LAUNCHER_VALUES: Final = ("command", "ranks", "cores", "hosts")
_LAUNCHER_PLACEHOLDER: Final = re.compile(r"(?<!\$)\{([a-z_]+)\}")


def described(value: Any) -> str:
    """A TOML value as a message shows it."""
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "a table"
        case list():
            return "a list"
        case date() | time():
            return f"the date or time {value}"
        case _:
            text = repr(value)
            return text if len(text) <= 80 else text[:77] + "..."


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return _without_nul(value)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _variable(value: str) -> str:
    if not value or "=" in value:
        raise ValueError(f"{value!r} is no name of an environment variable")
    return _without_nul(value)


def _argument(value: Any) -> Any:
    if isinstance(value, list):
        return [_argument(element) for element in value]
    if isinstance(value, str):
        return _without_nul(value)
    if not isinstance(value, bool | int | float):
        raise ValueError(f"must be text, a number, true, false or a list of these, not {described(value)}")
    return value


def _expression(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be an expression of i in quotes, not {described(value)}; constants: kwargs")
    for iteration in (0, 1):
        evaluate(value, iteration)
    return value


def _seconds(value: Any, *, or_none: bool = False) -> float:
    seconds = _parsed_duration(value)
    if seconds is None:
        raise ValueError(f"must be seconds or text such as '90s', '10m' or '1h30m', not {described(value)}")
    if not (0 < seconds <= _LONGEST_DURATION or (or_none and seconds == 0)):
        least = "0 or more" if or_none else "more than 0"
        raise ValueError(f"must be {least} and at most {_LONGEST_DURATION:.0e} seconds")
    return float(seconds)


def _delay(value: Any) -> float:
    return _seconds(value, or_none=True)


def _rank_timeout(value: Any) -> float:
    seconds = _seconds(value)
    if seconds < _SHORTEST_RANK_TIMEOUT:
        raise ValueError(f"must be at least {_SHORTEST_RANK_TIMEOUT:g} s: each rank gives a sign every 2 s")
    return seconds


def _parsed_duration(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    match = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) and value else None
    if not match or not any(match.groups()):
        return None
    try:
        return math.fsum(float(n) * unit for n, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if n)
    except ValueError:
        return None


def _query_size(value: Any) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise ValueError(
        f"must be a whole number from 1 on or a fraction between 0 and 1, not {described(value)}"
    )


def _parameters(value: Any) -> dict[str, float | str]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table such as {{ kappa = 2.0 }}, not {described(value)}")
    for name, parameter in value.items():
        if not isinstance(parameter, int | float) and not (name == BEST and isinstance(parameter, str)):
            raise ValueError(f"{name} must be a number, true or false, not {described(parameter)}")
    return value


def _ranks_per_learner(value: Any) -> int | None:
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(f"must be 'auto' or a whole number from 1 on, not {described(value)}")


def _launcher(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"cannot be split into words ({error}); check its quotes") from None
    if words.count("{command}") != 1:
        raise ValueError(
            f"must hold the word {{command}} once, as in 'jsrun -n {{ranks}} {{command}}', not {value!r}"
        )
    for name in _LAUNCHER_PLACEHOLDER.findall(value):
        if name not in _LAUNCHER_VALUES:
            raise ValueError(f"{{{name}}} stands for nothing{suggested(name, _LAUNCHER_VALUES)}")
    return _without_nul(value)


def _reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise ValueError(f"must be 'module:function', not {value!r}")
    return value


def _module(value: str) -> str:
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in value.split(".")):
        raise ValueError(f"{value!r} is no name of a module, such as 'numpy' or 'sklearn.ensemble'")
    return value


def _iteration(value: str) -> str:
    if not re.fullmatch(r"-1|0|[1-9]\d{0,17}", value, re.ASCII):
        raise ValueError(f"{value!r} is no iteration: 0, 1, 2, … or -1 for all others")
    return value


def _no_repetition(value: list[str]) -> list[str]:
    repeated = sorted({name for name in value if value.count(name) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(map(repr, repeated))} more than once")
    return value


Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[str, AfterValidator(checked_name)]
Names = Annotated[list[Name], Field(min_length=1), AfterValidator(_no_repetition)]
Modules = Annotated[list[Annotated[str, AfterValidator(_module)]], AfterValidator(_no_repetition)]
Environment = dict[Annotated[str, AfterValidator(_variable)], Annotated[str, AfterValidator(_without_nul)]]
Arguments = dict[Text, Annotated[Any, PlainValidator(_argument)]]
Expressions = dict[Text, Annotated[str, PlainValidator(_expression)]]
Iterations = dict[Annotated[str, AfterValidator(_iteration)], Arguments]
Seconds = Annotated[float, PlainValidator(_seconds)]
Delay = Annotated[float, PlainValidator(_delay)]
RankTimeout = Annotated[float, PlainValidator(_rank_timeout)]
QuerySize = Annotated[int | float, PlainValidator(_query_size)]
Parameters = Annotated[dict[str, bool | float | str], PlainValidator(_parameters)]
RanksPerLearner = Annotated[int | None, PlainValidator(_ranks_per_learner)]
Gpus = Annotated[int, Field(ge=0, le=1_000)]
Launcher = Annotated[str, AfterValidator(_launcher)]
Reference = Annotated[str, AfterValidator(_reference)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Repeat = Annotated[int, Field(ge=1, le=100_000)]
Retries = Annotated[int, Field(ge=0, le=1_000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
