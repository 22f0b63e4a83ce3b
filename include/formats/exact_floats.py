"""Whether a float is the number that was written: it has some of the large whole numbers only, and no tiny one."""

import sys
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

EXACT = 2**53
"""Up to here float64 has every whole number; beyond, two of them are one."""
LEAST = sys.float_info.min
"""Nearer to zero a float64 has fewer digits, until it is zero itself."""


def whole_up_to(kind: type[np.floating[Any]]) -> int:
    """Up to where floats of this type have every whole number: ``EXACT`` for float64, 2**24 for float32."""
    return int(2 ** (np.finfo(kind).nmant + 1))


def holds(number: float, written: Decimal | int | str) -> bool:
    """Whether ``number`` is still the one that was ``written``; of a fraction only its digits are cut."""
    if LEAST <= abs(number) < EXACT:
        return True
    try:
        exact = Decimal(written)
    except InvalidOperation:  # its exponent has twenty digits
        return False
    same = exact in (Decimal(number), Decimal(repr(number)), Decimal(f"{number:.17g}"))  # as programs write a float
    return same or (abs(number) >= EXACT and exact != exact.to_integral_value())
