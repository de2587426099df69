"""Whatever is changed, removed or added in a log is found, and named."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from a_log import AT, Log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_merkle import mth, some

from imvume.basics import clock
from imvume.basics.ids import uuid7
from imvume.errors import BadInput
from imvume.evidence import endings, findings, heads, ledger, merkle, note, recount, verify
from imvume.evidence.findings import TOLD_MAX, Finding
from imvume.evidence.sequencer import accept_loss
from imvume.evidence.statement import Statement
from imvume.evidence.verify import Verification


def reading(log: Log, **more: Any) -> Verification:
    return Verification(
        log.database,
        log.tenant,
        **{"vkeys": [log.vkey], "heads_in": log.heads_in, "at": clock.now(), "slice_entries": 256, **more},
    )


def read(log: Log, **more: Any) -> tuple[list[Finding], Statement]:
    verification = reading(log, **more)
    found: list[Finding] = []
    while not verification.done:
        found += verification.step()
    return found, verification.statement()


def names(found: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.code.removeprefix("evidence.verify."), finding.about) for finding in found}


# A log that is whole -------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [[], [1], [3, 2], [255], [256], [257], [256, 256], [700, 1, 300], [512, 1]])
def test_a_log_that_is_whole_is_proved(log: Log, batches: list[int]) -> None:
    log.grow(*batches)
    found, said = read(log)
    assert found == []
    assert (said.entries, said.found) == (sum(batches), 0)
    if batches:
        assert f"Each of the {sum(batches)} entries was read and hashed again" in said.text
        assert f"{len(batches)} checkpoints are signed" in said.text
        assert "the head that is kept outside the database" in said.proved[2]
    assert "another log under the same key" in said.text
    assert "That what an entry says is true" in said.text


def test_reading_yields_what_was_found_and_at_last_the_statement(log: Log) -> None:
    log.grow(300)
    log.tamper(("UPDATE entry SET type = 'log.begun' WHERE tenant_id = %s AND idx = 7", (log.tenant,)))
    seen: list[tuple[int, int]] = []
    *found, said = verify.verify(
        log.database,
        log.tenant,
        vkeys=[log.vkey],
        heads_in=None,
        at=clock.now(),
        told=lambda done, total: seen.append((done, total)),
    )
    assert [finding.about for finding in found if isinstance(finding, Finding)] == ["entry 7"]
    assert isinstance(said, Statement)
    assert "1 things are not as they were signed" in said.text
    assert "there was no head outside the database to compare with" in said.text
    assert seen[-1] == (300, 300)


def test_it_stops_after_any_slice_and_goes_on_from_a_little_text(log: Log) -> None:
    log.grow(300, 700, 24)
    log.tamper(
        ("UPDATE entry SET body = body || ' ' WHERE tenant_id = %s AND idx IN (3, 900)", (log.tenant,)),
        ("DELETE FROM checkpoint WHERE tenant_id = %s AND size = 300", (log.tenant,)),
    )
    once, said = read(log)
    found: list[Finding] = []
    verification = reading(log)
    while not verification.done:
        found += verification.step()
        state = verification.state
        assert len(state) < 2_000
        verification = reading(log, state=state)
    assert (found, verification.statement()) == (once, said)
    assert names(found) == {
        ("entry-altered", "entry 3"), ("entry-unreadable", "entry 3"),
        ("entry-altered", "entry 900"), ("entry-unreadable", "entry 900"), ("checkpoint-missing", "checkpoint 1000"),
    }  # fmt: skip


def test_a_half_read_log_is_not_said_to_be_proved(log: Log) -> None:
    log.grow(600)
    verification = reading(log)
    verification.step()
    assert "this verification has not ended" in verification.statement().text


@pytest.mark.parametrize("state", ["{", "[]", '{"target":"x"}', "\ud800", '{"target":1,"root":"AA","peaks":[1]}'])
def test_a_state_that_is_none_is_refused(log: Log, state: str) -> None:
    with pytest.raises(BadInput) as refused:
        reading(log, state=state)
    assert refused.value.code == "evidence.verify.state"


def test_what_comes_while_it_is_read_is_left_to_the_next(log: Log) -> None:
    log.grow(600)
    verification = reading(log)
    assert verification.step() == []
    log.grow(200, 30)
    log.say(2)
    found: list[Finding] = []
    while not verification.done:
        found += verification.step()
    assert found == []
    said = verification.statement()
    assert said.entries == 600
    assert "230 entries that came while this was read" in said.text
    assert "2 entries that wait for their place" in said.text


def test_a_checkpoint_that_came_while_it_was_read_and_is_forged_is_named(log: Log) -> None:
    log.grow(300)
    verification = reading(log)
    verification.step()
    log.grow(10)
    log.tamper(("UPDATE checkpoint SET note = note || ' ' WHERE tenant_id = %s AND size = 310", (log.tenant,)))
    found = [finding for _ in range(2) for finding in verification.step()]
    assert verification.done
    assert ("checkpoint-signature", "checkpoint 310") in names(found)
    assert "1 checkpoints are signed" in verification.statement().text


# One flipped bit -----------------------------------------------------------------------------

FLIP = {
    "uuid": "set_byte(uuid_send({0}), 15, get_byte(uuid_send({0}), 15) # 1)",
    "bigint": "{0} # (1::bigint << {1})",
    "smallint": "{0} # (1 << {1})::smallint",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "bytea": "set_byte({0}, octet_length({0}) / 2, get_byte({0}, octet_length({0}) / 2) # 1)",
    "text": "overlay({0} placing chr(ascii(substr({0}, {1}, 1)) # 1) from {1} for 1)",
}


def columns(log: Log, table: str) -> list[tuple[str, str]]:
    rows = log.rows(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
        table,
    )
    return [(row["column_name"], row["data_type"]) for row in rows]


def flip(log: Log, table: str, column: str, kind: str, which: str, at: int) -> bool:
    """Flip one bit; False where a constraint of PostgreSQL itself will not have the value."""
    changed = FLIP[kind].format(column, at)
    if kind == "uuid":
        changed = f"encode({changed}, 'hex')::uuid"
    try:
        log.tamper((f"UPDATE {table} SET {column} = {changed} WHERE tenant_id = %s AND {which}", (log.tenant,)))  # noqa: S608
    except psycopg.errors.IntegrityError:
        return False
    return True


ROWS = {
    "entry": ("idx = 259", "entry 259"),
    "tile": ("level = 0 AND n = 1", "tile 0/1"),
    "checkpoint": ("size = 260", "checkpoint 260"),
    "time_stamp": ("size = 260", "time-stamp"),
}


def named(found: list[Finding], table: str) -> bool:
    kind = {"entry": "entry", "tile": "tile", "checkpoint": "checkpoint", "time_stamp": "time-stamp"}[table]
    return any(finding.about.startswith(kind) for finding in found)


@pytest.mark.parametrize("table", ROWS)
def test_one_flipped_bit_in_any_column_is_found_and_named(log: Log, stamped: Callable[[], None], table: str) -> None:
    """The columns are asked of the database, so that a new one cannot be forgotten here."""
    log.grow(130, 130)
    stamped()
    log.placed()
    log.grow(40)
    assert read(log)[0] == []
    which, about = ROWS[table]
    before = log.rows(f"SELECT * FROM {table} WHERE tenant_id = %s", log.tenant)  # noqa: S608
    tried = set()
    places = {"bigint": (0, 1, 20, 45), "smallint": (0, 1, 2), "text": (1, 5, 10)}
    for column, kind, at in [(name, sort, at) for name, sort in columns(log, table) for at in places.get(sort, (1,))]:
        if not flip(log, table, column, kind, which, at):
            continue
        tried.add(column)
        found, said = read(log)
        assert found, f"{table}.{column} was changed and nobody noticed"
        assert said.found >= len(found)
        assert "That the log is whole" in said.text
        assert named(found, table), f"{table}.{column}: {found}"
        if column not in ("tenant_id", "idx", "size", "level", "n", "stamp_id", "since"):
            assert any(finding.about.startswith(about) for finding in found), f"{table}.{column}: {found}"
        put_back(log, table, before)
        assert read(log)[0] == []
    assert tried == {name for name, _ in columns(log, table)}


def put_back(log: Log, table: str, rows: list[dict[str, Any]]) -> None:
    names_ = ", ".join(rows[0])
    marks = ", ".join(["%s"] * len(rows[0]))
    flipped = str(log.tenant)[:-1] + format(int(str(log.tenant)[-1], 16) ^ 1, "x")
    log.tamper(
        (f"DELETE FROM {table} WHERE tenant_id IN (%s, %s)", (log.tenant, flipped)),  # noqa: S608
        *[(f"INSERT INTO {table} ({names_}) VALUES ({marks})", list(row.values())) for row in rows],  # noqa: S608
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(data=st.data())
def test_a_bit_flipped_anywhere_in_a_body_a_tile_or_a_note_is_found(log: Log, data: st.DataObject) -> None:
    if not log.checkpoints():
        log.grow(200, 100)
    table, column, which, kind = data.draw(
        st.sampled_from(
            [
                ("entry", "body", "idx = 100", "bytea"),
                ("entry", "body", "idx = 299", "bytea"),
                ("tile", "hashes", "level = 0 AND n = 0", "bytea"),
                ("tile", "hashes", "level = 0 AND n = 1", "bytea"),
                ("tile", "hashes", "level = 1 AND n = 0", "bytea"),
                ("checkpoint", "note", "size = 200", "text"),
                ("checkpoint", "note", "size = 300", "text"),
            ]
        )
    )
    before = log.rows(f"SELECT * FROM {table} WHERE tenant_id = %s", log.tenant)  # noqa: S608
    where = f"FROM {table} WHERE tenant_id = %s AND {which}"
    measure = "octet_length" if kind == "bytea" else "length"
    length = log.rows(f"SELECT {measure}({column}) AS n {where}", log.tenant)[0]["n"]
    place, bit = data.draw(st.integers(0, length - 1)), data.draw(st.integers(0, 6))
    if kind == "bytea":
        changed = f"set_byte({column}, {place}, get_byte({column}, {place}) # {1 << bit})"
    else:
        char = f"substr({column}, {place + 1}, 1)"
        # chr(0) is no text; that one bit cannot be flipped in PostgreSQL at all
        changed = f"overlay({column} placing chr(greatest(1, ascii({char}) # {1 << bit})) from {place + 1} for 1)"
    log.tamper((f"UPDATE {table} SET {column} = {changed} WHERE tenant_id = %s AND {which}", (log.tenant,)))  # noqa: S608
    found, _ = read(log)
    about = {"entry": "entry ", "tile": "tile ", "checkpoint": "checkpoint "}[table]
    number = which.removeprefix("idx = ").removeprefix("size = ").replace("level = ", "").replace(" AND n = ", "/")
    assert f"{about}{number}" in {finding.about for finding in found}
    put_back(log, table, before)


# Removed, added, moved -----------------------------------------------------------------------


def changed(log: Log, *statements: str) -> set[tuple[str, str]]:
    log.tamper(*[(statement, [log.tenant] * statement.count("%s")) for statement in statements])
    return names(read(log)[0])


def test_a_removed_entry_is_named(log: Log) -> None:
    log.grow(600)
    assert changed(log, "DELETE FROM entry WHERE tenant_id = %s AND idx = 300") == {("entry-missing", "entry 300")}


def test_removed_neighbours_are_named_together(log: Log) -> None:
    log.grow(600)
    assert changed(log, "DELETE FROM entry WHERE tenant_id = %s AND (idx BETWEEN 10 AND 20 OR idx >= 598)") == {
        ("entry-missing", "entries 10 to 20"),
        ("entry-missing", "entries 598 to 599"),
    }


def test_an_entry_removed_with_its_tile_is_named_and_nothing_after_it_is_claimed(log: Log) -> None:
    log.grow(100, 500)
    found = changed(
        log,
        "DELETE FROM entry WHERE tenant_id = %s AND idx = 300",
        "DELETE FROM tile WHERE tenant_id = %s AND level = 0 AND n = 1",
    )
    assert found == {("entry-missing", "entry 300"), ("tile-missing", "tile 0/1")}
    said = read(log)[1].text
    assert "The first 100 entries" in said
    assert "Anything about the tree after the first entry that is gone together with its tile." in said


def test_a_tail_removed_with_its_checkpoints_and_tiles_is_named_by_the_head_outside(log: Log) -> None:
    log.grow(100, 30)
    leaves = b"".join(merkle.leaf(row["body"]) for row in log.entries()[:100])
    log.tamper(
        ("DELETE FROM entry WHERE tenant_id = %s AND idx >= 100", (log.tenant,)),
        ("DELETE FROM checkpoint WHERE tenant_id = %s AND size > 100", (log.tenant,)),
        ("UPDATE tile SET hashes = %s WHERE tenant_id = %s", (leaves, log.tenant)),
    )
    found, said = read(log)
    assert names(found) == {("log-rolled-back", "head 130")}
    assert said.found == 30
    assert read(log, heads_in=None)[0] == [], "the database alone is in perfect order"


def test_a_tail_removed_without_its_tiles_is_named_by_them_as_well(log: Log) -> None:
    log.grow(100, 200)
    found = changed(
        log,
        "DELETE FROM entry WHERE tenant_id = %s AND idx >= 100",
        "DELETE FROM checkpoint WHERE tenant_id = %s AND size > 100",
    )
    assert found == {
        ("log-rolled-back", "head 300"),
        ("tile-extra", "tile 0/0"),
        ("tile-extra", "tile 0/1"),
        ("tile-extra", "tile 1/0"),
    }


def test_all_checkpoints_removed_leaves_all_entries_uncovered(log: Log) -> None:
    log.grow(100)
    assert changed(log, "DELETE FROM checkpoint WHERE tenant_id = %s") == {
        ("entry-extra", "entries 0 to 99"),
        ("tile-extra", "tile 0/0"),
        ("log-rolled-back", "head 100"),
    }


def test_everything_removed_is_named_by_the_head_outside(log: Log) -> None:
    log.grow(100)
    found = changed(
        log,
        *[f"DELETE FROM {table} WHERE tenant_id = %s" for table in ("entry", "checkpoint", "tile")],  # noqa: S608
    )
    assert found == {("log-rolled-back", "head 100")}


def test_two_entries_that_changed_places_are_named(log: Log) -> None:
    log.grow(10)
    assert {about for _, about in changed(
        log,
        "UPDATE entry SET idx = 1000 WHERE tenant_id = %s AND idx = 3",
        "UPDATE entry SET idx = 3 WHERE tenant_id = %s AND idx = 4",
        "UPDATE entry SET idx = 4 WHERE tenant_id = %s AND idx = 1000",
    )} == {"entry 3", "entry 4"}  # fmt: skip


def test_an_entry_that_was_added_behind_the_log_is_named(log: Log) -> None:
    log.grow(10)
    row = log.entries()[0]
    log.tamper(
        (
            "INSERT INTO entry VALUES (%s, 10, %s, %s, %s, %s)",
            (log.tenant, uuid7(), row["type"], row["about"], row["body"]),
        )
    )
    assert names(read(log)[0]) == {("entry-extra", "entries 10 to 10")}


def test_tiles_that_were_added_are_named(log: Log) -> None:
    log.grow(10)
    for place in ("0, 1", "1, 0", "7, 9007199254740993"):
        log.tamper((f"INSERT INTO tile SELECT tenant_id, {place}, hashes FROM tile WHERE tenant_id = %s AND level = 0 AND n = 0", (log.tenant,)))  # noqa: S608, E501 # fmt: skip
    log.tamper(
        ("UPDATE tile SET hashes = hashes || hashes WHERE tenant_id = %s AND level = 0 AND n = 0", (log.tenant,))
    )
    assert names(read(log)[0]) == {
        ("tile-extra", f"tile {place}") for place in ("0/0", "0/1", "1/0", "7/9007199254740993")
    }


@pytest.mark.parametrize("tile", ["0/0", "0/1", "0/2", "1/0"])
def test_a_removed_or_shortened_tile_is_named(log: Log, tile: str) -> None:
    log.grow(600)
    level, n = tile.split("/")
    before = log.rows("SELECT * FROM tile WHERE tenant_id = %s", log.tenant)
    which = f"WHERE tenant_id = %s AND level = {level} AND n = {n}"
    assert changed(log, f"DELETE FROM tile {which}") == {("tile-missing", f"tile {tile}")}  # noqa: S608
    put_back(log, "tile", before)
    assert changed(log, f"UPDATE tile SET hashes = substring(hashes FROM 1 FOR 32) {which}") == {  # noqa: S608
        ("tile-altered", f"tile {tile}")
    }


def test_an_entry_rewritten_with_all_its_tiles_is_named_by_what_was_signed(log: Log) -> None:
    """The thorough forger: he can write every table, and cannot sign."""
    log.grow(40, 20, 40)
    rows = log.entries()
    body = rows[50]["body"].replace(b'"assets":', b'"assets":1')
    if body == rows[50]["body"]:
        body = rows[50]["body"].replace(b"6363", b"6464", 1)
    bodies = [body if row["idx"] == 50 else row["body"] for row in rows]
    log.tamper(
        ("UPDATE entry SET body = %s WHERE tenant_id = %s AND idx = 50", (body, log.tenant)),
        ("UPDATE tile SET hashes = %s WHERE tenant_id = %s", (b"".join(map(merkle.leaf, bodies)), log.tenant)),
    )
    found, said = read(log)
    assert names(found) == {("checkpoint-root", "checkpoint 60"), ("checkpoint-root", "checkpoint 100")}
    assert "among those from 40 on" in found[0].text
    assert "The first 40 entries" in said.text


def test_a_removed_checkpoint_is_missed_by_the_one_after_it(log: Log) -> None:
    log.grow(10, 10, 10)
    assert changed(log, "DELETE FROM checkpoint WHERE tenant_id = %s AND size = 20") == {
        ("checkpoint-missing", "checkpoint 30")
    }


def test_the_last_checkpoint_removed_leaves_entries_uncovered(log: Log) -> None:
    log.grow(10, 10)
    assert changed(log, "DELETE FROM checkpoint WHERE tenant_id = %s AND size = 20") == {
        ("entry-extra", "entries 10 to 19"),
        ("tile-extra", "tile 0/0"),
        ("log-rolled-back", "head 20"),
    }


def test_a_checkpoint_of_another_key_proves_nothing(log: Log) -> None:
    log.grow(10)
    stranger = note.Vkey(log.vkey.name, b"k" * 32)
    found, said = read(log, vkeys=[stranger])
    assert {("checkpoint-signature", "checkpoint 10"), ("head-signature", "head")} <= names(found)
    assert said.proved == ()


def test_a_wrong_column_is_named_with_its_entry(log: Log) -> None:
    log.grow(10)
    log.tamper(("UPDATE entry SET about = %s WHERE tenant_id = %s AND idx = 2", (uuid7(), log.tenant)))
    (finding,) = read(log)[0]
    assert (finding.about, finding.text) == ("entry 2", "Its column about is not what its body says.")


@pytest.mark.parametrize(
    "body",
    [
        b"Naledi rang from +44 7700 900123",
        b"\xff\xfe",
        b"[]",
        b"[" * 20_000,
        b'{"v":1,"entry":"Naledi"}',
        b'{"v": 1}',
    ],
)
def test_a_text_smuggled_in_past_the_ledger_is_named_once_it_stands_in_the_log(log: Log, body: bytes) -> None:
    log.grow(3)
    with log.database.transaction(log.tenant) as tx:
        tx.run("evidence.pending_add", ids=[uuid7()], types=["calls.taken"], abouts=[uuid7()], bodies=[body])
    assert {about.split()[0] for _, about in names(read(log)[0])} == {"waiting"}
    log.placed()
    found, _ = read(log)
    assert {finding.about for finding in found} == {"entry 3"}
    assert not any("Naledi" in finding.text for finding in found)


def test_a_thousand_findings_are_counted_and_a_hundred_told(log: Log) -> None:
    log.grow(600)
    log.tamper(("UPDATE entry SET type = 'log.begun' WHERE tenant_id = %s", (log.tenant,)))
    found, said = read(log)
    assert (len(found), said.found) == (TOLD_MAX, 600)


# Heads, losses, waiting ----------------------------------------------------------------------


def test_a_head_older_than_the_log_is_no_harm_and_a_missing_one_is_named(log: Log) -> None:
    log.grow(10)
    kept = heads.kept(log.heads_in, log.tenant)
    log.grow(10)
    assert kept
    path = heads.path(log.heads_in, log.tenant)
    path.write_text(kept)
    found, said = read(log)
    assert found == []
    assert "the 10 entries of the head" in said.text
    path.unlink()
    assert names(read(log)[0]) == {("head-missing", "head")}
    path.write_text("garbage")
    assert names(read(log)[0]) == {("head-signature", "head")}


def test_a_head_of_another_past_is_named(log: Log) -> None:
    log.grow(10)
    other = note.Checkpoint(log.vkey.name, 10, b"o" * 32)
    heads.path(log.heads_in, log.tenant).write_text(note.sign(other, log.vault.signing(log.tenant), at=AT))
    assert names(read(log)[0]) == {("log-forked", "head 10")}


def test_a_loss_is_told_by_the_log_and_named_if_it_is_not(log: Log) -> None:
    log.grow(10, 5)
    leaves = b"".join(merkle.leaf(row["body"]) for row in log.entries()[:10])
    log.tamper(
        ("DELETE FROM entry WHERE tenant_id = %s AND idx >= 10", (log.tenant,)),
        ("DELETE FROM checkpoint WHERE tenant_id = %s AND size > 10", (log.tenant,)),
        ("UPDATE tile SET hashes = %s WHERE tenant_id = %s", (leaves, log.tenant)),
    )
    head = heads.path(log.heads_in, log.tenant)
    accept_loss(log.database, log.vault, log.tenant, by=uuid7(), at=AT, heads_in=log.heads_in)
    assert not head.exists()
    log.placed()
    found, said = read(log)
    assert found == []
    assert "5 entries that were lost when the database was restored" in said.text
    other = note.sign(note.Checkpoint(log.vkey.name, 99, b"o" * 32), log.vault.signing(log.tenant), at=AT)
    (log.heads_in / f"{log.tenant}.lost-99-6f6f6f6f").write_text(other)
    assert names(read(log)[0]) == {("head-untold", "head 99")}


def test_an_entry_that_nobody_places_is_an_alarm(log: Log) -> None:
    log.grow(1)
    log.say(2)
    assert read(log)[0] == []
    found, _ = read(log, at=clock.now() + endings.WAITS_MAX + timedelta(seconds=30))
    assert names(found) == {("entry-waits", "waiting entries")}


# The reader itself ---------------------------------------------------------------------------


def test_the_reader_shares_no_code_with_the_writer() -> None:
    """A mistake in the tree that writes must not be repeated by the tree that reads."""
    shared = {"leaf", "node"}
    for module in (verify, recount, endings, findings):
        for line in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(line, ast.ImportFrom) and line.module:
                found = {alias.name for alias in line.names}
                assert not found & {"tiles", "merkle", "sequencer", "proof", "publish"}, module
                assert not line.module.endswith((".tiles", ".sequencer", ".proof", ".publish")), module
                assert not line.module.endswith(".merkle") or found <= shared, module


@given(st.integers(0, 700))
def test_the_tree_counted_anew_is_that_of_the_definition(size: int) -> None:
    tree = recount.Tree()
    above = [whole for entry in some(size) for whole in tree.add(merkle.leaf(entry))]
    assert tree.root() == mth(some(size))
    assert [(level, index) for level, index, _ in above] == [(1, n) for n in range(size // 256)]
    assert [hash for _, _, hash in above] == [mth(some(size)[n * 256 : (n + 1) * 256]) for n in range(size // 256)]


def test_a_slice_is_made_of_whole_groups(log: Log) -> None:
    with pytest.raises(ValueError, match="whole groups"):
        reading(log, slice_entries=100)


def test_findings_name_nobody(log: Log, tmp_path: Path) -> None:
    log.grow(3)
    row = json.loads(log.entries()[0]["body"])
    log.tamper(("UPDATE entry SET body = 'x' WHERE tenant_id = %s AND idx = 0", (log.tenant,)))
    for finding in read(log)[0]:
        assert row["about"] not in finding.text
    with log.database.transaction(log.tenant) as tx:
        assert ledger.waiting(tx).count == 0
