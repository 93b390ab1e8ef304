"""The release before this one on today's schema: both work on one database, after each other and side by side.

A roll-out exchanges processes one by one, and one that goes wrong is undone the same way. So each release must write
what the other reads, and may not mind what the other has added.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import asyncpg
import pytest

from reseptformidler.client.answer import Answer, NoAnswer
from reseptformidler.store.migrate import CODE_SCHEMA_VERSION, SHIPPED, Migration, migrate
from tests.conftest import execute
from tests.receiver import Receiver
from tests.system.process import Serving, command
from tests.system.world import attachments
from tests.upgrade.release import ROOT, Both, NoHistory, export
from tests.upgrade.talk import DER, HER, Download, Talk

pytestmark = pytest.mark.timeout(180)  # processes are started one after the other, perhaps on a busy machine


async def whole_chain(talk: Talk) -> None:
    """M1 to M10, a recall, and the list that tells of both."""
    first, second = await talk.prescribe(), await talk.prescribe()
    await talk.report(await talk.download(first), last=True)
    await talk.recall(second)
    _, statuses = await talk.listed()
    assert (statuses[first], statuses[second]) == ("R", "T")


async def half_done(talk: Talk) -> tuple[str, Download, Download]:
    """One prescription that waits, one that is fetched, one that was dispensed from once and is fetched again."""
    waiting, fetched, repeated = await talk.prescribe(), await talk.prescribe(), await talk.prescribe()
    await talk.report(await talk.download(repeated), last=False)
    return waiting, await talk.download(fetched), await talk.download(repeated)


async def carried_on(talk: Talk, waiting: str, *fetched: Download) -> None:
    """What another process began is brought to its end here."""
    for one in fetched:
        await talk.report(one, last=False)
        again = await talk.download(one.resept_id, DER)
        assert len(attachments(again.m94)) >= 2, "the M1 and what was dispensed"
        await talk.report(again, last=True)
    await talk.recall(waiting)
    _, statuses = await talk.listed()
    assert [statuses[one] for one in (waiting, *(one.resept_id for one in fetched))] == ["T", "R", "R"]


async def test_forth_and_back(both: Both) -> None:
    """What the old release received the new one repeats and carries on; and the old one again, after going back."""
    with both.serving(both.old) as process:
        async with both.talk(process) as old:
            await whole_chain(old)
            begun = await half_done(old)
        assert process.end() == 0
    with both.serving(both.new) as process:
        async with both.talk(process) as new:
            await new.repeats(old.answered)
            await carried_on(new, *begun)
            await whole_chain(new)
            begun = await half_done(new)
        assert process.end() == 0
    with both.serving(both.old) as process:
        async with both.talk(process) as back:
            await back.repeats(old.answered | new.answered)
            await carried_on(back, *begun)


async def test_side_by_side(both: Both) -> None:
    """During a roll-out each release dispenses what the other received, and only one of two pharmacies gets it."""
    with both.serving(both.old) as one, both.serving(both.new) as other:
        async with both.talk(one) as old, both.talk(other) as new:
            for receives, dispenses in ((old, new), (new, old)):
                waiting, *fetched = await half_done(receives)
                await carried_on(dispenses, waiting, *fetched)
                await raced_for(await receives.prescribe(), receives, dispenses)
            await new.repeats(old.answered)
            await old.repeats(new.answered)


async def raced_for(resept_id: str, here: Talk, there: Talk) -> None:
    """Two pharmacies ask at once, one through each release: one gets the prescription, the other code 69."""
    listed, _ = await here.listed()
    wishes = [here.send(here.m93(listed, resept_id, HER)), there.send(there.m93(listed, resept_id, DER))]
    answers: list[Answer] = await asyncio.gather(*wishes)
    assert sorted((one.status, *(error[0] for error in one.errors)) for one in answers) == [("",), ("2", "69")]


def test_the_other_processes(both: Both) -> None:
    """`sweep` and `relay` of the old release work on today's schema, also on partitions that the new one made."""
    for release, what in ((both.new, "sweep"), (both.old, "sweep"), (both.old, "relay")):
        done = command([what, "--once"], env=release)
        assert done.returncode == 0, done.stdout + done.stderr


async def test_what_both_releases_owe_is_delivered(both: Both, tmp_path: Path) -> None:
    """Today's relay sends the facts that the old release recorded as that did, and the messages of the new one."""
    for release in (both.old, both.new):
        with both.serving(release) as process:
            async with both.talk(process) as talk:
                await whole_chain(talk)
    async with Receiver().listening() as receiver:
        file = tmp_path / "receivers.toml"
        file.write_text(f"[[mottaker]]\nurl = '{receiver.url}'\n")
        done = await asyncio.to_thread(command, ["relay", "--once"], env=both.new | {"RF_RECEIVERS": str(file)})
    assert done.returncode == 0, done.stdout + done.stderr
    facts = [one for one in receiver.arrived if one.headers["Content-Type"] == "application/json"]
    messages = [one for one in receiver.arrived if one not in facts]
    assert {json.loads(one.octets)["type"] for one in facts} >= {"M6", "M5.2"}
    assert {one.head.type.v for one in messages} >= {"ERM6", "ERM52"}


async def test_after_post_the_old_release_does_not_start(both: Both) -> None:
    """A `post` raises the limit: the old process that still runs takes no traffic, and none starts any more."""
    post = Migration(CODE_SCHEMA_VERSION + 1, "post", "planted", "ALTER TABLE krav DROP COLUMN gjentatt")
    with both.serving(both.old) as process:
        assert await asyncio.to_thread(ready, process) == (200, "ok\n")
        connection = await asyncpg.connect(both.database_url)
        assert await migrate(connection, include_post=True, shipped=(*SHIPPED, post)) == ["planted"]
        await connection.close()
        status, why = await asyncio.to_thread(ready, process)
    limit = f"the database tolerates no code older than schema {post.number}"
    assert (status, why.partition(",")[0]) == (503, limit)
    refused = command(["serve"], env=both.old)
    assert (refused.returncode, limit in refused.stderr) == (1, True)


def ready(process: Serving) -> tuple[int, str]:
    """What /readyz says."""
    try:
        with urllib.request.urlopen(f"{process.address}/readyz") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


BREAKING = {
    "a column that must be given": "ALTER TABLE krav ADD COLUMN kanal text NOT NULL",
    "a rule that it does not keep": "ALTER TABLE historikk ADD CHECK (avsender IS NULL) NOT VALID",
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING)
async def test_a_breaking_change_is_seen(both: Both, change: str) -> None:
    """Negative control: on a schema that the old release cannot work on, its chain breaks."""
    await execute(both.database_url, change)
    with both.serving(both.old) as process:
        async with both.talk(process) as old:
            with pytest.raises(NoAnswer, match="HTTP 50"):
                await whole_chain(old)


def test_it_is_the_old_code_that_runs(tmp_path: Path, old_code: dict[str, str]) -> None:
    """Negative control: without it every test above would compare today's code with itself."""
    done = command(["codes", "--help"], env=old_code | {"PYTHONVERBOSE": "1"})
    imported = [line for line in done.stderr.splitlines() if "reseptformidler/commands/codes.py" in line]
    assert imported != []
    assert all(old_code["PYTHONPATH"] in line for line in imported)


@pytest.mark.parametrize("commit, root", [("0" * 40, ROOT), ("HEAD", None)], ids=["a shallow clone", "no repository"])
def test_without_history_it_says_what_to_do(tmp_path: Path, commit: str, root: Path | None) -> None:
    """A commit that git does not have is a failure with a way out, never a test that is left out."""
    with pytest.raises(NoHistory, match="git fetch --unshallow"):
        export(commit, tmp_path / "out", root or tmp_path)
