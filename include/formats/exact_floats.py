"""Whether a 64-bit float is the number that was written: of whole numbers beyond 2^53 it holds some only."""

from decimal import Decimal

EXACT = 2**53
"""Up to here float64 has every whole number; beyond, two of them are one."""


def holds(number: float, written: Decimal) -> bool:
    """Whether ``number`` is still the one that was ``written``; of a fraction only its digits are cut."""
    if abs(number) < EXACT:
        return True
    return written in (Decimal(number), Decimal(repr(number))) or written != written.to_integral_value()
