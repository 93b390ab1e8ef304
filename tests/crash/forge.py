"""Forged histories: what a service would have to answer for the checker to find something."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

from loadtest.crash.history import Answered, Arrived, Asked, Entry, Failed, Healed, Injected, Listening

RESEPT = "11111111-2222-4333-8444-555555555555"
DOCTOR, ALTA, BODO = "Sandkasse Legekontor", "Sandkasse Apotek Alta", "Sandkasse Apotek Bodø"
OTHER_DOCTOR = "Sandkasse Legekontor Mo"
HER = {DOCTOR: "9900001", OTHER_DOCTOR: "9900013", ALTA: "9900101", BODO: "9900103"}
RIGHT = 3
"""How many dispensings the prescription allows."""
REPORTS = ("M6", "M8.1")
M1 = b"<M1/>"


def sha256(octets: bytes) -> str:
    """In hex."""
    return hashlib.sha256(octets).hexdigest()


def soap(message: str) -> str:
    """The body that carries a message."""
    return f"<Envelope><dokument>{base64.b64encode(message.encode()).decode()}</dokument></Envelope>"


def apprec(msg_id: str, *codes: str, accepted: bool = False) -> str:
    """A refusal with these codes, or an acceptance with these notes."""
    errors = "".join(f'<Error V="{code}"/>' for code in codes)
    return soap(
        f'<AppRec xmlns="http://www.kith.no/xmlstds/apprec/2004-11-21"><Status V="{1 if accepted else 2}"/>{errors}'
        f"<OriginalMsgId><Id>{msg_id}</Id></OriginalMsgId></AppRec>"
    )


def ok(msg_id: str) -> str:
    """An acceptance."""
    return apprec(msg_id, accepted=True)


def m92(msg_id: str, status: str = "", holder: str = "") -> str:
    """A list with the prescription in that status, or empty."""
    info = f'<Reseptinfo><ReseptId>{RESEPT}</ReseptId><Status V="{status}"/>' if status else ""
    info += f"<NavnUtleverer>{holder}</NavnUtleverer>" if holder else ""
    info += "</Reseptinfo>" if status else ""
    return _reply(msg_id, "ERM92", f"<Reseptliste>{info}</Reseptliste>")


def m94(msg_id: str, *documents: bytes, status: str = "E") -> str:
    """The prescription with its documents."""
    attached = "".join(f"<Base64Container>{base64.b64encode(one).decode()}</Base64Container>" for one in documents)
    return _reply(msg_id, "ERM94", f'<ReseptNedlasting><Status V="{status}"/></ReseptNedlasting>{attached}')


def _reply(msg_id: str, type_: str, payload: str) -> str:
    return soap(
        f'<MsgHead><MsgInfo><Type V="{type_}"/><ConversationRef><RefToParent>{msg_id}</RefToParent></ConversationRef>'
        f"</MsgInfo>{payload}</MsgHead>"
    )


class Forged:
    """Writes a history in which one thing happens after the other, unless a test says when."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers = count()
        self._lines: list[tuple[float, str]] = []
        self._clock = count(1)

    def says(
        self, who: str, verb: str, msg_id: str, body: str | None, *,
        at: tuple[float, float] = (0, 0), status: int = 200, annuls: str = "",
    ) -> None:  # fmt: skip
        """One message and its answer; `body` None: an attempt that got none."""
        begun, ended = at if at[1] else (next(self._clock), next(self._clock) - 0.5)
        octets = M1 if verb == "prescribe" else msg_id.encode()
        no = next(self._numbers)
        right = RIGHT if verb == "prescribe" else 0
        asked = Asked(who, verb, msg_id, RESEPT, 0, annuls, HER[who], right, sha256(octets), no, begun)
        self._write(replace(asked, resept="") if verb.startswith("list") else asked)
        if body is None:
            self._write(Failed(no, "ClientOSError", at=ended))
        else:
            self._write(Answered(no, status, sha256(body.encode()), body, ended))

    def prescribed(self) -> None:
        """The M1, accepted."""
        self.says(DOCTOR, "prescribe", RESEPT, ok(RESEPT))

    def downloaded(self, who: str, msg_id: str, *dispensed: bytes, status: str = "E") -> None:
        """An M9.3 that was answered with an M9.4."""
        self.says(who, "download", msg_id, m94(msg_id, M1, *dispensed, status=status))

    def reported(self, who: str, verb: str, msg_id: str, annuls: str = "") -> None:
        """An M10 that was accepted; its bytes are its MsgId."""
        self.says(who, verb, msg_id, ok(msg_id), annuls=annuls)

    def listens(self) -> None:
        """The receivers are there."""
        self._write(Listening(next(self._clock)))

    def arrives(self, type_: str, cause: str, receiver: str = "", told: str = "", *, parent: str = "") -> None:
        """An owed message at its receiver."""
        content = {"Annullering": told == "annuls"} if type_ in REPORTS else {"Status": told} if told else {}
        self._write(Arrived(type_, receiver, cause, parent or cause, RESEPT, content, next(self._clock)))

    def reports_arrive(self, cause: str, told: str = "", *, but: str = "") -> None:
        """What a dispensing or an annulment owes."""
        for type_ in REPORTS:
            if type_ != but:
                self.arrives(type_, cause, HER[DOCTOR] if type_ == "M6" else "", told)

    def suffers(self, what: str, at: tuple[float, float], *alerts: str) -> None:
        """A fault, and when it was healed."""
        self._write(Injected(what, at[0]))
        self._write(Healed(what, "oslo", alerts, at[1]))

    def written(self) -> Path:
        """The file."""
        self.path.write_text("".join(line for _, line in sorted(self._lines, key=lambda one: one[0])))
        return self.path

    def _write(self, entry: Entry) -> None:
        self._lines.append((entry.at, json.dumps({"kind": type(entry).__name__, **asdict(entry)}) + "\n"))
