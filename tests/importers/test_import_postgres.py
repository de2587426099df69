"""Call records in PostgreSQL (cdr_pgsql, cel_pgsql), read from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pbx
import psycopg
import pytest
from pbx import NALEDI, ZONE, at, cdr, channel, event
from psycopg import sql

from imvume.errors import BadInput, Refused, Unavailable
from imvume.telephony.importers import address
from imvume.telephony.importers.postgres import Postgres as Reader
from imvume.telephony.importers.records import Records, Want
from imvume.telephony.importers.sources import open_records
from servers.pbx_postgres import PbxPostgres

_COLUMNS = ("calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration")
_COLUMNS += ("billsec", "disposition", "amaflags", "uniqueid", "linkedid", "sequence")


class Pbx:
    """A database of call records, and how to say where it is."""

    def __init__(self, server: PbxPostgres, folder: Path, encoding: str) -> None:
        self.server, self.name, self.opened = server, f"pbx_{token_hex(4)}", list[Records]()
        server.make(self.name, encoding)
        self.address = f"postgresql://owner@127.0.0.1:{server.port}/{self.name}"
        self.password = folder / "password"
        self.password.write_text(f"{server.password}\n")

    def run(self, *statements: bytes) -> None:
        with psycopg.connect(self.server.dsn(self.name)) as link:
            for statement in statements:
                link.execute(statement)

    def insert(self, table: str, rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
        with psycopg.connect(self.server.dsn(self.name)) as link, link.cursor() as cursor:
            cursor.executemany(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
                ),
                [[row[name] for name in columns] for row in rows],
            )

    def open(self, more: str = "") -> Records:
        records = open_records(
            "asterisk",
            [self.address + more],
            source="pbx",
            zone=ZONE,
            region="ZA",
            password_file=self.password,
        )
        self.opened.append(records)
        return records

    def reader(self) -> Reader:
        return Reader(address.read(self.address, self.password))


@pytest.fixture
def asterisk(pbx_postgres: PbxPostgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pbx]:
    made = Pbx(pbx_postgres, tmp_path, getattr(request, "param", "UTF8"))
    made.run(pbx.POSTGRES_CDR.encode(), pbx.POSTGRES_CEL.encode())
    yield made
    for records in made.opened:
        records.close()


def test_a_call_is_told_by_cdr_and_cel_together(asterisk: Pbx) -> None:
    asterisk.insert("cdr", [cdr(1), cdr(2, linkedid=channel(1)), cdr(7)], _COLUMNS)
    asterisk.insert(
        "cel",
        [event(4, "BRIDGE_ENTER", 1) | {"eventtime": at(4)}, event(4, "DTMF", 1) | {"eventtime": at(4)}],
        ("eventtype", "eventtime", "channame", "uniqueid", "linkedid"),
    )
    (record,) = asterisk.open().find([Want((channel(2),), "", at(2))])
    assert record.facts.source_ref == channel(1)
    assert record.facts.started_at == at(1)
    assert [party.value for party in record.facts.parties] == [NALEDI, "101", "104"]


def test_a_table_with_an_index_is_asked_by_key_and_tells_the_same(asterisk: Pbx) -> None:
    asterisk.insert("cdr", [cdr(n, linkedid=channel(n - n % 2)) for n in range(30)], _COLUMNS)
    wants = [Want((channel(n),), "", at(n)) for n in (3, 8, 29)]
    scanned = asterisk.open().find(wants)
    asterisk.run(b"CREATE INDEX ON cdr (uniqueid)", b"CREATE INDEX ON cdr (linkedid)")
    assert asterisk.open().find(wants) == scanned
    assert [record.facts.source_ref for record in scanned] == sorted([channel(2), channel(28), channel(8)])


@pytest.mark.parametrize("asterisk", ["SQL_ASCII"], indirect=True)
def test_a_server_that_knows_no_character_set_is_read_all_the_same(asterisk: Pbx) -> None:
    asterisk.insert("cdr", [cdr(1)], _COLUMNS)
    asterisk.run(rb"UPDATE cdr SET clid = E'\"M\xfcller \xff\xfe\" <447700900123>'")
    (record,) = asterisk.open().find([Want((channel(1),), "", at(1))])
    assert record.facts.parties[0].value == NALEDI


def test_tables_may_have_other_names(asterisk: Pbx) -> None:
    asterisk.run(b'ALTER TABLE cdr RENAME TO "Calls_2026"')
    asterisk.insert("Calls_2026", [cdr(1)], _COLUMNS)
    assert asterisk.open("?cdr=Calls_2026").find([Want((channel(1),), "", at(1))])
    with pytest.raises(BadInput) as caught:
        asterisk.open("?cdr=calls")
    assert caught.value.code == "telephony.server.no-table"


def test_a_million_row_question_never_holds_the_rows(asterisk: Pbx) -> None:
    # Not the memory itself, which the bench measures: that the rows come by a cursor of the server's.
    asterisk.run(b"INSERT INTO cdr (calldate, uniqueid) SELECT '2026-11-23', n::text FROM generate_series(1, 20000) n")
    reader = asterisk.reader()
    rows = reader.stream(["uniqueid"], "cdr", "1 = 1", [])
    assert next(rows) == ("1",)
    assert reader._link is not None
    assert reader._link.info.transaction_status.name == "INTRANS"
    rows.close()
    reader.close()


def test_nothing_can_be_written_by_the_reader(asterisk: Pbx) -> None:
    reader = asterisk.reader()
    with pytest.raises(Unavailable, match=r"25006|42601"):
        list(reader._run(b"DELETE FROM cdr RETURNING uniqueid", []))


def test_a_user_without_rights_is_refused(asterisk: Pbx) -> None:
    role = f"reader_{token_hex(4)}"
    asterisk.run(f"CREATE ROLE {role}".encode(), f"GRANT USAGE ON SCHEMA public TO {role}".encode())
    reader = asterisk.reader()
    reader._connection().execute(f"SET ROLE {role}".encode())
    with pytest.raises(Refused) as caught:
        list(reader.stream(["uniqueid"], "cdr", "1 = 1", []))
    assert caught.value.code == "telephony.server.denied"
    asterisk.run(f"DROP OWNED BY {role}".encode(), f"DROP ROLE {role}".encode())


def test_a_server_that_is_away_is_unavailable(unused_port: int) -> None:
    with pytest.raises(Unavailable) as caught:
        open_records("asterisk", [f"postgresql://x@127.0.0.1:{unused_port}/x"], source="x", zone=ZONE, region="ZA")
    assert caught.value.code == "telephony.server.away"


def test_a_wrong_password_is_refused(asterisk: Pbx) -> None:
    asterisk.password.write_text("wrong")
    with pytest.raises(Refused) as caught:
        asterisk.open()
    assert caught.value.code == "telephony.server.denied"


def test_the_password_comes_from_pgpassfile(asterisk: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pass").write_text(f"*:*:*:*:{asterisk.server.password}\n")
    (tmp_path / "pass").chmod(0o600)
    reader = Reader(address.read(asterisk.address))
    with pytest.raises(Refused):
        reader.columns("cdr")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    assert "uniqueid" in reader.columns("cdr")
    reader.close()
