"""`sandbox`: make, sign and send messages as the sandbox's synthetic parties."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from reseptformidler.commands.command import Command

if TYPE_CHECKING:
    from reseptformidler.client.answer import Answer
    from reseptformidler.client.sign import Card
    from reseptformidler.sandbox.pki import Pki

EXAMPLES = ("m1", "m3", "m41", "m5", "m91", "m93", "m95", "m97", "m911", "m921", "m10", "m15", "m241", "m271", "mv")


def data_dir_argument(parser: argparse.ArgumentParser) -> None:
    """The folder of `dev`, whose certificate authority is used."""
    parser.add_argument("--data-dir", type=Path, help="the folder that `dev` was given (its own fixed place)")


def pki_of(data_dir: Path | None, now: datetime) -> Pki:
    """The sandbox's certificate authority; made if `dev` never ran."""
    from reseptformidler.embedded import default_base
    from reseptformidler.sandbox.pki import Pki

    return Pki.open((data_dir or default_base()) / "pki" / "now", now)


def arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each."""
    chosen = parser.add_subparsers(dest="sandbox", metavar="WHAT", required=True)
    for name, text, fill in (
        ("example", "print a correct message of a type, unsigned", _example_arguments),
        ("sign", "give a message the signature of the rekvirent in its head", _sign_arguments),
        ("issue", "issue a certificate with its key, as PEM", _issue_arguments),
        ("send", "send a message to a running server and print the answer", _send_arguments),
    ):
        sub = chosen.add_parser(name, help=text, description=text)
        data_dir_argument(sub)
        fill(sub)


def _example_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", choices=EXAMPLES, help="which message")
    parser.add_argument(
        "--resept-id", default="", help="of the prescription that it speaks of, if it does (a new UUID)"
    )
    parser.set_defaults(do=_example)


def _sign_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a prescriber's message; an old signature is replaced")
    parser.add_argument("--new", action="store_true", help="write a new MsgId and the GenDate of now first")
    parser.set_defaults(do=_sign)


def _issue_arguments(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--hpr", help="HPR number of a person of the sandbox")
    who.add_argument("--her", help="HER-id of an organisation of the sandbox")
    who.add_argument("--person", nargs=2, metavar=("SERIAL", "NAME"), help="any person: subject serialNumber and name")
    parser.set_defaults(do=_issue)


def _send_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a message; its type says which operation is called")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (http://127.0.0.1:8080)")
    parser.set_defaults(do=_send)


def run(given: argparse.Namespace) -> int:
    """Run the sub-command."""
    do: Callable[[argparse.Namespace], int] = given.do
    try:
        return do(given)
    except OSError as error:
        print(f"{error.filename or 'connection'}: {error.strerror or error}", file=sys.stderr)
        return 2


def _example(given: argparse.Namespace) -> int:
    from reseptformidler.sandbox.examples import examples

    made = examples(given.resept_id or str(uuid4()), uuid4(), uuid4(), datetime.now(UTC))
    _put(made[given.type]())
    return 0


def _sign(given: argparse.Namespace) -> int:
    from lxml import etree

    from reseptformidler.client.sign import renewed, sign
    from reseptformidler.sandbox.pki import signer

    now, octets = datetime.now(UTC), given.file.read_bytes()
    try:
        lege = signer(octets)
        if lege is None:
            print(f"{given.file}: the head names no prescriber of the sandbox", file=sys.stderr)
            return 1
        octets = renewed(octets, uuid4(), now) if given.new else renewed(octets)
        _put(sign(octets, pki_of(given.data_dir, now).card(lege, now)))
    except (etree.XMLSyntaxError, ValueError) as error:
        print(f"{given.file}: {error}", file=sys.stderr)
        return 1
    return 0


def _issue(given: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    card = _card(given)
    if card is None:
        print("nobody of that number lives in the sandbox", file=sys.stderr)
        return 1
    _put(card.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _put(card.certificate.public_bytes(Encoding.PEM))
    return 0


def _card(given: argparse.Namespace) -> Card | None:
    from reseptformidler.sandbox import pki as pki_module
    from reseptformidler.sandbox.population import ALLE_AKTORER, ALLE_LEGER

    now = datetime.now(UTC)
    pki = pki_of(given.data_dir, now)
    if given.person:
        subject = pki_module.person_subject(*given.person)
        return pki.issue(pki_module.Request(subject, now, now + pki_module.CARD_AGE))
    if given.hpr:
        lege = next((one for one in ALLE_LEGER if one.helsepersonell.hpr == given.hpr), None)
        return pki.card(lege, now) if lege else None
    aktor = next((one for one in ALLE_AKTORER if one.her == given.her), None)
    return pki.organisation_card(aktor, now) if aktor else None


def _send(given: argparse.Namespace) -> int:
    from reseptformidler.client.answer import NoAnswer
    from reseptformidler.wire.parse import Unreadable

    try:
        answer = asyncio.run(_sent(given.url, given.file.read_bytes()))
    except (NoAnswer, Unreadable) as error:
        print(error, file=sys.stderr)
        return 1
    _put(answer.octets)
    print()
    return int(answer.status == "2")


async def _sent(url: str, octets: bytes) -> Answer:
    from reseptformidler import meldinger
    from reseptformidler.client.answer import NoAnswer
    from reseptformidler.client.soap import Client
    from reseptformidler.wire.msghead import payload_namespace, read_head
    from reseptformidler.wire.parse import parse
    from reseptformidler.wire.soap import SERVICES

    root = parse(octets)
    type_ = meldinger.meant(read_head(root), payload_namespace(root))
    if type_ is None:
        raise NoAnswer("no operation carries a message of this type")
    service, operation = type_.operations[0]
    async with Client(url) as client:
        return await (client.call(service, operation, octets) if service in SERVICES else client.deliver(octets))


def _put(octets: bytes) -> None:
    sys.stdout.buffer.write(octets)
    sys.stdout.flush()


COMMAND = Command(
    "sandbox",
    "make, sign and send messages as the sandbox's synthetic parties",
    arguments,
    run,
    description="""Play a party of the sandbox from the command line.

  reseptformidler sandbox example m1 > m1.xml
  reseptformidler sandbox sign --new m1.xml > signed.xml
  reseptformidler sandbox send signed.xml
  reseptformidler sandbox issue --hpr 999000001 > card.pem""",
)
