"""The first message of docs/client.md, as it stands there, against a running service."""

from __future__ import annotations

import asyncio
import re
import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reseptformidler.sandbox.pki import Pki
from reseptformidler.sandbox.population import LEGER
from tests.system.world import running

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
ADDRESS = "http://127.0.0.1:8080"


async def test_the_first_message_is_accepted(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the card in the folder where it is run; only the address is another one."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    now = datetime.now(UTC)
    pki = Pki.open(tmp_path / "pki", now)
    card = pki.card(LEGER[0], now)
    key = card.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "card.pem").write_bytes(key + card.certificate.public_bytes(Encoding.PEM))
    async with running(database_url, tmp_path, pki) as world:
        (tmp_path / "first.py").write_text(example.replace(ADDRESS, world.address), "utf-8")
        monkeypatch.chdir(tmp_path)
        await asyncio.to_thread(runpy.run_path, "first.py")
    assert ADDRESS in example
    assert "1 []" in capsys.readouterr().out.splitlines()
