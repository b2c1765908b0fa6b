"""Signed requests: what the gate lets through, and by which name it refuses the rest."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from eth_hash.auto import keccak

from oracle.committee.peering.clocks import PeerClocks
from oracle.committee.peering.gate import Route
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.shares import AT_ONCE, BURST_S, Budget
from oracle.committee.peering.transport import (
    FAILURES_TO_OPEN,
    Answer,
    Circuit,
    Unreachable,
)
from oracle.committee.peering.trust import NONCES_HELD, WINDOW_NS, Nonces
from oracle.committee.wire.refusing import read_refusal
from oracle.committee.wire.requests import (
    ANSWER_HEADER,
    REQUEST_HEADER,
    SESSION_MS,
    Distrust,
    Distrusted,
    Envelope,
    Reply,
    session_message,
)
from oracle.keys.signer import LocalSigner
from oracle.model.errors import Retryable
from oracle.report.digest import domain_separator, report_message
from tests.unit.committee_node.links import KEYS, MEMBERS, NOW_NS, PATH, SALT, InMemory, Link, echo

S = 10**9


async def _raw(link: Link, body: bytes = b"x", **changes: object) -> httpx.Response:
    """Send a request of member 0, with parts of its signed header changed after signing."""
    envelope = await link.own.envelope(MEMBERS[1], PATH, body, link.asking_ns)
    header = envelope._replace(**changes).encode()
    return await link.http.post(
        f"http://member{PATH}", content=body, headers={REQUEST_HEADER: header}
    )


async def test_a_signed_request_is_answered_and_the_answer_signed():
    """The handler learns who asked, and the asker the other's clock."""
    link = Link()
    link.answering_ns = NOW_NS + S // 10
    assert await link.client.ask(PATH, b"hello", 1) == Answer(200, b"\0hello")
    assert link.clocks.offset_ns(1) == S // 10


@pytest.mark.parametrize("header", ["", "garbage", "AAAA", "é"])
async def test_a_request_without_a_signature_reaches_nobody(header):
    """Whatever stands in the header, the answer is a named refusal."""
    link = Link()
    response = await link.http.post(
        f"http://member{PATH}", headers={REQUEST_HEADER: header.encode()}
    )
    assert response.status_code == 401
    assert read_refusal(response.content).reason == "unsigned"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": bytes(16)},
        {"time_ns": NOW_NS + 1},
        {"signature": bytes(64)},
        {"signature": b"\xff" * 64},
    ],
)
async def test_a_changed_header_is_refused(changes):
    """Each part of the header is under the signature."""
    response = await _raw(Link(), **changes)
    assert read_refusal(response.content).reason == "bad_signature"


async def test_a_changed_body_or_path_is_refused():
    """A signature is for one body and one path."""
    link = Link({PATH: Route(echo, 1000), "/v1/other": Route(echo, 1000)})
    envelope = await link.own.envelope(MEMBERS[1], PATH, b"mine", NOW_NS)
    headers = {REQUEST_HEADER: envelope.encode()}
    for path, body in ((PATH, b"thine"), ("/v1/other", b"mine")):
        response = await link.http.post(f"http://member{path}", content=body, headers=headers)
        assert read_refusal(response.content).reason == "bad_signature"


async def test_a_request_to_another_member_is_refused():
    """What member 0 asked member 2 cannot be shown to member 1."""
    link = Link()
    with pytest.raises(Unreachable):
        await link.client_of(link.own, to=2).ask(PATH, b"", 1)
    assert link.refused("wrong_receiver") == 1


async def test_a_replay_is_refused():
    """The same bytes a second time do nothing."""
    link = Link()
    envelope = await link.own.envelope(MEMBERS[1], PATH, b"", NOW_NS)
    answers = [
        await link.http.post(f"http://member{PATH}", headers={REQUEST_HEADER: envelope.encode()})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert read_refusal(answers[1].content).reason == "replayed"


async def test_a_replay_costs_no_signature():
    """It is known by its number: nothing of it is verified, and nothing signed for it."""
    link = Link()
    envelope = await link.own.envelope(MEMBERS[1], PATH, b"", NOW_NS)
    headers = {REQUEST_HEADER: envelope.encode()}
    assert (await link.http.post(f"http://member{PATH}", headers=headers)).status_code == 200
    forged = {REQUEST_HEADER: envelope._replace(signature=bytes(64)).encode()}
    answer = await link.http.post(f"http://member{PATH}", headers=forged)
    assert read_refusal(answer.content).reason == "replayed"
    assert ANSWER_HEADER not in answer.headers


async def test_old_requests_cost_a_bounded_number_of_signatures():
    """Who repeats what it overheard an hour ago cannot keep this member busy with it."""
    link = Link()
    envelope = await link.own.envelope(MEMBERS[1], PATH, b"", NOW_NS - 60 * S)
    headers = {REQUEST_HEADER: envelope.encode()}
    answers = [await link.http.post(f"http://member{PATH}", headers=headers) for _ in range(40)]
    assert {read_refusal(answer.content).reason for answer in answers} == {"too_old"}
    signed = sum(ANSWER_HEADER in answer.headers for answer in answers)
    assert 0 < signed < len(answers)
    assert (await link.client.ask(PATH, b"", 1)).taken


@pytest.mark.parametrize(("off_ns", "reason"), [(1, "from_future"), (-1, "too_old")])
async def test_a_request_outside_the_window_is_refused_with_our_clock(off_ns, reason):
    """The refusal is signed, so the sender still learns how far its clock is off."""
    link = Link()
    link.asking_ns = NOW_NS + off_ns * (WINDOW_NS + 1)
    answer = await link.client.ask(PATH, b"", 1)
    assert (answer.status, read_refusal(answer.body).reason) == (401, reason)
    assert link.clocks.offset_ns(1) == -off_ns * (WINDOW_NS + 1)


async def test_a_stranger_is_refused():
    """A key that is no member's opens no session."""
    link = Link()
    stranger = OwnSession(SALT, LocalSigner(keccak(b"stranger")))
    with pytest.raises(Unreachable):
        await link.client_of(stranger).ask(PATH, b"", 1)
    assert link.refused("unknown_member") == 1


async def test_a_session_that_the_member_did_not_sign_is_refused():
    """A stranger cannot name a member in its session."""

    class Thief(LocalSigner):
        address = MEMBERS[2]

    link = Link()
    with pytest.raises(Unreachable):
        await link.client_of(OwnSession(SALT, Thief(keccak(b"thief")))).ask(PATH, b"", 1)
    assert link.refused("bad_session") == 1


async def test_a_session_ends():
    """An old session is not believed, and its owner opens the next in good time."""
    link = Link()
    old = await link.own.envelope(MEMBERS[1], PATH, b"", NOW_NS)
    link.asking_ns = link.answering_ns = NOW_NS + (SESSION_MS + 1) * 10**6
    late = await _raw(link, session=old.session)
    assert read_refusal(late.content).reason == "bad_session"
    assert (await link.client.ask(PATH, b"", 1)).taken


async def test_another_deployments_request_is_refused():
    """The domain is in every signature: the same keys elsewhere prove nothing here."""
    with pytest.raises(Unreachable):
        await Link(salt=bytes(32)).client.ask(PATH, b"", 1)


async def test_an_answer_of_somebody_else_is_not_believed():
    """Who answers must be the member that was asked, and answer this very request."""
    link = Link()
    other = OwnSession(SALT, LocalSigner(KEYS[2].secret))

    async def answer(request: httpx.Request) -> httpx.Response:
        reply = await other.reply(bytes(32), 200, b"", NOW_NS)
        return httpx.Response(200, headers={ANSWER_HEADER: reply.encode()})

    link.carrier = InMemory(httpx.MockTransport(answer))
    with pytest.raises(Unreachable, match="bad_signature"):
        await link.client_of(link.own).ask(PATH, b"", 1)
    assert link.clocks.offset_ns(1) is None


def _answering(link: Link, own: OwnSession, time_ns: int) -> InMemory:
    """Answer every request with the signature of this session, and this time."""

    async def answer(request: httpx.Request) -> httpx.Response:
        envelope = Envelope.decode(request.headers[REQUEST_HEADER])
        asked = keccak(envelope.message(SALT, PATH, request.content))
        reply = await own.reply(asked, 200, b"", time_ns)
        return httpx.Response(200, headers={ANSWER_HEADER: reply.encode()})

    return InMemory(httpx.MockTransport(answer))


@pytest.mark.parametrize("off_ms", [-SESSION_MS - 60_000, 20 * 60_000, -9 * SESSION_MS])
async def test_an_answer_is_believed_by_our_clock(off_ms):
    """A session that is over by our clock speaks for nobody, whatever time its answer says.

    A member whose clock is that far off is still measured, so that its operator is told.
    """
    link = Link()
    own = OwnSession(SALT, LocalSigner(KEYS[1].secret))
    link.carrier = _answering(link, own, NOW_NS + off_ms * 10**6)
    with pytest.raises(Unreachable, match="bad_session"):
        await link.client_of(link.own).ask(PATH, b"", 1)
    assert link.clocks.offset_ns(1) == off_ms * 10**6


async def test_an_answer_of_a_clock_that_is_a_little_off_is_believed():
    """Minutes do not matter for a session of an hour: the peer is heard, and measured."""
    link = Link()
    for off_ns in (-60 * S, -3 * S, 0, 3 * S, 60 * S):
        own = OwnSession(SALT, LocalSigner(KEYS[1].secret))
        link.carrier = _answering(link, own, NOW_NS + off_ns)
        assert (await link.client_of(link.own).ask(PATH, b"", 1)).taken


async def test_too_large_a_body_is_refused_by_its_length_or_its_bytes():
    """A length beyond the path's bound is refused unread, and a stream when it passes it."""
    link = Link()
    assert (await link.client.ask(PATH, bytes(1000), 1)).taken
    for content in (bytes(1001), _stream()):
        envelope = await link.own.envelope(MEMBERS[1], PATH, bytes(1001), NOW_NS)
        headers = {REQUEST_HEADER: envelope.encode()}
        response = await link.http.post(f"http://member{PATH}", content=content, headers=headers)
        assert (response.status_code, read_refusal(response.content).reason) == (413, "too_large")


async def _stream():
    for _ in range(101):
        yield bytes(10)


async def test_an_unknown_path_is_refused():
    """Only the paths of the protocol are there."""
    link = Link()
    envelope = await link.own.envelope(MEMBERS[1], "/v1/other", b"", NOW_NS)
    response = await link.http.post(
        "http://member/v1/other", headers={REQUEST_HEADER: envelope.encode()}
    )
    assert (response.status_code, read_refusal(response.content).reason) == (404, "unknown_path")


async def test_one_member_cannot_take_all_the_work():
    """Beyond its share a member is refused, while another is served."""
    release, working = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(member: int, body: bytes) -> Answer:
        working.release()
        await release.wait()
        return Answer(200, b"")

    link = Link({PATH: Route(slow, 10)})
    greedy = [asyncio.create_task(_raw(link)) for _ in range(AT_ONCE)]
    for _ in greedy:
        await working.acquire()
    assert (await _raw(link)).status_code == 429
    other = link.client_of(OwnSession(SALT, LocalSigner(KEYS[2].secret)))
    asked = asyncio.create_task(other.ask(PATH, b"", 5))
    await working.acquire()
    release.set()
    assert (await asked).taken
    assert [(await task).status_code for task in greedy] == [200] * AT_ONCE


async def test_what_may_succeed_later_is_said_so():
    """A disk that is full at the other end is a 503 with a name, not a broken connection."""

    async def full(member: int, body: bytes) -> Answer:
        raise Retryable("disk full")

    answer = await Link({PATH: Route(full, 10)}).client.ask(PATH, b"", 1)
    assert (answer.status, read_refusal(answer.body).reason) == (503, "not_now")


def test_a_budget_fills_again():
    """A burst is allowed, then as many a second as the budget says."""
    now = [0.0]
    budget = Budget(200.0, lambda: now[0])
    assert sum(budget.take() for _ in range(1000)) == 200 * BURST_S
    now[0] = 1.0
    assert sum(budget.take() for _ in range(1000)) == 200


def test_nonces_are_bounded_and_forgotten():
    """One member fills its own share only, and what is past the window makes room."""
    nonces = Nonces()
    for n in range(NONCES_HELD):
        nonces.take(MEMBERS[0], n.to_bytes(16, "big"), NOW_NS, NOW_NS)
    with pytest.raises(Distrusted) as refused:
        nonces.take(MEMBERS[0], b"one more", NOW_NS, NOW_NS)
    assert refused.value.reason is Distrust.TOO_MANY
    nonces.take(MEMBERS[1], b"one more", NOW_NS, NOW_NS)
    later_ns = NOW_NS + 2 * WINDOW_NS + 1
    nonces.take(MEMBERS[0], b"one more", later_ns, later_ns)


def test_a_circuit_opens_tries_and_closes():
    """After failures a peer is tried now and then only; one answer closes the circuit."""
    now = [0.0]
    circuit = Circuit(lambda: now[0])
    for _ in range(FAILURES_TO_OPEN):
        assert circuit.admits()
        circuit.failed()
    assert not circuit.admits()
    now[0] += 0.25
    assert circuit.admits()
    assert not circuit.admits()  # one try only
    circuit.succeeded()
    assert circuit.admits()
    assert circuit.admits()


async def test_a_dead_peer_is_named_and_then_left_alone():
    """Failures are Unreachable, and the circuit keeps the next ones from the network."""
    link, asked = Link(), []

    async def dead(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("refused")

    link.carrier = InMemory(httpx.MockTransport(dead))
    client = link.client_of(link.own)
    for _ in range(FAILURES_TO_OPEN + 3):
        with pytest.raises(Unreachable):
            await client.ask(PATH, b"", 1)
    assert len(asked) == FAILURES_TO_OPEN
    assert not client.reachable


def test_the_median_offset_outvotes_a_slow_answer():
    """One delayed answer among many does not move a peer's offset."""
    clocks = PeerClocks()
    for n in range(10):
        clocks.add(1, n * S, n * S + 5_000_000, n * S + 2_000_000)
    clocks.add(1, 0, 5 * S, 0)
    assert clocks.offset_ns(1) == 4_000_000
    clocks.add(2, 0, S, 0)
    assert clocks.beyond(250_000_000) == [2]
    assert clocks.ours_ns() == -4_000_000


def test_a_clock_set_back_during_a_request_is_no_sample():
    """An answer that came before its request says nothing."""
    clocks = PeerClocks()
    clocks.add(1, 10, 5, 9)
    assert clocks.offset_ns(1) is None


def test_no_request_is_a_report():
    """What a session, a request or an answer signs has another type than a report's digest."""
    message = session_message(SALT, MEMBERS[0], MEMBERS[1], 1)
    assert message != report_message(domain_separator(SALT), bytes(32), bytes(32), 1, 1)
    assert len(message) == 66


async def test_a_session_is_opened_once_for_many_requests():
    """The member's own key is asked once, not for every request."""

    class Counting(LocalSigner):
        count = 0

        async def sign(self, message: bytes) -> bytes:
            self.count += 1
            return await super().sign(message)

    signer = Counting(KEYS[0].secret)
    own = OwnSession(SALT, signer)
    await asyncio.gather(*(own.envelope(MEMBERS[1], PATH, b"", NOW_NS) for _ in range(20)))
    assert signer.count == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reason":"made_up"}', b'{"reason":1}', b"\xff"])
def test_a_refusal_of_a_peer_is_never_taken_at_its_word(body):
    """What a peer says goes to logs and metrics: anything odd reads as one name."""
    assert read_refusal(body).reason == "unreadable"


def test_reply_headers_are_read_strictly():
    """A header of another length is no signature."""
    with pytest.raises(Distrusted):
        Reply.decode("AAAA")


async def test_a_peer_left_alone_is_asked_what_is_urgent():
    """What it is needed for is not held back by what it did not answer; one answer heals all."""
    link = Link({PATH: Route(echo, 1000)}, salt=SALT)
    silent = link.client_of(link.own, to=2)  # member 1 answers there: nobody of that name
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(Unreachable):
            await silent.ask(PATH, b"", 5)
    with pytest.raises(Unreachable, match="has not answered lately"):
        await silent.ask(PATH, b"", 5)
    silent.peer = link.client.peer
    assert (await silent.ask(PATH, b"", 5, urgent=True)).taken
    assert silent.reachable
