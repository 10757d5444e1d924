"""The natural logarithm as arithmetic that the compiler can spread over vectors, which a library call is not.

Multiplication and addition are fused where it says so and nowhere else, so that an element has the same bits
in a vector and alone, and on processors of any width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import types
from numba.extending import intrinsic

from rose_mpi.uq.kernels.jit import jit

_LOG_2 = 0.6931471805599453
_ONE = 0x3FF0000000000000
_ROOT_HALF = 0x3FE6A09E667F3BCD
_MANTISSA = (1 << 52) - 1
_TWO_52 = 0x4330000000000000


def _type_fused(typing: Any, x: Any, y: Any, z: Any) -> tuple[Any, Callable[..., Any]]:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), build


fused = cast(Callable[[float, float, float], float], intrinsic(_type_fused))
"""``x * y + z``, rounded once."""


@jit
def natural_log(x: float) -> float:
    """Logarithm of a positive normal number, to 2 units in the last place; finite for 0.

    ``x = 2**e m`` with ``m`` between the roots of 1/2 and 2, and ``log m = 2 artanh s`` with
    ``s = (m - 1) / (m + 1)``, as ``2 s`` and ``s**3`` times a polynomial in ``s**2`` that agrees with the
    series at the Chebyshev nodes: it is off by less than 2**-57 of the whole.
    """
    bits = np.float64(x).view(np.int64)
    shifted = bits + (_ONE - _ROOT_HALF)
    exponent = np.int64((shifted >> 52) | _TWO_52).view(np.float64) - (2.0**52 + 1023.0)
    m = np.int64((shifted & _MANTISSA) + _ROOT_HALF).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = fused(0.14616452869728275, z, 0.1533172134166052)
    series = fused(series, z, 0.18182889132993904)
    series = fused(series, z, 0.22222211134691972)
    series = fused(series, z, 0.2857142862597607)
    series = fused(series, z, 0.39999999999899505)
    series = fused(series, z, 0.666666666666667)
    series = fused(series, z, 2.0)
    return fused(exponent, _LOG_2, s * series)


@jit
def quotient(x: float, divisor: float, reciprocal: float) -> float:
    """``x / divisor`` to the last bit, from ``1 / divisor``: a division takes several times as long.

    The error of the product is itself found by a fused operation (Markstein 1990).
    """
    approximate = x * reciprocal
    return fused(fused(-divisor, approximate, x), reciprocal, approximate)


@jit
def x_log_x(x: float) -> float:
    """``x log x``, which is 0 for 0 and counts as 0 for less."""
    x = 0.0 if x < 0.0 else x
    return x * natural_log(x)
