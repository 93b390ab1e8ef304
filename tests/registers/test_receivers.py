"""The file of receivers: what it says, and that every error in it is told by its place and never by its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseptformidler.registers.files import RegisterError
from reseptformidler.registers.receivers import Receivers

DOCUMENTED = Path(__file__).parents[2] / "docs" / "receivers.md"


def written(folder: Path, text: str) -> Path:
    path = folder / "receivers.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_documented_file(tmp_path: Path) -> None:
    """The example of the manual can be read, and means what the manual says."""
    example = DOCUMENTED.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    receivers = Receivers.load(written(tmp_path, example))
    assert receivers.by_her == {
        "8090595": "https://epj.example.no/inn",
        "8100001": "https://apotek.example.no/meldinger",
    }
    assert receivers.by_type == {"M8": "https://fastlege.example.no/inn"}
    assert receivers.others == "http://127.0.0.1:9000/alt"


def test_each_url_is_one_receiver(tmp_path: Path) -> None:
    """However many entries name it."""
    entries = "".join(f"[[mottaker]]\nher = '{her}'\nurl = 'http://a:1/{her % 2}'\n" for her in range(4))
    receivers = Receivers.load(written(tmp_path, entries + "[[mottaker]]\nurl = 'http://a:1/1'\n"))
    assert receivers.urls == ("http://a:1/0", "http://a:1/1")


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "mottaker: "),
        ("mottaker = []", "mottaker: "),
        ("[[mottaker]]\nher = '1'", "mottaker[1].url: Field required"),
        ("[[mottaker]]\nurl = 'http://a'\nURL = ''", "mottaker[1].URL: Extra inputs are not permitted"),
        ("[[mottaker]]\nurl = 'http://a'\n[[mottakere]]", "mottakere: Extra inputs are not permitted"),
        ("[[mottaker]]\nher = '1'\ntype = 'M8'\nurl = 'http://a'", "mottaker[1]: has both her and type"),
        ("[[mottaker]]\nher = 'secret'\nurl = 'http://a'", "mottaker[1].her: "),
        ("[[mottaker]]\nher = ''\nurl = 'http://a'", "mottaker[1].her: "),
        ("[[mottaker]]\ntype = 'm8 secret'\nurl = 'http://a'", "mottaker[1].type: "),
        ("[[mottaker]]\nurl = 'ftp://secret'", "mottaker[1].url: is no http:// or https:// URL"),
        ("[[mottaker]]\nurl = 'http:///secret'", "mottaker[1].url: is no http:// or https:// URL"),
        ("[[mottaker]]\nurl = 'http://a:0/secret'", "mottaker[1].url: is no http:// or https:// URL"),
        ("[[mottaker]]\nurl = 'http://a:secret/'", "mottaker[1].url: is no URL"),
        ("[[mottaker]]\nurl = 'http://[secret/'", "mottaker[1].url: is no URL"),
        ("[[mottaker]]\nurl = 'http://a/ secret'", "mottaker[1].url: "),
        ("[[mottaker]]\nurl = 'http://a/#secret'", "mottaker[1].url: must have no fragment"),
        ("[[mottaker]]\nurl = 'https://me:secret@a/'", "mottaker[1].url: must hold no user or password"),
        ("[[mottaker]]\nurl = 'https://secret@a/'", "mottaker[1].url: must hold no user or password"),
        ("[[mottaker]]\nurl = 'http://a'\n" * 2, "mottaker: number 2 repeats number 1"),
        ("[[mottaker]]\nher = '1'\nurl = 'http://a'\n" * 2, "mottaker: number 2 repeats number 1"),
        ("[[mottaker", "not TOML"),
    ],
)
def test_an_error_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    """File, place and rule; what stands there is not repeated: it may be a password."""
    path = written(tmp_path, text)
    with pytest.raises(RegisterError) as error:
        Receivers.load(path)
    assert str(error.value).startswith(f"{path}: {told}")
    assert "secret" not in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, or no UTF-8."""
    with pytest.raises(RegisterError, match="No such file"):
        Receivers.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("# på".encode("latin-1"))
    with pytest.raises(RegisterError, match="not UTF-8"):
        Receivers.load(tmp_path / "latin.toml")
