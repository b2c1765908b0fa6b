"""Made-up answers of `plumb verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from oracle.cli.demo.proof import Proof
from oracle.cli.verify import Asked
from oracle.cli.verify_show import Summary
from oracle.model.errors import PlumblineError
from oracle.verify.findings import Difference, Finding, Outcome
from oracle.verify.why import Said, Why

SIGNED = Finding(1, "signatures", Outcome.PROVEN, "5 of 7 members of epoch 1 signed")
STORED = Finding(2, "stored on alpha", Outcome.PROVEN, "alpha, block 7: 0xab stored groups 0")
SILENT = Finding(2, "chain", Outcome.UNCHECKED, "alpha: no RPC endpoint answers")
RECOMPUTED = Finding(6, "member 0: recomputed", Outcome.PROVEN, "16 steps, 209 ticks, 3 marks")
TICKS = Finding(
    5, "member 0: ticks", Outcome.DIFFERS, "ticks of step 410: price: expected 1, found <2>",
    Difference("ticks of step 410", "price", "1", "<2>"),
)  # fmt: skip
PROVEN = (SIGNED, STORED, RECOMPUTED)
WHY = Why(
    "BTC-USD", "member 0", [Said("kraken:BTC/USD", "source", "1", "59800", "outlier"),
    Said("okx:BTC/USDT", "source", "1", "65000", "used")],
    "VALID", "", "65000", "2.69 bps", "65017", "0.61 bps",
)  # fmt: skip


def summary(*findings: Finding) -> Summary:
    """Return what these findings come to."""
    return Summary({"slot": 1_750}, findings, [WHY], "BTC-USD", "65017 VALID, ±0.70 bps", 0.31)


class Verifier:
    """Gives one answer after another, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: Iterable[Finding] | PlumblineError) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)

    def __call__(self, asked: Asked, tell: Callable[[Finding], None]) -> Summary:
        """Answer as the checks would."""
        self.asked.append(asked)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, PlumblineError):
            raise answer
        findings = list(answer)
        for finding in findings:
            tell(finding)
        return summary(*findings)


def proof(*answers: Iterable[Finding] | PlumblineError) -> Proof:
    """Return a proof that gets these answers."""
    return Proof(Verifier(*answers), Path("/out/a demo/config.yaml"), tries=len(answers), again_s=0)
