"""Where call records lie: a file, or a database address that never holds a password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from imvume.errors import BadInput, NotFound

_KINDS = {"mysql": "mysql", "mariadb": "mysql", "postgresql": "postgresql", "postgres": "postgresql"}
_OPTIONS = frozenset({"socket", "ssl_ca", "sslmode", "sslrootcert", "cdr", "cel"})
_TABLE = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,62}\Z", re.ASCII)
PASSWORD_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Address:
    """A database: `mysql://reader@pbx/asteriskcdrdb`, `postgresql://reader@pbx:5432/asterisk?cdr=calls`.

    options: socket, ssl_ca (MySQL); sslmode, sslrootcert (PostgreSQL); cdr, cel (the names of the tables).
    password: from a file; None leaves it to ~/.my.cnf or PGPASSFILE.
    """

    kind: str
    user: str
    host: str
    port: int | None
    database: str
    options: dict[str, str]
    password: str | None = field(default=None, repr=False)

    def table(self, name: str) -> str:
        """What this database calls the table `name` ("cdr" or "cel")."""
        return self.options.get(name, name)


def is_address(text: str) -> bool:
    """Whether this names a database and not a file."""
    return "://" in text


def read(text: str, password_file: Path | None = None) -> Address:
    """The address in `text`, with the password in `password_file` if there is one.

    Raises BadInput for a password inside the address, an unknown kind, or a table's name that is none.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query), max_num_fields=10))
    except ValueError:
        raise _unreadable() from None
    if parts.password is not None or "password" in options:
        raise BadInput(
            "telephony.address.password",
            "The address of the call records holds a password.",
            why="Everybody on this machine can read a command line while it runs.",
            remedy="Take it out, write it into a file that only you may read, and name that with --password-file.",
        )
    database = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in _KINDS or not database or "/" in database or set(options) - _OPTIONS:
        raise _unreadable()
    if not all(_TABLE.match(options[name]) for name in ("cdr", "cel") if name in options):
        raise _unreadable()
    return Address(
        kind=_KINDS[parts.scheme],
        user=unquote(parts.username or ""),
        host=parts.hostname or "",
        port=port,
        database=database,
        options=options,
        password=_password(password_file) if password_file else None,
    )


def _password(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(PASSWORD_MAX + 1)
    except OSError as error:
        raise NotFound(
            "telephony.password.none",
            "The password file cannot be read.",
            remedy="Check its path and that this user may read it.",
        ) from error
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if not text or len(raw) > PASSWORD_MAX or "\n" in text:
        raise BadInput(
            "telephony.password.unreadable",
            "The password file holds no password.",
            why="It should hold one line and nothing else.",
            remedy="Write the password alone into it.",
        )
    return text


def _unreadable() -> BadInput:
    return BadInput(
        "telephony.address.unreadable",
        "The address of the call records cannot be read.",
        remedy="Write it as mysql://user@host/asteriskcdrdb or postgresql://user@host/asterisk, without a password; "
        "?cdr= and ?cel= name other tables, ?socket= or ?ssl_ca= how to get there.",
    )
