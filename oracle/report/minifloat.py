"""Unsigned minifloats: `m` when `e = 0`, else `(2**M + m) * 2**(e-1)`, saturating at the top."""

from __future__ import annotations

from typing import Final

EXPONENT_BITS: Final = 4


def largest(mantissa_bits: int) -> int:
    """Return the largest value that `mantissa_bits` can say."""
    return ((2 << mantissa_bits) - 1) << ((1 << EXPONENT_BITS) - 2)


def encode_down(value: int, mantissa_bits: int) -> int:
    """Encode the largest representable value that is at most `value` (>= 0)."""
    value = min(value, largest(mantissa_bits))
    shift = max(value.bit_length() - mantissa_bits - 1, 0)
    if value < 1 << mantissa_bits:
        return value
    return ((shift + 1) << mantissa_bits) | ((value >> shift) & ((1 << mantissa_bits) - 1))


def encode_up(value: int, mantissa_bits: int) -> int:
    """Encode the smallest representable value that is at least `value` (>= 0), saturating."""
    code = encode_down(value, mantissa_bits)
    short = decode(code, mantissa_bits) < min(value, largest(mantissa_bits))
    return code + 1 if short else code


def decode(code: int, mantissa_bits: int) -> int:
    """Return the integer that `code` stands for."""
    exponent, mantissa = code >> mantissa_bits, code & ((1 << mantissa_bits) - 1)
    return mantissa if exponent == 0 else ((1 << mantissa_bits) + mantissa) << (exponent - 1)
