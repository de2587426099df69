"""A PBX's records, opened by what the operator said: the kind of PBX, and files or database addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from imvume.errors import BadInput
from imvume.telephony.importers import address
from imvume.telephony.importers.csv_table import CsvTable
from imvume.telephony.importers.mysql import MySql
from imvume.telephony.importers.postgres import Postgres
from imvume.telephony.importers.records import AsteriskRecords, NoRecords, Records, Table
from imvume.telephony.importers.server import Server
from imvume.telephony.importers.server_table import ServerTable
from imvume.telephony.importers.vicidial import VicidialRecords

Kind = Literal["asterisk", "freepbx", "vicidial", "folder"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z", re.ASCII)


def the_kind(text: str) -> Kind:
    """The kind of PBX that `text` names. Raises BadInput."""
    for kind in KINDS:
        if kind == text:
            return kind
    raise BadInput(
        "telephony.kind.unknown",
        "There is no such kind of PBX.",
        remedy=f"Say one of {', '.join(KINDS)}.",
    )


def the_name(text: str) -> str:
    """`text`, if it can be the short name of a PBX. Raises BadInput."""
    if _NAME.match(text):
        return text
    raise BadInput(
        "telephony.name.unfit",
        "That is no short name for a PBX.",
        why="It goes into every call from there, so it is letters, digits and dashes, 32 at most.",
        remedy="Say something like pbx or durban-2.",
    )


def the_zone(text: str) -> ZoneInfo:
    """The time zone that `text` names. Raises BadInput."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(
            "telephony.zone.unknown",
            "There is no such time zone.",
            remedy="Say one of the IANA names, such as Africa/Johannesburg, or UTC.",
        ) from None


def connect(given: address.Address) -> Server:
    """The server at an address. Nothing is asked of it yet."""
    return MySql(given) if given.kind == "mysql" else Postgres(given)


def open_records(
    kind: Kind,
    where: Sequence[str],
    *,
    source: str,
    zone: ZoneInfo,
    region: str,
    outside: str = "9",
    password_file: Path | None = None,
) -> Records:
    """The records at `where`: CSV files and database addresses, several of them as one.

    zone: the PBX's own. outside: the digits that reach an outside line.
    Raises BadInput, NotFound, Refused or Unavailable for what cannot be read.
    """
    if not where:
        return NoRecords()
    with ExitStack() as opened:
        if kind == "vicidial":
            server = connect(address.read(_one_address(where), password_file))
            opened.callback(server.close)
            vicidial = VicidialRecords(server, source=source, zone=zone, region=region)
            opened.pop_all()
            return vicidial
        refused: list[BadInput] = []
        cdr, cel = list[Table](), list[Table]()
        for text in where:
            tables = _of_server(text, password_file, zone) if address.is_address(text) else _of_file(text, refused)
            for name, table in tables:
                opened.callback(table.close)
                (cdr if name == "cdr" else cel).append(table)
        opened.pop_all()
    return AsteriskRecords(cdr, cel, source=source, zone=zone, region=region, outside=outside, refused=refused)


def _of_file(text: str, refused: list[BadInput]) -> list[tuple[str, Table]]:
    table = CsvTable(Path(text).expanduser(), refused)
    return [(table.kind, table)]


def _of_server(text: str, password_file: Path | None, zone: ZoneInfo) -> list[tuple[str, Table]]:
    given = address.read(text, password_file)
    server = connect(given)
    tables = [(name, ServerTable(server, given.table(name), name, zone)) for name in ("cdr", "cel")]
    there = [(name, table) for name, table in tables if table.exists()]
    if not there or any(name in given.options and (name, table) not in there for name, table in tables):
        server.close()
        raise BadInput(
            "telephony.server.no-table",
            "The server has no such call records.",
            why="There is no table for CDR or CEL with a uniqueid and a time that this user may read.",
            remedy="Check the database in the address and the user's rights; ?cdr= and ?cel= name other tables.",
        )
    return list[tuple[str, Table]](there)


def _one_address(where: Sequence[str]) -> str:
    if len(where) == 1 and address.is_address(where[0]):
        return where[0]
    raise BadInput(
        "telephony.vicidial.address",
        "VICIdial's records are read from its database, and from one.",
        why="Its recording_log is a table in MySQL or MariaDB.",
        remedy="Name it as --records mysql://user@host/asterisk.",
    )
