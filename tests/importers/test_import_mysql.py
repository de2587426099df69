"""Call records in MySQL and MariaDB, as FreePBX and Asterisk keep them, read from a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pbx
import pytest
from pbx import NALEDI, STRANGER, ZONE, at, cdr, channel, event, wall

from imvume.errors import BadInput, Refused, Unavailable
from imvume.telephony.importers import address
from imvume.telephony.importers.mysql import MySql
from imvume.telephony.importers.records import Records, Want
from imvume.telephony.importers.sources import open_records
from imvume.telephony.importers.translate import Record
from servers.mariadb import MariaDb


class Freepbx:
    """A database of call records, and a user who may only read it."""

    def __init__(self, server: MariaDb, folder: Path, charset: str = "utf8mb4") -> None:
        self.server, self.name, self.user = server, f"cdr_{token_hex(4)}", f"reader_{token_hex(4)}"
        self.password = folder / f"{self.user}.password"
        secret = token_hex(12)
        self.password.write_text(f"{secret}\n")
        self.opened: list[Records] = []
        server.root(
            f"CREATE DATABASE {self.name}",
            f"CREATE USER '{self.user}'@'%' IDENTIFIED BY '{secret}'",
            f"GRANT SELECT ON {self.name}.* TO '{self.user}'@'%'",
        )

    @property
    def address(self) -> str:
        return f"mysql://{self.user}@127.0.0.1:{self.server.port}/{self.name}"

    def open(self, address: str = "", password: bool = True) -> Records:
        records = open_records(
            "freepbx",
            [address or self.address],
            source="pbx",
            zone=ZONE,
            region="ZA",
            password_file=self.password if password else None,
        )
        self.opened.append(records)
        return records


Make = Callable[..., Freepbx]


@pytest.fixture
def make(mariadb: MariaDb, tmp_path: Path) -> Iterator[Make]:
    """Makes a database with the tables it is given."""
    made: list[Freepbx] = []

    def one(*tables: str) -> Freepbx:
        made.append(Freepbx(mariadb, tmp_path))
        mariadb.root(*tables, database=made[-1].name)
        return made[-1]

    yield one
    for each in made:
        for records in each.opened:
            records.close()
        mariadb.root(f"DROP DATABASE {each.name}", f"DROP USER '{each.user}'@'%'")


@pytest.fixture
def freepbx(make: Make) -> Freepbx:
    """What FreePBX's installer makes."""
    return make(pbx.FREEPBX_CDR.format(charset="utf8mb4"), pbx.FREEPBX_CEL)


def ids(n: int, *, sure: bool = True) -> Want:
    return Want((f"090000-{channel(n)}", channel(n)), "", at(n), sure)


def one(records: Records, want: Want) -> Record:
    (record,) = records.find([want])
    return record


def people(record: Record) -> list[tuple[str, str, str]]:
    return [(party.role, party.kind, party.value) for party in record.facts.parties]


def test_a_queue_call_of_freepbx_is_told_whole(freepbx: Freepbx) -> None:
    freepbx.server.insert(
        freepbx.name,
        "cdr",
        [
            cdr(1),
            cdr(2, linkedid=channel(1), dst="101", dcontext="from-internal", dstchannel="PJSIP/101-00000002", did=""),
            cdr(3, src=STRANGER, cnum=STRANGER),
        ],
    )
    records = freepbx.open()

    record = one(records, ids(1))

    assert record.facts.source_ref == channel(1)
    assert record.facts.direction == "in"
    assert record.facts.queue == "600"
    assert people(record) == [("caller", "phone", NALEDI), ("agent", "extension", "101")]
    assert record.facts.started_at == at(1)
    assert record.facts.answered_at == at(1, 10)
    assert record.facts.ended_at == at(2, 50)
    assert record.facts.disposition == "answered"
    assert {channel(1), channel(2)} <= record.ids


def test_the_leg_that_a_recording_names_leads_to_its_whole_call(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1), cdr(2, linkedid=channel(1))])
    assert one(freepbx.open(), ids(2)).facts.source_ref == channel(1)


def test_a_recording_is_found_by_recordingfile_when_its_name_holds_no_id(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1, recordingfile="2026/11/23/support call.wav"), cdr(2)])
    record = one(freepbx.open(), Want((), "support call", at(1, 50), sure=False))
    assert record.facts.source_ref == channel(1)
    assert record.files == {"support call"}


def test_a_copied_file_with_a_new_time_still_finds_its_record(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1, recordingfile="support.wav")])
    assert one(freepbx.open(), Want((), "support", at(1) + timedelta(days=400), sure=False)).ids == {channel(1)}


def test_cel_tells_who_took_the_transfer(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1)])
    freepbx.server.insert(
        freepbx.name,
        "cel",
        [
            event(1, "CHAN_START", 1, channame="PJSIP/trunk-00000001", cid_num=NALEDI, context="from-trunk"),
            event(2, "BRIDGE_ENTER", 1),
            event(5, "BRIDGE_ENTER", 1),
            event(1, "APP_START", 1, appname="MixMonitor", appdata="2026/11/23/x.wav,r(x-rx.wav)t(x-tx.wav)i(ID)"),
        ],
    )
    record = one(freepbx.open(), ids(1))
    assert [p.value for p in record.facts.parties] == [NALEDI, "101", "102", "105"]
    assert "x" in record.files
    assert record.sides[channel(1)] == "caller"


def test_a_recording_that_only_cel_names_is_found(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1)])
    freepbx.server.insert(
        freepbx.name, "cel", [event(1, "APP_START", 1, appname="MixMonitor", appdata="/var/spool/named.wav,b,")]
    )
    assert one(freepbx.open(), Want((), "named", at(1), sure=True)).facts.queue == "600"


def test_cel_alone_tells_the_call_too(make: Make) -> None:
    made = make(pbx.FREEPBX_CEL)
    trunk = {"channame": "PJSIP/trunk-1a2b3c4d", "cid_num": NALEDI}
    made.server.insert(
        made.name,
        "cel",
        [
            event(1, "CHAN_START", 1, **trunk, exten="0101234567", context="from-trunk"),
            event(1, "ANSWER", 1, **trunk),
            event(2, "CHAN_START", 1),
            event(2, "BRIDGE_ENTER", 1),
            event(4, "LINKEDID_END", 1, uniqueid=channel(1)),
        ],
    )
    record = one(made.open(), ids(1))
    assert record.facts.direction == "in"
    assert [p.value for p in record.facts.parties] == [NALEDI, "102"]
    assert (record.facts.started_at, record.facts.ended_at) == (at(1), at(4))
    assert record.facts.answered_at == at(1)


def test_a_table_without_an_index_is_read_by_time(make: Make) -> None:
    made = make(pbx.ASTERISK_CDR)
    row = {k: v for k, v in cdr(1).items() if k not in ("calldate", "did", "recordingfile", "cnum", "outbound_cnum")}
    rows = [
        row
        | {"start": wall(at(n)), "answer": wall(at(n, 10)), "end": wall(at(n, 50))}
        | {"uniqueid": f"lab-{channel(n)}", "linkedid": f"lab-{channel(n - n % 2)}", "dcontext": "from-pstn"}
        for n in range(40)
    ]
    made.server.insert(made.name, "cdr", rows)
    found = made.open().find([Want((f"lab-{channel(n)}", channel(n)), "", at(n)) for n in (5, 20, 31)])
    assert sorted(record.facts.source_ref for record in found) == [f"lab-{channel(n)}" for n in (4, 20, 30)]
    assert all(len(record.ids) == 2 for record in found)
    assert found[0].facts.answered_at is not None


def test_a_column_in_latin1_with_a_callers_name_in_it_is_read(make: Make) -> None:
    made = make(pbx.FREEPBX_CDR.format(charset="latin1"))
    made.server.insert(made.name, "cdr", [cdr(1, clid='"Thérèse Müller" <07700900123>', src="07700900123", cnum="")])
    # Written by a client that lied about its character set: bytes that are no text in the column's own.
    made.server.root(
        "ALTER TABLE cdr MODIFY clid varbinary(80)",
        "UPDATE cdr SET clid = x'22FFFE80C3283C2B3434373730303930303132333E'",
        database=made.name,
    )
    assert one(made.open(), ids(1)).facts.direction == "in"


def test_a_timestamp_column_is_an_instant_whatever_zone_the_server_shows(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1)])
    freepbx.server.root("ALTER TABLE cdr MODIFY calldate timestamp NOT NULL", database=freepbx.name)
    assert one(freepbx.open(), ids(1)).facts.started_at == at(1)


def test_a_zero_date_is_mended_by_the_channels_own_id(freepbx: Freepbx) -> None:
    freepbx.server.root("SET GLOBAL sql_mode = ''")
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1, calldate="0000-00-00 00:00:00")])
    record = one(freepbx.open(), ids(1))
    assert record.facts.started_at == at(1)
    assert record.facts.ended_at == at(1, 50)


def test_nothing_can_be_written_by_the_reader(freepbx: Freepbx) -> None:
    server = MySql(address.read(freepbx.address, freepbx.password))
    freepbx.server.root(f"GRANT ALL ON {freepbx.name}.* TO '{freepbx.user}'@'%'")
    with pytest.raises(Unavailable, match="1792"):  # cannot execute statement in a READ ONLY transaction
        list(server._run("DELETE FROM cdr", []))


def test_a_wrong_password_is_refused_without_a_name_in_the_message(freepbx: Freepbx) -> None:
    freepbx.password.write_text("wrong")
    with pytest.raises(Refused) as caught:
        freepbx.open()
    assert caught.value.code == "telephony.server.denied"
    assert freepbx.user not in str(caught.value)


def test_a_database_without_call_records_is_named_as_such(make: Make) -> None:
    made = make()
    for more in ("", "?cdr=calls"):
        with pytest.raises(BadInput) as caught:
            made.open(made.address + more)
        assert caught.value.code == "telephony.server.no-table"


def test_a_server_that_is_away_is_unavailable(freepbx: Freepbx, unused_port: int) -> None:
    with pytest.raises(Unavailable) as caught:
        freepbx.open(freepbx.address.replace(f":{freepbx.server.port}", f":{unused_port}"))
    assert caught.value.code == "telephony.server.away"


def test_the_password_comes_from_my_cnf_when_no_file_is_named(
    freepbx: Freepbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1)])
    (tmp_path / ".my.cnf").write_text(f"[client]\npassword={freepbx.password.read_text().strip()}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert freepbx.open(password=False).find([ids(1)])


def test_a_socket_is_a_way_in_too(freepbx: Freepbx) -> None:
    freepbx.server.insert(freepbx.name, "cdr", [cdr(1)])
    there = f"mysql://{freepbx.user}@localhost/{freepbx.name}?socket={freepbx.server.socket}"
    secret = freepbx.password.read_text().strip()
    freepbx.server.root(
        f"CREATE USER '{freepbx.user}'@'localhost' IDENTIFIED BY '{secret}'",
        f"GRANT SELECT ON {freepbx.name}.* TO '{freepbx.user}'@'localhost'",
    )
    assert freepbx.open(there).find([ids(1)])
