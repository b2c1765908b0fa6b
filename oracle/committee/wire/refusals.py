"""Why a member does not sign, by name: counted, logged and shown to the leader."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from oracle.model.errors import Rejected


class Reason(StrEnum):
    """One rule of docs/committee.md each."""

    MALFORMED = "malformed"
    OTHER_DEPLOYMENT = "other_deployment"
    OTHER_EPOCH = "other_epoch"
    UNKNOWN_MEMBER = "unknown_member"
    NOT_A_SLOT = "not_a_slot"
    OTHER_ROUND = "other_round"
    TIME_OUTSIDE_VIEW = "time_outside_view"
    CONFIG_NOT_ACCEPTED = "config_not_accepted"
    BAD_SIGNATURE = "bad_signature"
    NOT_LEADER = "not_leader"
    TOO_FEW_OBSERVATIONS = "too_few_observations"
    MEMBER_TWICE = "member_twice"
    FROM_FUTURE = "from_future"
    TOO_OLD = "too_old"
    SIGNED_ANOTHER = "signed_another"
    SIGNED_LATER = "signed_later"
    SLOT_IS_DONE = "slot_is_done"
    BASE_UNPROVEN = "base_unproven"
    BASE_TOO_OLD = "base_too_old"
    TIME_NOT_AFTER_BASE = "time_not_after_base"
    VALIDITY_WITHHELD = "validity_withheld"
    PRICE_NOT_SANE = "price_not_sane"
    PREMIUM_NOT_SANE = "premium_not_sane"
    CONFIDENCE_NOT_SANE = "confidence_not_sane"
    UNCONFIRMED = "unconfirmed"
    NO_VIEW = "no_view"
    NOT_DURABLE = "not_durable"
    ALREADY_DONE = "already_done"


class Refusal(NamedTuple):
    """A member's no, as it answers the leader."""

    reason: Reason
    detail: str
    """What was given and what is allowed."""


class Refused(Rejected):
    """Raised where a rule is broken."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.refusal = Refusal(reason, detail)
