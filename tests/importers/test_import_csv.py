"""Call records in CSV files: every form that Asterisk writes, growing and rotating, and every way to be broken."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pbx import NALEDI, STRANGER, ZONE, at, channel, wall

from imvume.errors import BadInput, NotFound
from imvume.telephony.importers import csv_table, layouts
from imvume.telephony.importers.csv_lines import ROW_MAX
from imvume.telephony.importers.csv_table import CsvTable
from imvume.telephony.importers.records import Records, Want
from imvume.telephony.importers.sources import open_records

HEADER = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,uniqueid,linkedid"
)


def master(n: int, *, columns: int = 18, caller: str = NALEDI, **given: str) -> str:
    """A row of Master.csv as cdr_csv writes it, with its first `columns` columns."""
    row = {
        "accountcode": "",
        "src": caller,
        "dst": "600",
        "dcontext": "ext-queues",
        "clid": f'"Naledi" <{caller}>',
        "channel": f"PJSIP/trunk-{n:08x}",
        "dstchannel": f"PJSIP/101-{n:08x}",
        "lastapp": "Queue",
        "lastdata": "600,t,,,",
        "start": wall(at(n)),
        "answer": wall(at(n, 10)),
        "end": wall(at(n, 50)),
        "duration": "50",
        "billsec": "40",
        "disposition": "ANSWERED",
        "amaflags": "DOCUMENTATION",
        "uniqueid": channel(n),
        "userfield": "",
        "peeraccount": "",
        "linkedid": channel(n),
        "sequence": str(n),
    } | given
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(list(row.values())[:columns])
    return out.getvalue()


def cel(n: int, type: str, of: int, *, channame: str = "", num: str = "", app: str = "", data: str = "") -> str:
    """A row of cel-custom/Master.csv by the mapping of Asterisk's sample."""
    row = [type, str(at(n).timestamp()), "", num, num, "", "", "0101234567", "from-trunk"]
    row += [channame or f"PJSIP/{100 + n}-{n:08x}", app, data, "DOCUMENTATION", "", channel(n), channel(of)]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([*row, "", "", "", ""])
    return out.getvalue()


Open = Callable[..., Records]


@pytest.fixture
def records() -> Iterator[Open]:
    """Opens files as the records of one PBX."""
    opened: list[Records] = []

    def one(*paths: Path) -> Records:
        made = open_records("asterisk", [str(path) for path in paths], source="pbx", zone=ZONE, region="ZA")
        opened.append(made)
        return made

    yield one
    for each in opened:
        each.close()


def want(*ns: int) -> list[Want]:
    return [Want((channel(n),), "", at(n)) for n in ns]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Master.csv"


@pytest.mark.parametrize("columns", [17, 18, 21])
def test_master_csv_is_read_in_each_of_its_forms(records: Open, file: Path, columns: int) -> None:
    file.write_text("".join(master(n, columns=columns) for n in range(5)))
    (record,) = records(file).find(want(3))
    assert record.facts.source_ref == channel(3)
    assert (record.facts.started_at, record.facts.answered_at, record.facts.ended_at) == (at(3), at(3, 10), at(3, 50))
    assert [p.value for p in record.facts.parties] == [NALEDI, "101"]
    assert record.facts.queue == "600"


def test_the_form_without_uniqueid_is_matched_by_the_file_it_names(records: Open, file: Path) -> None:
    rows = [
        master(1, columns=16, lastapp="MixMonitor", lastdata="2026/support.wav,b"),
        master(2, columns=16).rstrip("\n") + ',"audio:2026/other.wav"\n',
    ]
    file.write_text("".join(rows))
    found = records(file).find([Want((), "support", at(1)), Want((), "other", at(2))])
    assert sorted(record.facts.started_at for record in found) == [at(1), at(2)]
    assert {record.facts.source_ref for record in found} == {f"{int(at(n).timestamp())}-{n:08x}" for n in (1, 2)}


def test_a_custom_file_tells_its_columns_in_its_first_line(records: Open, file: Path) -> None:
    row = f'"{wall(at(1))}","""N"" <{NALEDI}>",{NALEDI},600,x,PJSIP/t-0a,PJSIP/101-0b,Queue,600,50,40,ANSWERED'
    file.write_text(f"\ufeff{HEADER}\n{row},{channel(1)},{channel(1)}\n", encoding="utf-8")
    (record,) = records(file).find(want(1))
    assert record.facts.answered_at == at(1, 10)


def test_cdr_custom_by_its_sample_is_known_by_where_its_times_stand(records: Open, file: Path) -> None:
    fields = next(csv.reader([master(1)]))
    by_name = dict(zip(layouts._CDR, fields, strict=False)) | {"uniqueid": channel(1), "userfield": "", "sequence": "1"}
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([by_name[name] for name in layouts._CDR_CUSTOM])
    file.write_text(out.getvalue())
    assert records(file).find(want(1))[0].facts.queue == "600"


def test_cel_in_a_file_joins_the_legs_that_master_csv_keeps_apart(records: Open, file: Path, tmp_path: Path) -> None:
    file.write_text(master(1) + master(2, dst="101", dstchannel="PJSIP/104-0000000d") + master(3, caller=STRANGER))
    events = tmp_path / "cel.csv"
    events.write_text(
        cel(1, "CHAN_START", 1, channame="PJSIP/trunk-00000001", num=NALEDI)
        + cel(2, "CHAN_START", 1)
        + cel(2, "BRIDGE_ENTER", 1)
        + cel(2, "DTMF", 1)
        + cel(1, "APP_START", 1, app="MixMonitor", data="/x/named.wav,r(named-rx.wav)t(named-tx.wav)")
    )
    (record,) = records(file, events).find([Want((), "named", at(1))])
    assert {channel(1), channel(2)} <= record.ids
    assert [p.value for p in record.facts.parties] == [NALEDI, "101", "104", "102"]


def test_a_file_that_grows_is_read_on_and_a_rotated_one_anew(records: Open, file: Path) -> None:
    file.write_text(master(1))
    table = records(file)
    assert not table.find(want(2))
    with file.open("a") as more:
        more.write(master(2)[:40])
        more.flush()
        assert not table.find(want(2))
        more.write(master(2)[40:])
    assert table.find(want(2))
    file.rename(file.with_suffix(".1"))
    assert table.find(want(2))  # away, and not begun anew: what we hold open is still the truth
    file.write_text(master(3))
    assert table.find(want(3))
    assert not table.find(want(2))
    os.truncate(file, 0)
    assert not table.find(want(3))
    assert table.refused == []


def test_a_line_that_is_being_written_is_not_refused_and_not_lost(records: Open, file: Path) -> None:
    file.write_text(master(1) + master(2).rstrip("\n"))
    table = records(file)
    assert len(table.find(want(1, 2))) == 2
    assert len(table.find(want(1, 2))) == 2


def test_a_broken_line_is_refused_by_number_and_the_others_go_on(records: Open, file: Path) -> None:
    broken = [
        b'"","1","2","unclosed quote\n',
        b"NUL\0" + master(8).encode(),
        b"a,b,c\n",
        b'"' + b"x" * (2 * ROW_MAX) + b'"\n',
        master(9, start="yesterday").encode(),
        b"\xff\xfe\x00\n",
        master(9).encode()[:60] + b"\n",
    ]
    raw = b"".join(line + master(n).encode() for n, line in enumerate(broken))
    file.write_bytes(raw)
    table = records(file)
    assert len(table.find(want(*range(len(broken))))) == len(broken)
    assert [error.code for error in table.refused] == ["telephony.record.unreadable"] * len(broken)
    assert [int(error.what.split()[1]) for error in table.refused] == [2 * n + 1 for n in range(len(broken))]


def test_a_name_over_two_lines_is_one_row(records: Open, file: Path) -> None:
    file.write_text(master(1, clid='"Nal\nedi" <447700900123>') + master(2))
    table = records(file)
    assert len(table.find(want(1, 2))) == 2
    assert table.refused == []


def test_names_in_latin1_are_read(records: Open, file: Path) -> None:
    file.write_bytes(master(1, clid='"Thérèse" <447700900123>').encode("latin-1") + master(2).encode())
    assert len(records(file).find(want(1, 2))) == 2


def test_only_so_many_refused_lines_are_kept(records: Open, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "REFUSED_MAX", 5)
    file.write_text("nothing\n" * 50 + master(1))
    table = records(file)
    assert table.find(want(1))
    assert len(table.refused) == 5


def test_what_is_no_ordinary_file_is_refused_at_once(records: Open, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, kind in ((tmp_path / "fifo", BadInput), (tmp_path, BadInput), (tmp_path / "none", NotFound)):
        with pytest.raises(kind):
            records(path)


_CELL = st.one_of(
    st.text(max_size=30),
    st.sampled_from(['"', '""', "\0", "\r", "\n", ",", "x" * 9000, "\ufeff", "2026-11-23 09:00:00", channel(1)]),
)
_ROW = st.one_of(
    st.lists(_CELL, max_size=25).map(lambda cells: ",".join(cells).encode()),
    st.binary(max_size=200),
    st.lists(_CELL, min_size=14, max_size=22).map(lambda cells: ",".join(f'"{cell}"' for cell in cells).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(_ROW, max_size=12), st.booleans())
def test_any_file_is_read_and_its_good_rows_are_found(tmp_path: Path, rows: list[bytes], ended: bool) -> None:
    file = tmp_path / "fuzz.csv"
    # A good row before and after: eight lines of a quote that nobody closes lie between at the worst.
    text = master(100).encode() + b"\n".join(rows) + b"\n" * 10 + master(200).encode()
    file.write_bytes(text if ended else text.rstrip(b"\n"))
    refused: list[BadInput] = []
    table = CsvTable(file, refused)
    found = [row["uniqueid"] for row in table.naming(want(100, 200))]
    table.close()
    assert {channel(100), channel(200)} <= set(found)
    assert all(error.code == "telephony.record.unreadable" for error in refused)
    assert all(1 <= int(error.what.split()[1]) <= text.count(b"\n") + 1 for error in refused)
    assert NALEDI not in " ".join(map(str, refused))
