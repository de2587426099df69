"""Receipts, and the log in files: ours read by somebody else's code, and theirs by ours."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from a_log import AT, Log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tlog_scales.backend import LocalBackend
from tlog_scales.cli import build_parser
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey as TheirVkey
from tlog_scales.tiles import leaf_hash, tile_path
from tlog_scales.tlog import ConsistencyProof

from imvume.basics.ids import EntryId, uuid7
from imvume.errors import BadInput, Broken, Conflict, ImvumeError, NotFound, Unavailable
from imvume.evidence import merkle, note, proof
from imvume.evidence.publish import number, publish, resource


def prove(log: Log, entry: EntryId) -> str:
    with log.database.transaction(log.tenant) as tx:
        return proof.make(tx, entry)


def ask(log: Log, path: str) -> bytes:
    with log.database.transaction(log.tenant) as tx:
        return resource(tx, path).body


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Receipts ------------------------------------------------------------------------------------


def test_every_entry_has_a_receipt_that_proves_it_offline(log: Log) -> None:
    log.grow(3, 260, 1)
    rows = log.entries()
    for row in (rows[0], rows[2], rows[3], rows[255], rows[256], rows[262], rows[263]):
        proved = proof.check(prove(log, row["entry_id"]), [log.vkey])
        assert (proved.body, proved.index, proved.checkpoint.size, proved.at) == (row["body"], row["idx"], 264, AT)
        assert json.loads(proved.body)["entry"] == str(row["entry_id"])


def test_a_receipt_of_the_only_entry_needs_no_hashes(log: Log) -> None:
    log.grow(1)
    text = prove(log, log.entries()[0]["entry_id"])
    assert text.splitlines()[2:4] == ["index 0", ""]
    assert proof.check(text, [log.vkey]).index == 0


def test_an_old_receipt_holds_when_the_log_has_grown(log: Log) -> None:
    (entry,) = log.say()
    log.placed()
    old = prove(log, entry)
    log.grow(300)
    assert proof.check(old, [log.vkey]).checkpoint.size == 1
    assert proof.check(prove(log, entry), [log.vkey]).checkpoint.size == 301


def test_what_waits_or_is_not_there_has_no_receipt(log: Log) -> None:
    (entry,) = log.say()
    with pytest.raises(Conflict) as waits:
        prove(log, entry)
    assert waits.value.code == "evidence.proof.waiting"
    with pytest.raises(NotFound) as none:
        prove(log, EntryId(uuid7()))
    assert none.value.code == "evidence.entry.none"


@pytest.mark.parametrize(
    ("index", "statement"),
    [
        (290, "DELETE FROM tile WHERE tenant_id = %s AND level = 1"),
        (0, "UPDATE tile SET hashes = substring(hashes FROM 1 FOR 32) WHERE tenant_id = %s AND n = 1"),
        (
            0,
            "UPDATE tile SET hashes = overlay(hashes placing '\\x00' from 40) WHERE tenant_id = %s AND level = 0",
        ),
        (0, "UPDATE entry SET body = body || ' ' WHERE tenant_id = %s AND idx = 0"),
    ],
)
def test_a_log_that_was_changed_gives_no_receipt(log: Log, index: int, statement: str) -> None:
    log.grow(300)
    entry = log.entries()[index]["entry_id"]
    log.tamper((statement, (log.tenant,)))
    with pytest.raises(Broken) as broken:
        prove(log, entry)
    assert broken.value.code == "evidence.proof.broken"


def test_a_receipt_for_another_entry_or_log_is_refused(log: Log) -> None:
    log.grow(5)
    rows = log.entries()
    text = prove(log, rows[1]["entry_id"])
    assert proof.check(text, [log.vkey], body=rows[1]["body"]).index == 1
    for changed, body in ((text, rows[2]["body"]), (text.replace("index 1", "index 2"), None)):
        with pytest.raises(Broken) as wrong:
            proof.check(changed, [log.vkey], body=body)
        assert wrong.value.code == "evidence.proof.wrong"
    with pytest.raises(Broken) as unsigned:
        proof.check(text, [note.Vkey(log.vkey.name, b"k" * 32)])
    assert unsigned.value.code == "evidence.note.unsigned"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("index 1", "index 01"),
        lambda text: text.replace("index 1", "index"),
        lambda text: text.replace("index 1\n", "index 1\nAAAA\n"),
        lambda text: text.replace("extra ", "extra *"),
        lambda text: text.split("\n\n")[0],
        lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("extra ")),
        lambda text: text.replace("\n\n", "\n" + "A" * 300_000 + "\n\n", 1),
    ],
)
def test_what_is_not_a_receipt_is_unreadable(log: Log, change) -> None:  # type: ignore[no-untyped-def]
    log.grow(3)
    text = prove(log, log.entries()[1]["entry_id"])
    with pytest.raises(BadInput) as refused:
        proof.check(change(text), [log.vkey])
    assert refused.value.code == "evidence.proof.unreadable"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_receipt_with_any_bit_flipped_proves_nothing_else(log: Log, data: st.DataObject) -> None:
    if not log.checkpoints():
        log.grow(9)
    row = log.entries()[4]
    text = bytearray(prove(log, row["entry_id"]).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        proved = proof.check(text.decode("utf-8", "replace"), [log.vkey])
    except ImvumeError:
        return
    # The time-stamped line may have become a stranger's; what is proved is still the same.
    assert (proved.body, proved.index) == (row["body"], 4)


@given(st.text() | st.text().map(lambda text: f"{proof.HEADER}\n{text}") | st.text(alphabet="index 0123\n=A"))
def test_whatever_comes_as_a_receipt_is_refused_in_our_own_words(text: str) -> None:
    with pytest.raises(BadInput):
        proof.check(text, [])


# Files ---------------------------------------------------------------------------------------


def test_the_log_in_files_is_read_and_proved_by_somebody_elses_code(log: Log, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    log.grow(70, 300, 230)
    folder = tmp_path / "log"
    assert publish(log.database, log.tenant, folder) == 8  # 3 bundles, 3 tiles and 1 above, and the checkpoint
    reader = TilesReader(LocalBackend(folder))
    head = reader.get_checkpoint()
    head.verify(TheirVkey.from_string(str(log.vkey)))
    assert head.size == 600
    assert reader.calculate_root_hash() == head.root_hash
    rows = log.entries()
    for index in (0, 69, 255, 256, 511, 512, 599):
        assert reader.get_entry(index) == rows[index]["body"]
        reader.get_inclusion_proof(index, 600).check(leaf_hash(rows[index]["body"]), head.root_hash)
        args = build_parser().parse_args(["gen-proof", str(folder), str(index)])
        args.func(args)
        theirs = capsys.readouterr().out
        proved = proof.check(theirs, [log.vkey], body=rows[index]["body"])
        assert (proved.index, proved.checkpoint.size) == (index, 600)
        with log.database.transaction(log.tenant) as tx:
            ours = proof.make(tx, rows[index]["entry_id"])
        assert "".join(line for line in ours.splitlines(keepends=True) if not line.startswith("extra ")) == theirs
    for old in log.checkpoints():
        was = note.verified(old["note"], [log.vkey]).checkpoint
        reader.get_consistency_proof(was.size, 600).check(was.root, head.root_hash)


def test_our_consistency_proofs_convince_their_reader_and_ours(log: Log) -> None:
    log.grow(3, 400, 200)
    heads = [note.read(row["note"])[0] for row in log.checkpoints()]
    for old in heads[:2]:
        with log.database.transaction(log.tenant) as tx:
            steps = proof.hashes(tx, merkle.consistency(old.size, 603), 603)
        ConsistencyProof(old.size, 603, steps).check(old.root, heads[2].root)
        assert merkle.consistent(old.size, old.root, 603, heads[2].root, steps)


def test_a_door_answers_the_same_bytes_as_the_folder_holds(log: Log, tmp_path: Path) -> None:
    log.grow(600)
    publish(log.database, log.tenant, tmp_path)
    held = files(tmp_path)
    assert set(held) == {
        "checkpoint",
        *(f"tile/{level}/00{n}" for level in ("0", "entries") for n in (0, 1)),
        "tile/0/002.p/88",
        "tile/entries/002.p/88",
        "tile/1/000.p/2",
    }
    for path, body in held.items():
        assert ask(log, path) == body
    with log.database.transaction(log.tenant) as tx:
        checkpoint, tile = resource(tx, "checkpoint"), resource(tx, "tile/0/000")
    assert (checkpoint.media_type, checkpoint.lasting) == ("text/plain; charset=utf-8", False)
    assert (tile.media_type, tile.lasting) == ("application/octet-stream", True)
    assert ask(log, "tile/0/001.p/7") == held["tile/0/001"][: 7 * 32]


def test_publishing_goes_on_where_it_was_and_twice_does_nothing(log: Log, tmp_path: Path) -> None:
    for count in (1, 254, 1, 300, 3):
        log.grow(count)
        publish(log.database, log.tenant, tmp_path)
        before = {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)}
        assert publish(log.database, log.tenant, tmp_path) == 0
        assert before == {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)}
        reader = TilesReader(LocalBackend(tmp_path))
        assert reader.get_checkpoint().root_hash == reader.calculate_root_hash()
    assert not (tmp_path / "tile/0/000.p").exists(), "a full tile serves for all narrower ones"
    assert sorted(path.name for path in (tmp_path / "tile/0/002.p").iterdir()) == ["44", "47"]
    fresh = tmp_path / "fresh"
    publish(log.database, log.tenant, fresh)
    assert {p: b for p, b in files(tmp_path).items() if not p.startswith("fresh")}.items() >= files(fresh).items()


def test_publishing_that_was_interrupted_is_done_again(log: Log, tmp_path: Path) -> None:
    log.grow(300)
    publish(log.database, log.tenant, tmp_path)
    whole = files(tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "tile/1/000.p/1").unlink()
    publish(log.database, log.tenant, tmp_path)
    assert files(tmp_path) == whole


def test_an_empty_log_publishes_nothing(log: Log, tmp_path: Path) -> None:
    assert publish(log.database, log.tenant, tmp_path) == 0
    assert files(tmp_path) == {}
    with pytest.raises(NotFound):
        ask(log, "checkpoint")


def test_a_folder_of_another_log_is_left_alone(log: Log, tmp_path: Path) -> None:
    log.grow(3)
    other = note.sign(note.Checkpoint(log.vkey.name, 3, b"o" * 32), log.vault.signing(log.tenant), at=AT)
    for text in (other.encode(), b"garbage", b"\xff"):
        (tmp_path / "checkpoint").write_bytes(text)
        with pytest.raises(Broken) as refused:
            publish(log.database, log.tenant, tmp_path)
        assert refused.value.code == "evidence.publish.other-log"
        assert files(tmp_path) == {"checkpoint": text}


def test_a_folder_that_cannot_be_written_is_told(log: Log, tmp_path: Path) -> None:
    log.grow(3)
    (tmp_path / "tile").write_bytes(b"a file in the way")
    with pytest.raises(Unavailable) as refused:
        publish(log.database, log.tenant, tmp_path)
    assert refused.value.code == "evidence.publish.unwritable"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM entry WHERE tenant_id = %s AND idx = 1", "DELETE FROM tile WHERE tenant_id = %s"]
)
def test_a_log_that_lacks_something_is_not_published(log: Log, tmp_path: Path, statement: str) -> None:
    log.grow(3)
    log.tamper((statement, (log.tenant,)))
    with pytest.raises(Broken) as refused:
        publish(log.database, log.tenant, tmp_path)
    assert refused.value.code == "evidence.publish.lacking"
    assert "checkpoint" not in files(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/checkpoint",
        "checkpoint/",
        "tile/0/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/001.p/45",
        "tile/0/1",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/64/000",
        "tile/8/000",
        "tile/1/000",
        "tile/-1/000",
        "tile/entries/000/",
        "tile/entries/000\n",
        "tile/0/../../checkpoint",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠٠",
    ],
)
def test_a_path_that_is_none_is_not_found(log: Log, path: str) -> None:
    log.grow(300)
    with pytest.raises(NotFound):
        ask(log, path)


@given(st.integers(0, 10**12))
def test_a_number_is_written_as_the_specification_says(n: int) -> None:
    assert number(1234067) == "x001/x234/067"
    assert ["tile", "0", *number(n).split("/")] == ["tile", "0", *"/".join(tile_path(0, n)[2:]).split("/")]


def test_a_receipt_is_text_that_a_person_can_read(log: Log) -> None:
    log.grow(4)
    text = prove(log, log.entries()[2]["entry_id"])
    lines = text.splitlines()
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert json.loads(base64.b64decode(lines[1].removeprefix("extra ")))["v"] == 1
    assert lines[2] == "index 2"
    assert text.isprintable() or set(text) - set("\n—") <= set(map(chr, range(32, 127)))
