"""Reads a TOML file of the operator's into a model, and says what is wrong with it: place and rule, never a value."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class RegisterError(Exception):
    """A register file cannot be used; the text gives the file, the place in it and what is wrong, never a value."""


def read(path: Path, model: type[M]) -> M:
    """The file's content; RegisterError."""
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RegisterError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RegisterError(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise RegisterError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        wrong = (
            f"{path}: {_place(one['loc'])}{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False)
        )
        raise RegisterError("\n".join(wrong)) from None


def _place(loc: tuple[int | str, ...]) -> str:
    """Where in the file, as `aktor[2].enh: `; entries count from 1, as people do."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc)
    return f"{text.removeprefix('.')}: " if text else ""
