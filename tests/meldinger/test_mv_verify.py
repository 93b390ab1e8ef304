"""MV in both versions: each rule with a message that passes and one that does not."""

from __future__ import annotations

from reseptformidler.domain.aktor import Facts
from reseptformidler.domain.decision import Decision, Needs
from reseptformidler.domain.hode import Kode
from reseptformidler.meldinger import mv_verify as mv
from tests.meldinger import bygg
from tests.meldinger.bygg import LEGEKONTOR, Sak, hode, sak, skiller, xml

FACTS = Facts(avsender=LEGEKONTOR)
SYSTEM: dict[str, str | None] = {
    "SystemCode": "EPJ1",
    "SystemName": "Journal",
    "Version": "4.2",
    "TimeLastUpdated": "2026-01-01T00:00:00",
}
DRIFT: dict[str, str | None] = {
    "ServiceVendorName": "Drift AS",
    "ContactName": "Vakt",
    "ContactMail": "vakt@example.test",
    "ContactPhone": "22222222",
}


def ny(system: dict[str, str | None] | None = None, drift: dict[str, str | None] | None = None, v: str = "ERMV") -> Sak:
    """An MV of 2017 with changed parts."""
    parts: dict[str, str | None] = {
        "SystemInfo": xml("SystemInfo", mv.NS_2017, {**SYSTEM, **(system or {})}),
        "OperationSupplierInfo": xml("OperationSupplierInfo", mv.NS_2017, {**DRIFT, **(drift or {})}),
        "AdditionalInfo": xml("AdditionalInfo", mv.NS_2017, {"Key": "k", "Value": "v"}),
    }
    return sak(mv.TYPE, xml("Verify", mv.NS_2017, parts), hode("ERMV", type=Kode(v, "Verify")), FACTS)


def gammel(**changes: str | None) -> Sak:
    """An MV of 2013 with changed parts."""
    parts: dict[str, str | None] = {"Systemleverandor": "EPJ AS", "Driftsleverandor": "Drift AS", "System": "Journal"}
    head = hode("ERMV", type=Kode("ERMV", "Verify"))
    return sak(mv.TYPE, xml("Verify", mv.NS_2013, {**parts, **changes}), head, FACTS)


def test_a_verify_changes_nothing() -> None:
    """Both versions are accepted, load nothing and change nothing."""
    for melding in (ny(), gammel()):
        assert mv.needs(melding.mottatt, Facts()) == Needs()
        assert melding.avgjor() == Decision()


def test_every_service_has_the_operation() -> None:
    """Rekvirent, Utleverer and NA all have Verify."""
    assert {service for service, operation in mv.TYPE.operations if operation == "Verify"} == {
        "Rekvirent",
        "Utleverer",
        "NA",
    }


def test_7419_133_verify_type() -> None:
    """The type is ERMV."""
    skiller(133, ny(), ny(v="ERM1"))


def test_7419_312_verify_name() -> None:
    """The type's name is Verify, not the display name of list 8279."""
    galt = sak(
        mv.TYPE, xml("Verify", mv.NS_2013, {"Systemleverandor": "a", "Driftsleverandor": "b"}), hode("ERMV"), FACTS
    )
    skiller(312, gammel(), galt)


def test_7419_233_system_supplier_missing() -> None:
    """The version of 2013 names the system's supplier."""
    skiller(233, (gammel(), ny()), gammel(Systemleverandor=None))


def test_7419_234_operation_supplier_missing() -> None:
    """The version of 2013 names who operates it."""
    skiller(234, (gammel(), ny()), gammel(Driftsleverandor=None))


def test_7419_328_system_name_missing() -> None:
    """Each system has a name."""
    skiller(328, (ny(), gammel()), ny({"SystemName": None}))


def test_7419_329_system_version_missing() -> None:
    """Each system has a version."""
    skiller(329, (ny(), gammel()), ny({"Version": " "}))


def test_7419_331_vendor_name_missing() -> None:
    """The operator has a name."""
    skiller(331, (ny(), gammel()), ny(drift={"ServiceVendorName": None}))


def test_7419_332_contact_name_missing() -> None:
    """The operator names a contact."""
    skiller(332, (ny(), gammel()), ny(drift={"ContactName": None}))


def test_7419_333_contact_mail_missing() -> None:
    """The contact has a mail address."""
    skiller(333, (ny(), gammel()), ny(drift={"ContactMail": None}))


def test_7419_334_contact_phone_missing() -> None:
    """The contact has a telephone."""
    skiller(334, (ny(), gammel()), ny(drift={"ContactPhone": None}))


def test_the_second_system_counts_too() -> None:
    """SystemInfo may stand several times; each of them is judged."""
    to = "".join(xml("SystemInfo", mv.NS_2017, part) for part in (SYSTEM, {**SYSTEM, "Version": None}))
    drift = xml("OperationSupplierInfo", mv.NS_2017, DRIFT)
    payload = f'<Verify xmlns="{mv.NS_2017}">{to}{drift}</Verify>'
    assert sak(mv.TYPE, payload, hode("ERMV", type=Kode("ERMV", "Verify")), FACTS).koder == ["329"]


def test_an_unknown_sender_is_refused() -> None:
    """The rules for any sender apply."""
    melding = bygg.sak(mv.TYPE, xml("Verify", mv.NS_2013, {}), hode("ERMV", type=Kode("ERMV", "Verify")), Facts())
    assert "128" in melding.koder
