"""VICIdial's recording_log and its neighbours, read from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import pbx
import pytest
from pbx import NALEDI, STRANGER, ZONE, at, channel, wall

from imvume.errors import BadInput
from imvume.telephony.importers.records import Records, Want
from imvume.telephony.importers.sources import open_records
from imvume.telephony.importers.translate import Record
from servers.mariadb import MariaDb


class Vicidial:
    """VICIdial's database, read over its socket."""

    def __init__(self, server: MariaDb) -> None:
        self.server, self.name = server, f"vici_{token_hex(4)}"
        server.root(f"CREATE DATABASE {self.name}")
        server.root(*pbx.VICIDIAL, database=self.name)
        self.opened: list[Records] = []

    def add(self, table: str, **row: object) -> None:
        self.server.insert(self.name, table, [row])

    def recording(self, n: int, name: str, *, table: str = "recording_log", **given: object) -> None:
        row: dict[str, object] = {
            "recording_id": n,
            "start_time": wall(at(n, 12)),
            "start_epoch": int(at(n, 12).timestamp()),
            "end_time": wall(at(n, 55)),
            "end_epoch": int(at(n, 55).timestamp()),
            "length_in_sec": 43,
            "filename": name,
            "location": f"http://192.0.2.1/RECORDINGS/MP3/{name}-all.mp3",
            "lead_id": 1000 + n,
            "user": "6666",
            "vicidial_id": channel(n),
        }
        self.add(table, **(row | given))

    def find(self, *names: str, n: int = 1) -> list[Record]:
        where = f"mysql://root@localhost/{self.name}?socket={self.server.socket}"
        self.opened.append(open_records("vicidial", [where], source="dialler", zone=ZONE, region="ZA"))
        return list(self.opened[-1].find([Want((), name, at(n)) for name in names]))


@pytest.fixture
def vicidial(mariadb: MariaDb) -> Iterator[Vicidial]:
    made = Vicidial(mariadb)
    yield made
    for records in made.opened:
        records.close()
    mariadb.root(f"DROP DATABASE {made.name}")


def test_a_call_out_takes_its_number_and_campaign_from_the_log(vicidial: Vicidial) -> None:
    vicidial.recording(1, "20261123-090100_7700900123")
    vicidial.add(
        "vicidial_log",
        uniqueid=channel(1),
        lead_id=1001,
        campaign_id="WINBACK",
        start_epoch=int(at(1).timestamp()),
        end_epoch=int(at(1, 58).timestamp()),
        status="SALE",
        phone_code="44",
        phone_number="07700900123",
        user="6666",
    )
    (record,) = vicidial.find("20261123-090100_7700900123")
    facts = record.facts
    assert (facts.source_ref, facts.direction, facts.campaign, facts.queue) == (channel(1), "out", "WINBACK", None)
    assert facts.disposition == "sale"
    assert [(p.role, p.value) for p in facts.parties] == [("caller", NALEDI), ("agent", "6666")]
    assert (facts.started_at, facts.answered_at, facts.ended_at) == (at(1), at(1, 12), at(1, 58))
    assert record.mixed


def test_a_call_in_takes_them_from_the_closer_log(vicidial: Vicidial) -> None:
    vicidial.recording(2, "20261123-090200_x", vicidial_id="4711", user="VDCL")
    vicidial.add(
        "vicidial_closer_log",
        closecallid=4711,
        lead_id=1002,
        campaign_id="SERVICE_IN",
        start_epoch=int(at(2).timestamp()),
        status="A",
        phone_code="1",
        phone_number=STRANGER.removeprefix("+"),
        user="7001",
    )
    (record,) = vicidial.find("20261123-090200_x")
    assert (record.facts.source_ref, record.facts.direction, record.facts.queue) == ("closer-4711", "in", "SERVICE_IN")
    assert [p.value for p in record.facts.parties] == [STRANGER, "7001"]


def test_two_recordings_of_one_call_are_one_call_of_two_agents(vicidial: Vicidial) -> None:
    vicidial.recording(1, "20261123-090100_a")
    vicidial.recording(2, "20261123-090200_b", vicidial_id=channel(1), user="7001")
    (record,) = vicidial.find("20261123-090100_a", "20261123-090200_b")
    assert record.files == {"20261123-090100_a", "20261123-090200_b"}
    assert [p.value for p in record.facts.parties if p.role == "agent"] == ["6666", "7001"]


def test_what_was_archived_is_found_too(vicidial: Vicidial) -> None:
    vicidial.recording(3, "20261123-090300_7700900123", table="recording_log_archive")
    assert [r.facts.source_ref for r in vicidial.find("20261123-090300_7700900123")] == [channel(3)]


def test_a_renamed_file_is_found_by_its_location(vicidial: Vicidial) -> None:
    vicidial.recording(4, "old", location="https://192.0.2.1/RECORDINGS/moved-all.mp3")
    assert [r.facts.source_ref for r in vicidial.find("moved", n=4)] == [channel(4)]


def test_without_a_log_the_lead_knows_the_number_and_else_the_name_does(vicidial: Vicidial) -> None:
    vicidial.recording(5, "20261123-090500_27821234567", vicidial_id="")
    vicidial.recording(6, "20261123-090600_447700900123", vicidial_id="")
    vicidial.add("vicidial_list", lead_id=1005, phone_code="44", phone_number="7700900456")
    five, six = vicidial.find("20261123-090500_27821234567", "20261123-090600_447700900123")
    assert (five.facts.source_ref, five.facts.parties[0].value) == ("recording-5", STRANGER)
    assert (six.facts.source_ref, six.facts.parties[0].value) == ("recording-6", NALEDI)
    assert six.facts.direction is None


def test_times_without_an_epoch_are_read_in_the_pbxs_zone(vicidial: Vicidial) -> None:
    vicidial.recording(7, "x7", start_epoch=0, end_epoch=None)
    assert vicidial.find("x7", n=7)[0].facts.started_at == at(7, 12)


def test_a_log_from_the_days_before_vicidial_id_is_refused_by_name(vicidial: Vicidial) -> None:
    vicidial.server.root("DROP TABLE recording_log", database=vicidial.name)
    with pytest.raises(BadInput) as caught:
        vicidial.find("x")
    assert caught.value.code == "telephony.server.no-table"


def test_vicidials_records_are_not_read_from_a_file() -> None:
    with pytest.raises(BadInput) as caught:
        open_records("vicidial", ["Master.csv"], source="x", zone=ZONE, region="ZA")
    assert caught.value.code == "telephony.vicidial.address"
