"""One thing is changed: verification fails, and its first difference names that thing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from oracle.archive.read import Step
from oracle.bus.shards import Snapshot
from oracle.cli.verify_subject import terms_of
from oracle.committee.rounds.rules import AcceptedConfig
from oracle.engine.spec import EngineSpec
from oracle.model.fixed import Px
from oracle.model.messages import Control, Mark, MarketEvent, StepManifest
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.node.proof import inputs_digest, spec_bytes
from oracle.report.report import Report, encode
from oracle.verify.findings import Outcome, exit_code
from tests.integration.verify.tampering import (
    first_difference,
    flipped,
    observation,
    proposal,
    replaced,
    subject,
    tampered,
    unchanged,
    verified,
    with_observation,
)
from tests.integration.verify.world import PAUSED, World

DIGEST = bytes(range(32))


class Case:
    """One member's steps in the world's report."""

    def __init__(self, world: World) -> None:
        self.number = proposal(world).observations[0].member
        self.observation = observation(world, self.number)
        archive = world.archive(self.number)
        (self.last,) = archive.steps_seen(self.observation)
        time_ns = self.last.manifest.time_ns
        begin = archive.snapshot_before(0, time_ns)
        assert begin is not None
        self.snapshot = begin
        self.steps = archive.steps_between(0, begin.time_ns + 1, time_ns + 1)
        self.middle = next(step for step in self.steps[1:-1] if step.manifest.ticks)
        self.ordered = next(step for step in self.steps if step.manifest.orders)
        self.batch = archive.ticks_of(self.middle)[0]


@pytest.fixture(scope="module")
def case(world: World) -> Case:
    """The first member that was heard."""
    return Case(world)


def test_what_nobody_changed_is_proven(world: World, case: Case):
    """The same checks pass where nothing was changed."""
    findings = verified(tampered(world, case.number, unchanged))
    assert exit_code(findings) == 0, findings


TICKS: dict[str, Callable[[TickBatch], TickBatch]] = {
    "price": lambda batch: replaced(batch, bid=flipped(batch.bid)),
    "event time": lambda batch: replaced(batch, event_ns=flipped(batch.event_ns)),
    "receive time": lambda batch: replaced(batch, received_ns=flipped(batch.received_ns)),
    "sequence": lambda batch: replaced(batch, sequence=flipped(batch.sequence)),
    "source": lambda batch: replaced(batch, sources=("x:BTC/USD", *batch.sources[1:])),
    "exponent": lambda batch: replaced(batch, exponent=flipped(batch.exponent)),
}


@pytest.mark.parametrize("what", TICKS)
def test_a_tick(world: World, case: Case, what: str):
    """Its step is named, with the offsets of its ticks."""
    changed = TICKS[what](case.batch)
    assert inputs_digest([changed]) != inputs_digest([case.batch])
    given = tampered(world, case.number, lambda _, held: changed if held == case.batch else held)
    said = first_difference(verified(given))
    assert said.startswith(f"ticks of step {case.middle.manifest.sequence}, shard 0 (offsets ")
    assert "inputs_digest" in said


def _manifest_with(step: Step, **fields: Any) -> Callable[[Topic, Any], Any]:
    def change(_kind: Topic, held: Any) -> Any:
        return replaced(held, **fields) if held == step.manifest else held

    return change


def _fields(manifest: StepManifest) -> dict[str, Any]:
    return {
        "group": "1",
        "sequence": manifest.sequence + 1000,
        "time_ns": manifest.time_ns + 1,
        "ticks": manifest.ticks - 1,
        "tick_offsets": {0: manifest.tick_offsets[0] + 1},
        "control_offsets": {0: 99},
        "rejected": {"crossed": 1},
        "events": (MarketEvent("BTC-USD", "state", "NORMAL", "GUARDED", "5 bps"),),
        "tick_starts": {0: manifest.tick_starts[0] + 1},
        "orders": (Control("market", "BTC-USD", True, "eve", "why", 1, 2),),
        "spec_digest": DIGEST,
        "inputs_digest": DIGEST,
        "marks_digest": DIGEST,
        "history": DIGEST,
        "snapshot_digest": DIGEST,
    }


ALL_FIELDS = StepManifest.__struct_fields__
COMMITTED_BETWEEN = [name for name in ALL_FIELDS if name != "control_offsets"]
"""Of steps between: where orders were read up to changes nothing, and nothing commits to it."""


@pytest.mark.parametrize("field", ALL_FIELDS)
def test_a_manifest_that_was_observed(world: World, case: Case, field: str):
    """Each field is named: another record of the archive tells what it was."""
    value = _fields(case.last.manifest)[field]
    given = tampered(world, case.number, _manifest_with(case.last, **{field: value}))
    said = first_difference(verified(given))
    number = value if field == "sequence" else case.last.manifest.sequence
    assert said.startswith(f"manifest of step {number}, shard 0: {field}: expected "), said


@pytest.mark.parametrize("field", COMMITTED_BETWEEN)
def test_a_manifest_between(world: World, case: Case, field: str):
    """So is each field of a step between the state and the one observed."""
    value = _fields(case.middle.manifest)[field]
    given = tampered(world, case.number, _manifest_with(case.middle, **{field: value}))
    said = first_difference(verified(given))
    number = value if field == "sequence" else case.middle.manifest.sequence
    assert said.startswith(f"manifest of step {number}, shard 0: {field}: expected "), said


def test_an_order_in_a_step(world: World, case: Case):
    """An order that took effect otherwise than it was issued is named."""
    orders = tuple(replaced(one, until_ns=one.until_ns + 1) for one in case.ordered.manifest.orders)
    given = tampered(world, case.number, _manifest_with(case.ordered, orders=orders))
    said = first_difference(verified(given))
    number = case.ordered.manifest.sequence
    assert said.startswith(f"manifest of step {number}, shard 0: orders: expected "), said


@pytest.mark.parametrize("field", ["who", "reason", "until_ns", "paused"])
def test_an_archived_order(world: World, case: Case, field: str):
    """So is an archived order that is not the one that took effect."""

    def change(kind: Topic, held: Any) -> Any:
        if kind is not Topic.CONTROLS:
            return held
        value = getattr(held, field)
        other = value + "x" if isinstance(value, str) else not value if value is True else value + 1
        return replaced(held, **{field: other})

    said = first_difference(verified(tampered(world, case.number, change)))
    assert said.startswith(f"archived order to pause source {PAUSED}: {field}: expected "), said


@pytest.mark.parametrize("field", ["state", "history", "time_ns"])
def test_a_state(world: World, case: Case, field: str):
    """The state that a replay would begin from is named when a byte of it is another."""
    archive = world.archive(case.number)
    value = getattr(case.snapshot, field)
    other = (
        flipped(value, 999 if field == "state" else 0) if isinstance(value, bytes) else value - 1
    )
    changed: Snapshot = case.snapshot._replace(**{field: other})
    archive.snapshot_before = lambda *_: changed  # type: ignore[method-assign]
    said = first_difference(verified(subject(world, archive, case.number)))
    assert said.startswith(f"state after step {case.snapshot.sequence}, shard 0: "), said


MARKS: dict[str, Any] = {
    "sequence": 7,
    "validity": 0,
    "index": Px(1, 0),
    "mark": Px(1, 0),
    "twap": None,
    "conf_e8": 1,
    "premium_e8": 1,
    "newest_event_ns": 1,
    "reason": "none",
    "sources": (),
}


@pytest.mark.parametrize("field", MARKS)
def test_an_archived_mark(world: World, case: Case, field: str):
    """Market and field are named, with what the engine makes of the same ticks."""

    def change(_kind: Topic, held: Any) -> Any:
        ours = isinstance(held, Mark) and held.time_ns == case.last.manifest.time_ns
        if not ours or held.market != "BTC-USD":
            return held
        value = type(held.validity)(0) if field == "validity" else MARKS[field]
        return replaced(held, **{field: value})

    said = first_difference(verified(tampered(world, case.number, change)))
    step = case.last.manifest.sequence
    assert said.startswith(f"archived marks of step {step}, shard 0: mark of BTC-USD, {field}"), (
        said
    )


def test_an_archived_mark_that_is_not_there(world: World, case: Case):
    """The rest of a step may be in a part that is not archived yet: nobody is accused."""

    def change(_kind: Topic, held: Any) -> Any:
        return None if isinstance(held, Mark) and held.market == "BTC-USD" else held

    findings = verified(tampered(world, case.number, change))
    assert exit_code(findings) == 2, findings
    assert any("lacks the mark of BTC-USD of step" in f.detail for f in findings)


OBSERVATION: dict[str, Any] = {
    "salt": DIGEST,
    "epoch": 2,
    "view": 1,
    "time_ns": 1,
    "config_hash": DIGEST,
    "inputs_root": DIGEST,
    "state_digest": DIGEST,
    "words": None,
    "signature": None,
}


@pytest.mark.parametrize("field", OBSERVATION)
def test_an_observation(world: World, case: Case, field: str):
    """Its member and field are named: the archive tells what was signed."""
    one, value = case.observation, OBSERVATION[field]
    if field == "time_ns":
        value = one.time_ns ^ 1
    elif field == "view":
        value = one.view ^ 1
    elif field == "words":
        value = (flipped(one.words[0], 31 * 8), *one.words[1:])
    elif field == "signature":
        value = flipped(one.signature)
    changed = with_observation(proposal(world), one._replace(**{field: value}))
    given = tampered(
        world,
        case.number,
        lambda kind, held: replaced(held, proposal=changed) if kind is Topic.ROUNDS else held,
    )
    said = first_difference(verified(given))
    named = "word of group 0" if field == "words" else field
    assert said.startswith(f"observation of member {case.number}: {named}: expected "), said


def test_an_observation_of_another_round(world: World, case: Case):
    """What a proposal says of itself is held against the report."""
    made = proposal(world)
    for field, value in (("slot", made.slot + 1000), ("epoch", 2), ("salt", DIGEST)):
        changed = made._replace(**{field: value}).encode()
        given = tampered(
            world,
            case.number,
            lambda kind, held, to=changed: (
                replaced(held, proposal=to) if kind is Topic.ROUNDS else held
            ),
        )
        findings = verified(given)
        assert exit_code(findings) != 0
        assert any(field.replace("salt", "deployment") in f.detail for f in findings), findings


@pytest.mark.parametrize("field", ["signature", "leader", "prev_ms"])
def test_the_proposal(world: World, case: Case, field: str):
    """Its leader's signature covers the rest of it."""
    made = proposal(world)
    value = flipped(made.signature) if field == "signature" else getattr(made, field) ^ 1
    changed = made._replace(**{field: value}).encode()
    given = tampered(
        world,
        case.number,
        lambda kind, held: replaced(held, proposal=changed) if kind is Topic.ROUNDS else held,
    )
    said = first_difference(verified(given))
    assert said.startswith("the round: leader" if field == "leader" else "the round's proposal: ")


def _with_leaf(report: Report, **fields: Any) -> bytes:
    leaf = report.leaves[0]._replace(**fields)
    return encode(report._replace(leaves=(leaf, *report.leaves[1:])))


def _signed_otherwise(report: Report) -> bytes:
    signatures = (flipped(report.signatures[0]), *report.signatures[1:])
    return encode(report._replace(signatures=signatures))


def test_the_report(world: World, case: Case):
    """Every field of the report is named, by what its committee did sign."""
    report, archive = world.report, world.archive(case.number)
    word = report.leaves[0].word
    cases = {
        "the report: signature of member": _signed_otherwise(report),
        "the report: inputs_root": encode(report._replace(inputs_root=DIGEST)),
        "the report: slot": encode(report._replace(slot=report.slot + 1000)),
        "the report: epoch": encode(report._replace(epoch=2)),
        "the report, group 0: prev_ms": _with_leaf(report, prev_ms=report.leaves[0].prev_ms ^ 1),
        "the report, group 0, USDT-USD: mantissa": _with_leaf(report, word=flipped(word, 31 * 8)),
        "the report, group 0, USDT-USD: exponent": _with_leaf(
            report, word=flipped(word, 28 * 8 + 3)
        ),
        "the report, group 0: time_ms": _with_leaf(report, word=flipped(word, 4 * 8)),
    }
    for where, body in cases.items():
        said = first_difference(verified(subject(world, archive, case.number, body=body)))
        assert said.startswith(where), said


def _spec_with(spec: EngineSpec, path: str, value: Any) -> EngineSpec:
    plain = msgspec.to_builtins(spec)
    at: Any = plain["markets"][1]
    *steps, name = path.split(".")
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    at[name] = value
    return msgspec.convert(plain, EngineSpec)


PARAMETERS = {
    "sources.0.weight": ("BTC-USD, source a:BTC/USD, weight", 3.0),
    "sources.1.edge": ("BTC-USD, source b:BTC/USDT, edge", None),
    "perps.0.max_age_ns": ("BTC-USD, source p:BTC/USD:USD, max_age_ns", 1),
    "min_sources": ("BTC-USD, min_sources", 1),
    "breaker.dwell_ns": ("BTC-USD, breaker.dwell_ns", 1),
    "breaker.deviations.0.window_ns": ("BTC-USD, breaker.deviations[0].window_ns", 1),
    "mark.basis_ns": ("BTC-USD, mark.basis_ns", 1),
    "admission.max_spread_bps": ("BTC-USD, admission.max_spread_bps", 1.5),
    "outlier.mads": ("BTC-USD, outlier.mads", 6.0),
    "twap.window_ns": ("BTC-USD, twap.window_ns", 1),
    "number": ("BTC-USD, number", 2),
}


@pytest.mark.parametrize("path", PARAMETERS)
def test_an_archived_parameter(world: World, case: Case, path: str):
    """Market, source and parameter are named, with both values."""
    named, value = PARAMETERS[path]
    archive = world.archive(case.number)
    spec = archive.spec_of(case.last.manifest.spec_digest)
    archive.spec_of = lambda _: _spec_with(spec, path, value)  # type: ignore[method-assign]
    said = first_difference(verified(subject(world, archive, case.number)))
    assert said.startswith("archived specification 0x"), said
    assert f": {named}: expected " in said


def test_a_rewritten_specification(world: World, case: Case):
    """So they are where it was rewritten in the archive, under the digest of the right one."""
    spec = world.archive(case.number).spec_of(case.last.manifest.spec_digest)
    data = zlib.compress(spec_bytes(_spec_with(spec, "sources.0.weight", 3.0)))

    def change(kind: Topic, held: Any) -> Any:
        return replaced(held, data=data) if kind is Topic.SPECS else held

    said = first_difference(verified(tampered(world, case.number, change)))
    assert said.startswith("archived specification 0x"), said
    assert ": BTC-USD, source a:BTC/USD, weight: expected 2.0 (configured), found 3.0" in said


def test_a_configuration_that_was_in_force_beside_ours(world: World, case: Case):
    """A member that had it is not accused: what it computed is not ours to check."""
    config = world.config.model_copy(deep=True)
    config.markets["BTC-USD"].sources[0].weight = 5.0
    terms = terms_of(config)
    accepted = (*terms.rules.configs, AcceptedConfig(case.observation.config_hash))
    terms = terms._replace(rules=terms.rules._replace(configs=accepted))
    findings = verified(subject(world, world.archive(case.number), case.number, terms=terms))
    assert exit_code(findings) == 2, findings
    (one,) = [finding for finding in findings if finding.outcome is Outcome.UNCHECKED]
    assert "had the next or previous configuration" in one.detail
    assert "BTC-USD, source a:BTC/USD, weight" in one.detail


def test_a_parameter_of_the_configuration(world: World, case: Case):
    """Who gives another configuration is told which parameter it is that differs."""
    config = world.config.model_copy(deep=True)
    config.markets["BTC-USD"].sources[0].weight = 5.0
    archive = world.archive(case.number)
    said = first_difference(verified(subject(world, archive, case.number, terms=terms_of(config))))
    assert said.startswith(f"observation of member {case.number}: config_hash")
    assert "BTC-USD, source a:BTC/USD, weight: 2.0 then, 5.0 in the given configuration" in said


def test_a_part_of_the_archive(world: World, case: Case, tmp_path):
    """A part that is not what its manifest says is named by its file."""
    import shutil

    from oracle.archive.read import Archive
    from oracle.archive.store import Store

    copy = tmp_path / "copy"
    shutil.copytree(world.archives[case.number], copy)
    part = sorted(copy.rglob("kind=steps/**/*.parquet"))[0]
    part.write_bytes(flipped(part.read_bytes(), 800))
    said = first_difference(verified(subject(world, Archive(Store(str(copy))), case.number)))
    assert part.name in said
