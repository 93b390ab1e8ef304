"""Judging: each kind of wrong answer is seen."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from loadtest.answers import Expected, Message, all_wrong, wrong
from loadtest.client import Reply

_APPREC = '<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2004-11-21"><Status V="{status}" DN="x"/>{error}</AppRec>'
OK = _APPREC.format(status=1, error="")
NOTED = _APPREC.format(status=1, error='<Error V="13" DN="x"/>')
REFUSED = _APPREC.format(status=2, error='<Error V="43" DN="x"/><Error V="1" DN="x"/>')
M94 = '<MsgHead><MsgInfo><Type V="ERM94" DN="x"/></MsgInfo><Content>PE0xLz4=</Content></MsgHead>'
FAULT = b"<Envelope><Body><Fault><faultstring>x</faultstring></Fault></Body></Envelope>"


def soap(octets: str) -> bytes:
    encoded = base64.b64encode(octets.encode()).decode()
    return f"<Envelope><Body><r><t:dokument xmlns:t='x'>{encoded}</t:dokument></r></Body></Envelope>".encode()


@pytest.mark.parametrize(
    "expected,reply",
    [
        (Expected(), Reply(200, soap(OK))),
        (Expected(), Reply(200, soap(NOTED))),
        (Expected(code="43"), Reply(200, soap(REFUSED))),
        (Expected(reply="ERM94", holds=b"<M1/>"), Reply(200, soap(M94))),
        (Expected(status=400, reply=""), Reply(400, FAULT)),
    ],
)
def test_a_right_answer_is_right(expected: Expected, reply: Reply) -> None:
    """Accepted, accepted with a note, refused for the expected reason, a reply with what it must carry, a fault."""
    assert wrong(expected, reply) == ""


@pytest.mark.parametrize(
    "expected,reply,says",
    [
        (Expected(), Reply(503, FAULT), "HTTP 503 instead of 200"),
        (Expected(), Reply(0, b"connection lost"), "HTTP 0 instead of 200"),
        (Expected(), Reply(200, soap(REFUSED)), "APPREC 43 instead of APPREC "),
        (Expected(code="1"), Reply(200, soap(REFUSED)), "APPREC 43 instead of APPREC 1"),
        (Expected(code="43"), Reply(200, soap(OK)), "APPREC  instead of APPREC 43"),
        (Expected(reply="ERM94"), Reply(200, soap(OK)), "APPREC  instead of ERM94 "),
        (Expected(reply="ERM94", holds=b"<M2/>"), Reply(200, soap(M94)), "ERM94 without what it must carry"),
        (Expected(), Reply(200, b"<Envelope/>"), "no message in the answer"),
        (Expected(), Reply(200, soap(OK)[:-1]), "no message in the answer"),
        (Expected(status=400, reply=""), Reply(400, b"<Envelope/>"), "no fault"),
    ],
)
def test_a_wrong_answer_is_seen(expected: Expected, reply: Reply, says: str) -> None:
    """Each way in which an answer may be wrong has its own words."""
    assert wrong(expected, reply) == says


@dataclass(frozen=True, slots=True)
class Answered:
    message: Message
    reply: Reply


def test_wrong_answers_are_counted_by_type() -> None:
    """So that a report says what went wrong, not only that something did."""
    ok, bad = Reply(200, soap(OK)), Reply(503, FAULT)
    m1, m10 = Message("M1", b"", Expected()), Message("M10", b"", Expected())
    found = all_wrong([Answered(m1, ok), Answered(m1, bad), Answered(m10, bad), Answered(m1, bad)])
    assert found == {"M1: HTTP 503 instead of 200": 2, "M10: HTTP 503 instead of 200": 1}
