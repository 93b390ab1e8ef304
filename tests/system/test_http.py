"""What operators and their machines see: readiness, metrics, shedding, the end of a process, the refusal to start."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reseptformidler import meldinger, metrics, reasons
from reseptformidler.app import StartError
from reseptformidler.client import melding, utleverer
from reseptformidler.client.head import Hode
from reseptformidler.client.soap import envelope
from reseptformidler.client.utleverer import Sok
from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import APOTEK, PERSONER, SYSTEM, som_utleverer, som_virksomhet
from reseptformidler.store.queries import QUERIES
from tests.system.process import command, environment, serving
from tests.system.world import FEW_REGISTERS, World, posted, running

OWED = {
    *("M5.2", "M6", "M7", "M8", "M8.1", "M14", "M15", "M20", "M21", "M25.2", "M25.3", "M25.4", "M28"),
}
"""What a relay that ran in this process may have counted."""
REKVIRENT = "/Rekvirent/RekvirentWebServiceSoapHttpPort"
UTLEVERER = "/Utleverer/UtlevererWebServiceSoapHttpPort"


async def got(address: str, path: str) -> tuple[int, str]:
    """One GET."""
    async with aiohttp.ClientSession() as session, session.get(address + path) as response:
        return response.status, await response.text()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection that is none of the service's."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def locked(url: str, resept_ids: Sequence[str]) -> AsyncIterator[None]:
    """Somebody else holds the rows of these prescriptions."""
    async with connected(url) as connection, connection.transaction():
        await connection.fetch("SELECT 1 FROM resept WHERE resept_id = ANY($1::uuid[]) FOR UPDATE", resept_ids)
        yield


def download(world: World, resept_id: str) -> bytes:
    """An M9.3 in an envelope."""
    talk = str(uuid4())
    octets = utleverer.m93(replace(world.hode(), parent=talk, conversation=talk), som_utleverer(APOTEK[0]), resept_id)
    return envelope("Utleverer", "M9_3", octets)


async def waiting(url: str, number: int) -> None:
    """Return when so many statements of the service wait for a lock."""
    async with connected(url) as connection:
        for _ in range(500):
            found = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if found >= number:
                return
            await asyncio.sleep(0.01)
    raise AssertionError(f"no {number} wait")


async def test_alive_and_ready(world: World) -> None:
    """Both say so in one word."""
    assert await got(world.address, "/livez") == (200, "ok\n")
    assert await got(world.address, "/readyz") == (200, "ok\n")


async def until_ready(world: World, status: int) -> str:
    """What /readyz says once it has this status."""
    async with asyncio.timeout(10):
        while (answer := await got(world.address, "/readyz"))[0] != status:
            await asyncio.sleep(0.05)
    return answer[1]


@asynccontextmanager
async def shut(database_url: str, server_url: str) -> AsyncIterator[None]:
    """The database lets nobody in, and throws out who is there."""
    name = urlsplit(database_url).path.strip("/")
    async with connected(server_url) as connection:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_not_ready_without_database(database_url: str, server_url: str, tmp_path: Path, pki: Pki) -> None:
    """When nobody has let us in for as long as a message waits, the process lives, but is not ready."""
    async with running(database_url, tmp_path, pki, answer_seconds=1) as world:
        async with shut(database_url, server_url):
            status, body, headers = await posted(world.address, UTLEVERER, download(world, str(uuid4())))
            assert (status, headers["Retry-After"]) == (503, "5")
            assert b"<faultcode>soapenv:Server</faultcode>" in body
            assert await until_ready(world, 503) == "no primary among the database servers for 1 s\n"
            assert (await got(world.address, "/livez"))[0] == 200
        assert await until_ready(world, 200) == "ok\n"
        await world.prescribed()


async def test_waits_while_the_primary_is_away(database_url: str, server_url: str, tmp_path: Path, pki: Pki) -> None:
    """A message that comes while the database is away is answered when it is back: its sender sees only latency."""
    async with running(database_url, tmp_path, pki) as world:
        async with shut(database_url, server_url):
            waiting = asyncio.create_task(world.prescribed())
            await asyncio.sleep(2)
            assert not waiting.done()
            assert await got(world.address, "/readyz") == (200, "ok\n")
        await waiting


async def test_sheds_what_has_no_room(database_url: str, server_url: str, tmp_path: Path, pki: Pki) -> None:
    """While messages wait, others are let in only as long as there is room for them; the rest get 503 at once."""
    async with running(database_url, tmp_path, pki, queue_bytes=40_000) as world:
        bodies = [envelope("Rekvirent", "M1", world.m1()) for _ in range(8)]
        async with shut(database_url, server_url):
            sent = [asyncio.create_task(posted(world.address, REKVIRENT, body, SOAPAction="M1")) for body in bodies]
            shed, waiting = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        status, _, headers = next(iter(shed)).result()
        assert (status, headers["Retry-After"]) == (503, "5")
        assert {answer[0] for answer in await asyncio.gather(*waiting)} <= {200, 503}
        assert [answer[0] for answer in await asyncio.gather(*sent)].count(200) == 40_000 // len(bodies[0])


async def test_leaves_before_it_ends(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """After SIGTERM requests are still taken for a while, but /readyz says no and connections are not kept."""
    given = environment(database_url, tmp_path, pki, FEW_REGISTERS, RF_LEAVE_SECONDS="2")
    with serving(given, tmp_path / "log") as service:
        service.process.terminate()
        async with asyncio.timeout(5), aiohttp.ClientSession(service.address) as session:
            while True:
                async with session.get("/readyz") as answer:
                    text = await answer.text()
                if answer.status != 200:
                    break
            assert (answer.status, text) == (503, "the process is ending\n")
            assert answer.headers["Connection"] == "close"
            body = envelope(
                "Utleverer",
                "M9_1",
                utleverer.m91(Hode(uuid4(), datetime.now(UTC)), som_utleverer(APOTEK[0]), Sok(fnr="x")),
            )
            assert (await posted(service.address, UTLEVERER, body, SOAPAction="M9_1"))[0] == 200
        assert service.process.wait(20) == 0


async def test_not_ready_on_a_newer_schema(world: World, database_url: str) -> None:
    """A database that tolerates only newer code makes the process not ready; it goes on living."""
    async with connected(database_url) as connection:
        await connection.execute("INSERT INTO schema_version VALUES (9999, '9999_post_x', 'post', '-', now())")
    text = await until_ready(world, 503)
    assert "tolerates no code older than schema 9999" in text


async def test_refuses_to_start_on_an_old_schema(empty_database_url: str, tmp_path: Path, pki: Pki) -> None:
    """Without its tables the service does not start, and says what to do."""
    with pytest.raises(StartError, match="run migrate first"):
        async with running(empty_database_url, tmp_path, pki):
            pass


async def test_metrics(world: World) -> None:
    """Every metric is shown, and every label comes from a closed set, whatever was sent."""
    await world.prescribed()
    await world.listed(Sok(fnr=PERSONER[0].ident))
    for operation, body in (("M1", b"x"), ("M9_7", envelope("Rekvirent", "M9_7", world.m1())), ("<&\u00e6", b"")):
        await posted(world.address, REKVIRENT, body, SOAPAction=operation)
    _, text = await got(world.address, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    declared = {name for one in vars(metrics).values() if (name := getattr(one, "_name", "")).startswith("resept")}
    assert declared
    assert declared <= set(families)
    closed = {
        "melding": {"ukjent", *(one.token for one in meldinger.ALL), *OWED},
        "outcome": {
            *("godtatt", "avvist", "unreadable", "failed", "shed", "gjentatt"),
            *("delivered", "given_up", "confirmed", "stale"),
        },
        "reason": {one.code for one in (*reasons.ALL, *reasons.GENERAL.values())},
        "stage": {"parse", "envelope", "signature", "rules", "store"},
        "query": set(QUERIES),
        "state": {"idle", "busy"},
        "role": set(metrics.DB_ROLES),
        "cause": {"given_up", "refused"},
        "status": {"1", "2", "3"},
    }
    seen = {
        (label, value)
        for family in families.values()
        for sample in family.samples
        for label, value in sample.labels.items()
        if label not in ("le", "version", "schema", "table", "what", "server")
    }
    assert {label for label, _ in seen} <= set(closed)
    assert [one for one in seen if one[1] not in closed[one[0]]] == []
    assert ("outcome", "unreadable") in seen
    assert ("reason", "303") in seen


async def test_shed(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """Two messages are under way and one waits: the next gets 503 with Retry-After; an answer when there is room."""
    async with running(database_url, tmp_path, pki, queue_size=1, batch_size=1) as world:
        ids = [await world.prescribed() for _ in range(4)]
        bodies = [download(world, resept_id) for resept_id in ids]
        async with locked(database_url, ids):
            first = []
            for number, body in enumerate(bodies[:2], start=1):
                first.append(asyncio.create_task(posted(world.address, UTLEVERER, body)))
                await waiting(database_url, number)
            first.append(asyncio.create_task(posted(world.address, UTLEVERER, bodies[2])))
            await asyncio.sleep(0.2)
            status, body, headers = await posted(world.address, UTLEVERER, bodies[3])
            assert (status, headers["Retry-After"]) == (503, "5")
            assert "Tjenesten har for mye å gjøre" in body.decode()
        assert [status for status, body, _ in await asyncio.gather(*first)] == [200, 200, 200]
        status, body, _ = await posted(world.address, UTLEVERER, bodies[3])
        assert status == 200
        assert b"M9_4Element" in body


async def test_the_longest_wait(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """A message that cannot be committed in time gets 503; the same message is answered when it can."""
    async with running(database_url, tmp_path, pki, answer_seconds=1) as world:
        resept_id = await world.prescribed()
        body = download(world, resept_id)
        async with locked(database_url, [resept_id]):
            status, _, headers = await posted(world.address, UTLEVERER, body)
            assert (status, headers["Retry-After"]) == (503, "5")
        status, answer, _ = await posted(world.address, UTLEVERER, body)
        assert status == 200
        assert b"M9_4Element" in answer


async def test_drain(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """SIGTERM with messages in progress: each is answered, nobody new gets in, and the process ends well."""
    async with running(database_url, tmp_path, pki) as world:
        ids = [await world.prescribed() for _ in range(6)]
        bodies = [download(world, resept_id) for resept_id in ids]
    with serving(environment(database_url, tmp_path, pki, FEW_REGISTERS), tmp_path / "log") as service:
        async with locked(database_url, ids):
            calls = [asyncio.create_task(posted(service.address, UTLEVERER, body)) for body in bodies]
            await waiting(database_url, 1)
            await asyncio.sleep(0.1)
            ending = asyncio.create_task(asyncio.to_thread(service.end))
            await asyncio.sleep(0.3)
            assert not ending.done()
            with pytest.raises(aiohttp.ClientConnectorError):
                await posted(service.address, UTLEVERER, bodies[0])
        answers = await asyncio.gather(*calls)
        assert await ending == 0
    assert [(status, headers["Connection"]) for status, _, headers in answers] == [(200, "close")] * 6
    assert all(b"M9_4Element" in body for _, body, _ in answers)
    async with connected(database_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM resept WHERE las_her = $1", APOTEK[0].her) == 6


async def test_drain_hears_a_message_to_its_end(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """SIGTERM while a body is still being sent: it is read, handled and answered."""
    async with running(database_url, tmp_path, pki) as world:
        body = envelope("Rekvirent", "M1", world.m1())
    with serving(environment(database_url, tmp_path, pki, FEW_REGISTERS), tmp_path / "log") as service:
        host, port = service.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {REKVIRENT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[:1000])
        await writer.drain()
        await asyncio.sleep(0.2)
        ending = asyncio.create_task(asyncio.to_thread(service.end))
        await asyncio.sleep(0.3)
        writer.write(body[1000:])
        answer = await reader.read()
        assert await ending == 0
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"AppRecElement" in answer


async def test_drain_under_load(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """Senders that go on until nobody listens: who is answered is answered well, who is not was not heard at all."""
    async with running(database_url, tmp_path, pki) as world:
        heads = [world.hode() for _ in range(4000)]
    answered: dict[str, int] = {}
    unheard: set[str] = set()

    async def sender(address: str) -> None:
        for hode in iter(heads.pop, None):
            body = envelope("Rekvirent", "Verify", melding.mv(hode, som_virksomhet(APOTEK[0]), SYSTEM))
            try:
                status, _, _ = await posted(address, REKVIRENT, body)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                unheard.add(str(hode.msg_id))
                return
            answered[str(hode.msg_id)] = status

    with serving(environment(database_url, tmp_path, pki, FEW_REGISTERS), tmp_path / "log") as service:
        senders = asyncio.gather(*(sender(service.address) for _ in range(8)))
        await asyncio.sleep(0.5)
        assert await asyncio.to_thread(service.end) == 0
        await senders
    assert len(answered) > 20
    assert set(answered.values()) == {200}
    async with connected(database_url) as connection:
        stored = {str(row["msg_id"]) for row in await connection.fetch("SELECT msg_id FROM krav")}
    assert len(unheard) == 8
    assert stored.isdisjoint(unheard)
    assert stored >= set(answered)


def test_half_a_configuration(tmp_path: Path, pki: Pki) -> None:
    """`serve` ends with status 2 and names what is missing or unknown, never a value."""
    whole = environment("postgresql://u:hemmelig@127.0.0.1:1/x", tmp_path, pki, FEW_REGISTERS)
    for changed, said in (
        ({"RF_KEK_FILE": None, "RF_TRUST_DIR": None}, ("RF_KEK_FILE", "RF_TRUST_DIR")),
        ({"RF_REGISTRES": "x"}, ("unknown setting: RF_REGISTRES",)),
        ({"RF_PORT": "hemmelig"}, ("RF_PORT",)),
        ({"RF_DATABASE_URL": "mysql://hemmelig"}, ("RF_DATABASE_URL",)),
    ):
        given = {name: value for name, value in (whole | changed).items() if value is not None}
        done = command(["serve"], env=given)
        assert done.returncode == 2
        assert all(one in done.stderr for one in said)
        assert "hemmelig" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_no_database(tmp_path: Path, pki: Pki) -> None:
    """`serve` without its database is one line and status 1; `check` names what failed. Neither shows the password."""
    given = environment("postgresql://u:hemmelig@127.0.0.1:1/x", tmp_path, pki, FEW_REGISTERS, RF_ANSWER_SECONDS="1")
    done = command(["serve"], env=given)
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot start: no database")
    checked = command(["check"], env=given)
    assert checked.returncode == 1
    assert re.findall(r"^(ok|FAILED)", checked.stdout, re.MULTILINE) == ["FAILED", "FAILED", "ok", "ok", "ok"]
    for one in (done, checked):
        assert "hemmelig" not in one.stdout + one.stderr
        assert "Traceback" not in one.stderr


def test_check(database_url: str, tmp_path: Path, pki: Pki) -> None:
    """`check` shows every setting in force, the password and the keys masked, and status 0 when all is well."""
    given = environment(database_url, tmp_path, pki, FEW_REGISTERS)
    done = command(["check"], env=given)
    assert (done.returncode, done.stderr) == (0, "")
    assert "RF_DATABASE_URL=**********" in done.stdout
    assert "RF_BATCH_SIZE=64" in done.stdout
    assert done.stdout.count("\nok ") == 5
    password = urlsplit(database_url).password
    assert password
    assert password not in done.stdout
    assert (tmp_path / "kek").read_text().split()[1] not in done.stdout


async def test_processes_that_share_a_port_show_their_own_figures(
    shared_database_url: str, tmp_path: Path, pki: Pki
) -> None:
    """Each has a second port for its health and metrics; one that has its port alone opens no other."""
    async with (
        running(shared_database_url, tmp_path, pki, reuse_port=True, metrics_port=0) as world,
        world.service.own_metrics() as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        async with session.get("/metrics") as answer:
            assert "reseptformidler_build_info" in await answer.text()
    async with running(shared_database_url, tmp_path, pki) as world, world.service.own_metrics() as port:
        assert port is None
