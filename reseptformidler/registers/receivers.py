"""Who is sent what is owed: the file that RF_RECEIVERS names, described in docs/receivers.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

from reseptformidler.registers.files import read
from reseptformidler.registers.fixed import Her


@dataclass(frozen=True)
class Receivers:
    """URLs by HER-id, by message type for the HER-ids that have none of their own, and one for all others."""

    by_her: dict[str, str]
    by_type: dict[str, str]
    others: str | None

    @classmethod
    def load(cls, path: Path) -> Receivers:
        """What the file says; RegisterError: it cannot be read or breaks a rule."""
        return read(path, ReceiverFile).receivers()

    @cached_property
    def urls(self) -> tuple[str, ...]:
        """Each URL once. Entries with the same URL are one receiver, and messages to it keep their order."""
        others = (self.others,) if self.others else ()
        return tuple(dict.fromkeys((*self.by_her.values(), *self.by_type.values(), *others)))


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text would quote the URL
        raise ValueError("is no URL") from None
    if not complete:
        raise ValueError("is no http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user or password")
    if parts.fragment:
        raise ValueError("must have no fragment")
    return text


Url = Annotated[str, StringConstraints(pattern=r"^[!-~]+$"), AfterValidator(_http_url)]
Type = Annotated[str, StringConstraints(pattern=r"^M[0-9]{1,2}(\.[0-9]{1,2})?$")]


class MottakerEntry(BaseModel):
    """[[mottaker]]: one receiver."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    her: Her | None = None
    type: Type | None = None
    url: Url

    @model_validator(mode="after")
    def _one_name(self) -> MottakerEntry:
        if self.her is not None and self.type is not None:
            raise ValueError("has both her and type")
        return self


class ReceiverFile(BaseModel):
    """A whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mottaker: tuple[MottakerEntry, ...] = ()

    @model_validator(mode="after")
    def _some_and_each_once(self) -> ReceiverFile:
        if not self.mottaker:
            raise ValueError("mottaker: there is none")
        places: dict[tuple[str | None, str | None], int] = {}
        for place, one in enumerate(self.mottaker, start=1):
            if (one.her, one.type) in places:
                raise ValueError(f"mottaker: number {place} repeats number {places[one.her, one.type]}")
            places[one.her, one.type] = place
        return self

    def receivers(self) -> Receivers:
        """The file's content."""
        return Receivers(
            {one.her: one.url for one in self.mottaker if one.her is not None},
            {one.type: one.url for one in self.mottaker if one.type is not None},
            next((one.url for one in self.mottaker if one.her is None and one.type is None), None),
        )
