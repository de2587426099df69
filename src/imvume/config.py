"""The settings: one typed record, read from `config.toml` in the house."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from imvume.errors import BadInput


def _setting(default: Any, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One folder of recordings that `imvume start` keeps an eye on."""

    folder: str = field(metadata={"says": "The folder itself."})
    kind: str = _setting("folder", "What fills it: asterisk, freepbx, vicidial or folder.")
    records: str = _setting("", "Where the call records are: a CSV file, or a database address without its password.")
    cel: str = _setting("", "Where its channel events (CEL) are, if they lie in a file or database of their own.")
    password_file: str = _setting("", "A file with the database's password. Empty: ~/.my.cnf or PGPASSFILE.")
    name: str = _setting("pbx", "A short name for this PBX, in every call that comes from it.")
    zone: str = _setting("", "The PBX's own time zone. Empty: the tenant's.")
    outside: str = _setting("9", "The digits by which its people reach an outside line.")
    move: bool = _setting(False, "Whether a recording is removed once what was sealed of it has been read back.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting. A test fails if one is missing from docs/reference/settings.md."""

    home: Path = _setting(Path(), "Where everything lives that is not in PostgreSQL. Given by --home or IMVUME_HOME.")
    dsn: str = _setting(
        "", "The address of your own PostgreSQL, for the role that owns no table. Empty: the embedded one."
    )
    owner_dsn: str = _setting("", "The same for the role that owns the tables; used only to migrate.")
    listen: str = _setting("127.0.0.1:8443", "Where the console answers. Loopback unless you say otherwise.")
    address: str = _setting(
        "", "What people type to reach the console, such as https://imvume.example.org. Empty: `listen`."
    )
    tls_certificate: str = _setting("", "A PEM file with the console's certificate chain. Empty: plain HTTP.")
    tls_key: str = _setting("", "A PEM file with the key of that certificate.")
    fresh_minutes: int = _setting(
        30, "How long after a password a recording may be opened without asking for it again."
    )
    idle_minutes: int = _setting(60, "A sign-in left alone for this long has ended.")
    storage: str = _setting(
        "", "An object store, such as s3://bucket/prefix. Empty: the folder `objects` in the house."
    )
    storage_endpoint: str = _setting("", "The address of an S3 server that is not Amazon's.")
    storage_region: str = _setting("af-south-1", "The region of the object store.")
    storage_key_file: str = _setting(
        "", "A file with the object store's key and secret on two lines. Empty: from the environment."
    )
    region: str = _setting("ZA", "The country whose numbering plan reads a number written without a country code.")
    zone: str = _setting("Africa/Johannesburg", "The zone in which times are shown.")
    retention: str = _setting(
        "fais-service", "The retention class of a call that nothing else decides (laws/*/retention.toml)."
    )
    settle_seconds: int = _setting(10, "How long a recording must have stopped growing before it is taken.")
    audio_hours_max: int = _setting(12, "A recording that claims or unpacks to more is refused, not swallowed.")
    time_stamp_url: str = _setting("", "An RFC 3161 time-stamp authority. Empty: checkpoints are signed by us alone.")
    workers: int = _setting(2, "How many recordings are sealed at once.")
    watch: tuple[Watch, ...] = _setting((), "Folders of recordings to keep an eye on, as [[watch]] tables.")

    @property
    def keys(self) -> Path:
        """The folder of the keys: never in PostgreSQL, never in the ordinary backup."""
        return self.home / "keys"

    @property
    def objects(self) -> Path:
        """The folder of sealed objects, where no object store is set."""
        return self.home / "objects"

    @property
    def postgres(self) -> Path:
        """The folder of the embedded PostgreSQL."""
        return self.home / "postgres"


def house(given: str | None) -> Path:
    """The house to use: --home, else IMVUME_HOME, else the XDG data folder, or for root /var/lib/imvume."""
    if given or os.environ.get("IMVUME_HOME"):
        return Path(given or os.environ["IMVUME_HOME"]).expanduser().absolute()
    # Root's own folder is closed to all, also to the user that PostgreSQL runs as under root.
    if os.geteuid() == 0 and not os.environ.get("XDG_DATA_HOME"):
        return Path("/var/lib/imvume")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "imvume"


def load(home: Path) -> Config:
    """The settings of the house at `home`; every setting has a default, so the file may be absent.

    A secret may stand in its own file: `dsn_file = "/run/secrets/dsn"`.
    Raises BadInput, naming the key, for a key that is unknown or a value of the wrong kind.
    """
    path = home / "config.toml"
    given: dict[str, Any] = {}
    if path.exists():
        try:
            given = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise _unreadable(str(error)) from error
    known = {f.name for f in fields(Config)}
    for key in [key for key in given if key.endswith("_file") and key not in known]:
        try:
            given[key.removesuffix("_file")] = Path(given.pop(key)).read_text("utf-8").strip()
        except (OSError, TypeError, UnicodeDecodeError) as error:
            raise _unreadable(f"the file that {key} names cannot be read") from error
    if strange := sorted(set(given) - known):
        raise _unreadable(f"unknown key {strange[0]!r}")
    try:
        return msgspec.convert({**given, "home": str(home)}, Config, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> BadInput:
    return BadInput(
        "config.unreadable",
        "The settings in config.toml cannot be read.",
        why=f"It says: {why}.",
        remedy="Run `imvume config describe` to see every setting with its default, and mend the file.",
    )
