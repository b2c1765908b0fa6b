"""Group words: four market entries and one time in 32 bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.validity import PRICED, Validity
from oracle.report import minifloat

GROUP_SIZE: Final = 4
EPOCH_2020_MS: Final = 1_577_836_800_000
"""Unix time of `time_ms = 0`, in ms."""

MANTISSA_BITS, EXPONENT_BITS, CONF_BITS, PREMIUM_BITS, VALIDITY_BITS = 27, 5, 7, 11, 3
ENTRY_BITS: Final = 53
CONF_SHIFT, PREMIUM_SHIFT, VALIDITY_SHIFT = 32, 39, 50
TIME_SHIFT: Final = 216
PAUSE_SHIFT: Final = 212
PAUSE_MASK: Final = 0xF << PAUSE_SHIFT
MAX_TIME_MS: Final = 2**40 - 1

MIN_NORMAL: Final = 10**7
PRICE_SCALE: Final = 18
_CONF_M, _PREMIUM_M = 3, 6
CONF_UNIT_E8: Final = 1_000  # 0.1 bps
PREMIUM_UNIT_E8: Final = 100  # 0.01 bps
PREMIUM_MISSING: Final = 1 << 10
LARGEST_CONF_E8: Final = minifloat.largest(_CONF_M) * CONF_UNIT_E8
"""What a confidence saturates at: some 246 %, which reads as knowing nothing."""


class Entry(NamedTuple):
    """One market inside a group word. `price` is None exactly when validity carries no price."""

    validity: Validity
    price: Px | None = None
    conf_e8: int = 0
    premium_e8: int | None = None


EMPTY: Final = Entry(Validity.HALTED)
"""What a market number without a market reads as."""


def shard_of(number: int, shards: int) -> int:
    """Return which of so many engines has a market: those of one word stay together."""
    return number // GROUP_SIZE % shards


class GroupWord(NamedTuple):
    """A decoded group word. `time_ms` is unix ms."""

    time_ms: int
    entries: tuple[Entry, Entry, Entry, Entry]


def report_ms(time_ns: int) -> int:
    """Floor a unix time in ns to the ms that a word can carry."""
    return time_ns // 1_000_000


def encode_entry(entry: Entry) -> int:
    """Encode one entry to 53 bits; confidence rounds up, premium towards zero.

    Raises:
        Rejected: STALE, a priced validity without a price, a price out of range, or a negative
            confidence.
    """
    if entry.validity not in PRICED:
        if entry.validity is Validity.STALE or entry.price is not None:
            raise Rejected(f"a report cannot carry {entry}: HALTED and MISSING have no price")
        return int(entry.validity) << VALIDITY_SHIFT
    if entry.price is None:
        raise Rejected(f"a report cannot carry {entry}: {entry.validity.name} needs a price")
    if entry.conf_e8 < 0:
        raise Rejected(f"a report cannot carry {entry}: the confidence is negative")
    mantissa, exponent = _normalise(entry.price)
    conf = minifloat.encode_up(-(-entry.conf_e8 // CONF_UNIT_E8), _CONF_M)
    premium = PREMIUM_MISSING if entry.premium_e8 is None else _encode_premium(entry.premium_e8)
    return (
        mantissa
        | exponent << 27
        | conf << 32
        | premium << 39
        | int(entry.validity) << VALIDITY_SHIFT
    )


def check_entry(code: int) -> None:
    """Check that 53 bits are an entry that `encode_entry` can make.

    Raises:
        Rejected: the entry is bad by docs/report-format.md.
    """
    raw_validity = code >> VALIDITY_SHIFT
    if raw_validity in (Validity.STALE, 7):
        raise Rejected(f"entry {code:#x}: validity {raw_validity} never appears in a report")
    mantissa, exponent = code & (2**27 - 1), code >> 27 & 31
    if raw_validity not in PRICED:
        if code & (2**50 - 1):
            raise Rejected(f"entry {code:#x}: {Validity(raw_validity).name} must carry no price")
    elif not (
        MIN_NORMAL <= mantissa < 10 * MIN_NORMAL or (exponent == 0 and 0 < mantissa < MIN_NORMAL)
    ):
        raise Rejected(
            f"entry {code:#x}: mantissa {mantissa} at exponent {exponent} not normalised"
        )


def decode_entry(code: int) -> Entry:
    """Decode 53 bits.

    Raises:
        Rejected: the entry is bad by docs/report-format.md.
    """
    check_entry(code)
    validity = Validity(code >> VALIDITY_SHIFT)
    if validity not in PRICED:
        return Entry(validity)
    price = Px(code & (2**27 - 1), (code >> 27 & 31) - PRICE_SCALE)
    conf_e8 = minifloat.decode(code >> CONF_SHIFT & 0x7F, _CONF_M) * CONF_UNIT_E8
    return Entry(validity, price, conf_e8, _decode_premium(code >> PREMIUM_SHIFT & 0x7FF))


def encode_word(time_ms: int, entries: Sequence[Entry]) -> bytes:
    """Encode up to four entries and the group's time (unix ms) to 32 bytes.

    Raises:
        Rejected: more than four entries, or a time outside 2020 to 2054.
    """
    return pack_word(time_ms, [encode_entry(entry) for entry in entries])


def pack_word(time_ms: int, codes: Sequence[int]) -> bytes:
    """Put up to four encoded entries and the group's time (unix ms) into 32 bytes.

    Raises:
        Rejected: more than four entries, or a time outside 2020 to 2054.
    """
    since = time_ms - EPOCH_2020_MS
    if len(codes) > GROUP_SIZE or not 0 <= since <= MAX_TIME_MS:
        raise Rejected(
            f"a group holds up to 4 entries at a time from 2020: {len(codes)}, {time_ms}"
        )
    word = since << TIME_SHIFT
    for at, code in enumerate(codes):
        word |= code << at * ENTRY_BITS
    return word.to_bytes(32, "big")


def unpack_word(word: bytes) -> tuple[int, tuple[int, ...]]:
    """Return a word's time (unix ms) and its four encoded entries, good or bad."""
    value = int.from_bytes(word, "big")
    codes = tuple(value >> at * ENTRY_BITS & (2**ENTRY_BITS - 1) for at in range(GROUP_SIZE))
    return (value >> TIME_SHIFT) + EPOCH_2020_MS, codes


def decode_word(word: bytes) -> GroupWord:
    """Decode 32 bytes. A bad entry is returned as MISSING, as the contracts treat it."""
    time_ms, codes = unpack_word(word)
    entries = []
    for code in codes:
        try:
            entries.append(decode_entry(code))
        except Rejected:
            entries.append(Entry(Validity.MISSING))
    first, second, third, fourth = entries
    return GroupWord(time_ms, (first, second, third, fourth))


def _normalise(price: Px) -> tuple[int, int]:
    """Return (mantissa, biased exponent); digits beyond the eighth round half to even."""
    mantissa, exponent = price.mantissa, price.exponent + PRICE_SCALE
    if mantissa <= 0:
        raise Rejected(f"price {price} cannot be reported: it must be positive")
    digits = len(str(mantissa))
    drop = max(digits - 8, -exponent)
    if drop > 0:
        mantissa, exponent = _divide_half_even(mantissa, 10**drop), exponent + drop
        if mantissa == 10 * MIN_NORMAL:
            mantissa, exponent = MIN_NORMAL, exponent + 1
    else:
        raise_by = min(8 - digits, exponent)
        mantissa, exponent = mantissa * 10**raise_by, exponent - raise_by
    if mantissa == 0 or not 0 <= exponent < 32:
        raise Rejected(f"price {price} is out of a report's range: 10^-18 to 10^21")
    return mantissa, exponent


def _divide_half_even(value: int, by: int) -> int:
    quotient, rest = divmod(value, by)
    return quotient + (2 * rest > by or (2 * rest == by and quotient & 1))


def _encode_premium(premium_e8: int) -> int:
    code = minifloat.encode_down(abs(premium_e8) // PREMIUM_UNIT_E8, _PREMIUM_M)
    return code | (PREMIUM_MISSING if premium_e8 < 0 and code else 0)


def _decode_premium(code: int) -> int | None:
    if code == PREMIUM_MISSING:
        return None
    size = minifloat.decode(code & (PREMIUM_MISSING - 1), _PREMIUM_M) * PREMIUM_UNIT_E8
    return -size if code & PREMIUM_MISSING else size
