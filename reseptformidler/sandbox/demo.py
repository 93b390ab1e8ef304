"""The demonstration: one prescription from M1 to M10 through the service's own interface, as a readable timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from reseptformidler.client import melding, rekvirent, utleverer
from reseptformidler.client.answer import Answer
from reseptformidler.client.head import Hode
from reseptformidler.client.rekvirent import Resept, Tilbakekalling
from reseptformidler.client.sign import sign
from reseptformidler.client.soap import Client
from reseptformidler.client.utleverer import Rapport, Sok
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, LEGER, PERSONER, SYSTEM, som_utleverer, som_virksomhet
from reseptformidler.sandbox.varer import TABLETT

Tell = Callable[[str], None]


class DemoFailed(Exception):
    """The service answered something else than the standard promises; the text says where."""


@dataclass(slots=True)
class Story:
    """Who takes part, and what has been told."""

    client: Client
    pki: Pki
    clock: Callable[[], datetime]
    tell: Tell
    steps: int = 0
    lege = LEGER[0]
    apotek = APOTEK[0]
    annet_apotek = APOTEK[1]
    person = PERSONER[0]
    conversation: dict[str, str] = field(default_factory=dict)

    def hode(self, parent: str = "", conversation: str = "", msg_id: UUID | None = None) -> Hode:
        """A head for a message of now."""
        return Hode(msg_id or uuid4(), self.clock(), parent, conversation)

    def signed(self, octets: bytes) -> bytes:
        """With the signature of the story's doctor."""
        return sign(octets, self.pki.card(self.lege, self.clock()))

    async def send(
        self, who: str, what: str, call: tuple[str, str], octets: bytes, *, refused: str = "", says: str = ""
    ) -> Answer:
        """Send one message, tell what was answered; DemoFailed unless it is accepted, or `refused` with that code."""
        answer = await self.client.call(*call, octets)
        self.steps += 1
        code = answer.errors[0][0] if answer.errors and answer.status == "2" else ""
        told = says or (f"avvist {code}: {answer.errors[0][1]}" if code else "AppRec OK")
        self.tell(_line(str(self.steps), who, what, told, f"{answer.seconds * 1000:.1f} ms"))
        if code != refused:
            raise DemoFailed(f"step {self.steps}: expected {refused or 'acceptance'}, got {code or 'acceptance'}")
        return answer


async def play(client: Client, pki: Pki, clock: Callable[[], datetime], tell: Tell) -> None:
    """Play the story; DemoFailed when an answer is not the promised one."""
    story = Story(client, pki, clock, tell)
    tell(_line("", "who", "sends", "is answered", "took"))
    await story.send(
        "an EPJ",
        "MV: is the connection well?",
        ("Rekvirent", "Verify"),
        melding.mv(story.hode(), som_virksomhet(story.lege.kontor), SYSTEM),
    )
    resept_id, m1 = await _prescribe(story)
    await _dispense(story, resept_id)
    await _repeat(story, m1)
    await _recall(story)
    tell(f"    demo passed: {story.steps} messages")


def _line(step: str, who: str, what: str, told: str, took: str) -> str:
    return f"{step:>3} {who:<23} {what:<35} {told:<58} {took:>8}"


async def _prescribe(story: Story) -> tuple[UUID, bytes]:
    hode = story.hode()
    m1 = story.signed(rekvirent.m1(hode, story.lege.rekvirent, story.person, Resept(TABLETT, reiterasjon=1)))
    await story.send(story.lege.navn + ", lege", "M1: a prescription, signed", ("Rekvirent", "M1"), m1)
    return hode.msg_id, m1


async def _dispense(story: Story, resept_id: UUID) -> None:
    """Search, download, dispense; another pharmacy cannot come between."""
    search = story.hode()
    m91 = utleverer.m91(search, som_utleverer(story.apotek), Sok(fnr=story.person.ident))
    m92 = await story.send(
        story.apotek.navn, "M9.1: the patient's prescriptions?", ("Utleverer", "M9_1"), m91, says="M9.2, the list"
    )
    if str(resept_id) not in {e.text for e in m92.root.iter("{*}ReseptId")}:
        raise DemoFailed("the prescription is not in the list")
    talk = str(search.msg_id)
    m93 = utleverer.m93(story.hode(m92.msg_id, talk), som_utleverer(story.apotek), str(resept_id))
    m94 = await story.send(
        story.apotek.navn, "M9.3: this one, please", ("Utleverer", "M9_3"), m93, says="M9.4, the M1 as signed; locked"
    )
    other = utleverer.m93(story.hode(m92.msg_id, talk), som_utleverer(story.annet_apotek), str(resept_id))
    await story.send(story.annet_apotek.navn, "M9.3: the same one", ("Utleverer", "M9_3"), other, refused="69")
    report = Rapport(str(resept_id), TABLETT, avsluttet=True)
    m10 = utleverer.m10(story.hode(m94.msg_id, talk), som_utleverer(story.apotek), story.person, report)
    first = await story.send(story.apotek.navn, "M10: dispensed, and finished", ("Utleverer", "M10"), m10)
    again = await story.send(
        story.apotek.navn,
        "the same M10 again (no answer came)",
        ("Utleverer", "M10"),
        m10,
        says="the same AppRec, byte for byte",
    )
    if first.octets != again.octets:
        raise DemoFailed("a repeated message got another answer")
    later = utleverer.m93(story.hode(m92.msg_id, talk), som_utleverer(story.annet_apotek), str(resept_id))
    await story.send(story.annet_apotek.navn, "M9.3: is there more of it?", ("Utleverer", "M9_3"), later, refused="96")


async def _repeat(story: Story, m1: bytes) -> None:
    """What was signed cannot be changed on the way."""
    changed = m1.replace(b"<Reiterasjon>1</Reiterasjon>", b"<Reiterasjon>9</Reiterasjon>")
    old, new = m1.split(b"<MsgId>")[1][:36], str(uuid4()).encode()
    await story.send(
        "somebody in between",
        "M1: more repetitions than signed",
        ("Rekvirent", "M1"),
        changed.replace(old, new),
        refused="43",
    )


async def _recall(story: Story) -> None:
    resept_id, _ = await _prescribe(story)
    m5 = story.signed(
        rekvirent.m5(story.hode(), story.lege.rekvirent, story.person, Tilbakekalling(str(resept_id), "2", "Seponert"))
    )
    await story.send(story.lege.navn + ", lege", "M5: recalls it", ("Rekvirent", "M5"), m5)
    search = story.hode()
    m91 = utleverer.m91(search, som_utleverer(story.apotek), Sok(fnr=story.person.ident, alle=True))
    m92 = await story.send(
        story.apotek.navn,
        "M9.1: all of them, also the ended?",
        ("Utleverer", "M9_1"),
        m91,
        says="M9.2, the recalled one among them",
    )
    m93 = utleverer.m93(story.hode(m92.msg_id, str(search.msg_id)), som_utleverer(story.apotek), str(resept_id))
    await story.send(story.apotek.navn, "M9.3: the recalled one", ("Utleverer", "M9_3"), m93, refused="97")
