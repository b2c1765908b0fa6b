"""Signatures of one report until they are enough."""

from __future__ import annotations

from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import Rejected
from oracle.report.committee import Committee
from oracle.report.report import Unsigned, sign_complete
from oracle.report.signature import recover


class Tally:
    """Counts members' signatures of one report, each checked."""

    def __init__(self, unsigned: Unsigned, committee: Committee) -> None:
        self.unsigned, self._committee = unsigned, committee
        self.digest = unsigned.digest(committee.salt)
        self.signatures: dict[int, bytes] = {}

    def add(self, member: int, signature: bytes) -> bytes | None:
        """Take a signature; return the report with its signatures once they are enough.

        Raises:
            Refused: no member, or not its signature of this report.
        """
        if member >= len(self._committee.members):
            raise Refused(Reason.UNKNOWN_MEMBER, f"member {member}")
        try:
            signer = recover(self.digest, signature)
        except Rejected as error:
            raise Refused(Reason.BAD_SIGNATURE, str(error)) from error
        if signer != self._committee.members[member]:
            raise Refused(Reason.BAD_SIGNATURE, f"of the report, by member {member}")
        self.signatures[member] = signature
        if len(self.signatures) < self._committee.threshold:
            return None
        return sign_complete(self.unsigned, self.signatures, self._committee.threshold)
