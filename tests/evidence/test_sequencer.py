"""Entries get their place: in order, once, whoever else is at it, and whatever ends in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from a_log import AT, Log, Stranger

from imvume.basics.boundaries import BOUNDARIES
from imvume.basics.ids import EntryId, uuid7
from imvume.errors import Broken, Conflict, Unavailable
from imvume.evidence import heads, ledger, merkle, note
from imvume.evidence.sequencer import accept_loss, sequence

CRASHES = [name for name in BOUNDARIES if name.startswith("sequence.")]


def roots(log: Log) -> Iterator[tuple[int, bytes]]:
    """The root of the log at each of its checkpoints, from the bodies of its entries."""
    leaves = [merkle.leaf(row["body"]) for row in log.entries()]
    for row in log.checkpoints():
        yield row["size"], merkle.root(leaves[: row["size"]])


def assert_whole(log: Log, said: list[EntryId]) -> None:
    """Every entry has one place, there is no gap, and every checkpoint is signed and fits."""
    rows = log.entries()
    assert [row["idx"] for row in rows] == list(range(len(said)))
    assert {row["entry_id"] for row in rows} == set(said)
    before = 0
    for (size, root), row in zip(roots(log), log.checkpoints(), strict=True):
        signed = note.verified(row["note"], [log.vkey])
        assert (signed.checkpoint.size, signed.checkpoint.root, signed.exact) == (size, root, True)
        assert (signed.at, row["since"]) == (row["made_at"], before)
        before = size
    assert before == len(said)


def test_entries_get_their_place_and_the_log_is_signed(log: Log) -> None:
    said = log.say(3)
    assert log.placed() == 3
    assert [row["entry_id"] for row in log.entries()] == said, "a transaction keeps its order"
    assert_whole(log, said)
    assert heads.kept(log.heads_in, log.tenant) == log.checkpoints()[0]["note"]
    with log.database.transaction(log.tenant) as tx:
        assert ledger.waiting(tx).count == 0
        assert [json.loads(entry.body)["entry"] for e in said if (entry := ledger.find(tx, e))] == list(map(str, said))


def test_nothing_to_place_signs_nothing(log: Log) -> None:
    assert log.place() == 0
    assert log.checkpoints() == []
    assert heads.kept(log.heads_in, log.tenant) is None
    log.grow(2)
    assert log.place() == 0
    assert len(log.checkpoints()) == 1


def test_a_batch_has_a_bound(log: Log) -> None:
    said = [*log.say(4), *log.say(3)]
    assert [log.placed(entries_max=5), log.placed(entries_max=5), log.place()] == [5, 2, 0]
    assert [row["entry_id"] for row in log.entries()] == said
    assert_whole(log, said)


def test_a_log_grows_over_the_ends_of_tiles(log: Log) -> None:
    said: list[EntryId] = []
    for count in (255, 1, 1, 255, 256, 700, 1):
        said += log.say(count)
        assert log.placed() == count
    assert_whole(log, said)
    widths = {(row["level"], row["n"]): len(row["hashes"]) // 32 for row in tiles_of(log)}
    assert widths == {(0, 0): 256, (0, 1): 256, (0, 2): 256, (0, 3): 256, (0, 4): 256, (0, 5): 189, (1, 0): 5}


def tiles_of(log: Log) -> list[dict[str, Any]]:
    return log.rows("SELECT level, n, hashes FROM tile WHERE tenant_id = %s", log.tenant)


# Order ---------------------------------------------------------------------------------------


def test_of_two_transactions_the_older_may_commit_later_and_keeps_its_place(log: Log) -> None:
    with ExitStack() as younger, ExitStack() as older:
        first = older.enter_context(log.database.transaction(log.tenant))
        a = ledger.record(first, "log.begun", uuid7(), by=None, at=AT)  # takes its number here
        second = younger.enter_context(log.database.transaction(log.tenant))
        b = ledger.record(second, "log.begun", uuid7(), by=None, at=AT)
        younger.close()  # the younger commits
        assert log.place() == 0, "while the older one runs, nothing after it has a place"
        c = ledger.record(first, "log.begun", uuid7(), by=None, at=AT)
        older.close()
    assert log.placed() == 3
    assert [row["entry_id"] for row in log.entries()] == [a, c, b]
    assert_whole(log, [a, b, c])


def test_what_is_older_than_the_oldest_that_runs_does_not_wait(log: Log) -> None:
    (before,) = log.say()
    with log.database.transaction(log.tenant) as tx:
        late = ledger.record(tx, "log.begun", uuid7(), by=None, at=AT)
        (after,) = log.say()
        assert log.placed() == 1
    assert log.placed() == 2
    assert [row["entry_id"] for row in log.entries()] == [before, late, after]


def test_an_older_one_that_rolls_back_holds_nobody_up(log: Log) -> None:
    def half() -> None:
        with log.database.transaction(log.tenant) as tx:
            ledger.record(tx, "log.begun", uuid7(), by=None, at=AT)
            log.say()
            assert log.place() == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert log.placed() == 1


def test_many_writers_and_two_sequencers_lose_nothing_and_double_nothing(log: Log) -> None:
    said: list[EntryId] = []
    done = threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        for _ in range(40):
            said.extend(log.say(5))

    def place() -> None:
        try:
            while not done.is_set():
                log.place(entries_max=37)
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write) for _ in range(3)]
    placers = [threading.Thread(target=place) for _ in range(2)]
    for thread in [*writers, *placers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in placers:
        thread.join()
    log.place_all()
    assert errors == []
    assert_whole(log, said)
    assert heads.kept(log.heads_in, log.tenant) == log.checkpoints()[-1]["note"]


def test_of_two_sequencers_the_second_goes_away(log: Log) -> None:
    log.say()
    with log.database.transaction(log.tenant) as tx:
        assert tx.only("evidence.turn")["ours"]
        assert log.place() == 0
    assert log.placed() == 1


def test_entries_of_an_earlier_life_of_the_database_get_their_place(log: Log) -> None:
    # A dump that is restored elsewhere brings numbers of transactions that will not come up for years.
    said = log.say(2)
    log.tamper(
        (
            "UPDATE entry_pending SET xid = '900000000000000'::xid8 WHERE tenant_id = %s AND entry_id = %s",
            (log.tenant, said[0]),
        )
    )
    assert log.placed() == 2
    assert_whole(log, said)


def test_a_clock_set_back_an_hour_changes_no_place_and_no_signature(log: Log) -> None:
    said = log.say(2)
    log.placed(at=AT)
    said += log.say(2)
    log.placed(at=AT - timedelta(hours=1))
    said += log.say(2)
    log.placed(at=AT + timedelta(microseconds=1_500_000))
    assert_whole(log, said)
    assert [row["made_at"] - AT for row in log.checkpoints()] == [
        timedelta(0),
        timedelta(hours=-1),
        timedelta(seconds=1),
    ]


# What the program may and may not ------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET type = 'log.begun'",
        "DELETE FROM entry",
        "TRUNCATE entry",
        "UPDATE checkpoint SET note = ''",
        "DELETE FROM checkpoint",
        "TRUNCATE checkpoint",
        "UPDATE time_stamp SET authority = ''",
        "DELETE FROM time_stamp",
        "TRUNCATE time_stamp",
        "DELETE FROM tile",
        "TRUNCATE tile",
        "UPDATE entry_pending SET body = 'x'",
        "TRUNCATE entry_pending",
        "ALTER TABLE entry DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE tile DISABLE TRIGGER tile_grows",
    ],
)
def test_the_program_cannot_change_or_remove_evidence(log: Log, statement: str) -> None:
    log.grow(2)
    with log.database.transaction(log.tenant) as tx, pytest.raises(psycopg.errors.InsufficientPrivilege):
        tx.connection.execute(statement)


@pytest.mark.parametrize("change", ["overlay(hashes placing '\\x00'::bytea from 1)", "substring(hashes from 1 for 32)"])
def test_the_program_can_only_make_a_tile_grow(log: Log, change: str) -> None:
    log.grow(2)
    with log.database.transaction(log.tenant) as tx, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        tx.connection.execute(f"UPDATE tile SET hashes = {change}")  # noqa: S608


# A log that is not what was signed -----------------------------------------------------------


def refusal(log: Log) -> str:
    before = (log.entries(), log.checkpoints())
    log.say()
    with pytest.raises(Broken) as refused:
        log.place()
    assert (log.entries(), log.checkpoints()) == before, "nothing was signed over it"
    return refused.value.code


@pytest.mark.parametrize(
    ("reason", "statement"),
    [
        ("entries", "DELETE FROM entry WHERE tenant_id = %s AND idx = 4"),
        ("entries", "UPDATE entry SET idx = 5 WHERE tenant_id = %s AND idx = 4"),
        ("entries", "DELETE FROM checkpoint WHERE tenant_id = %s AND size = 5"),
        ("entries", "DELETE FROM checkpoint WHERE tenant_id = %s"),
        ("entries", "DELETE FROM entry WHERE tenant_id = %s"),
        ("last-entry", "UPDATE entry SET body = body || '\\x20' WHERE tenant_id = %s AND idx = 4"),
        ("tree", "DELETE FROM tile WHERE tenant_id = %s"),
        ("tree", "UPDATE tile SET hashes = hashes || substring(hashes from 1 for 32) WHERE tenant_id = %s"),
        ("tree", "UPDATE tile SET hashes = overlay(hashes placing '\\x00'::bytea from 9) WHERE tenant_id = %s"),
        ("signature", "UPDATE checkpoint SET note = replace(note, E'\\n5\\n', E'\\n6\\n') WHERE tenant_id = %s"),
        ("signature", "UPDATE checkpoint SET note = '' WHERE tenant_id = %s"),
        (
            "tree",
            "UPDATE checkpoint a SET note = b.note FROM checkpoint b WHERE a.tenant_id = %s AND a.size = 5"
            " AND b.tenant_id = a.tenant_id AND b.size = 3",
        ),
        (
            "tiles",
            "INSERT INTO tile SELECT tenant_id, 0, 1, hashes FROM tile WHERE tenant_id = %s",
        ),
    ],
)
def test_a_log_that_is_not_what_was_signed_is_not_extended(log: Log, reason: str, statement: str) -> None:
    log.grow(3, 2)
    if reason == "tiles":
        log.say(300)
    log.tamper((statement, (log.tenant,)))
    assert refusal(log) == f"evidence.log.{reason}"


def test_tiles_or_entries_without_any_checkpoint_are_not_extended(log: Log) -> None:
    log.tamper(("INSERT INTO tile VALUES (%s, 0, 0, decode(repeat('00', 32), 'hex'))", (log.tenant,)))
    assert refusal(log) == "evidence.log.tiles"


def test_an_entry_that_waits_twice_is_not_placed_twice(log: Log) -> None:
    (entry,) = log.say()
    log.placed()
    row = log.entries()[0]
    with log.database.transaction(log.tenant) as tx:
        tx.run("evidence.pending_add", ids=[entry], types=[row["type"]], abouts=[row["about"]], bodies=[row["body"]])
    assert refusal(log) == "evidence.log.doubled"


def test_a_log_signed_by_another_key_is_not_extended(log: Log) -> None:
    log.grow(2)
    log.say()
    with pytest.raises(Broken) as refused:
        sequence(log.database, Stranger(), log.tenant, at=AT, heads_in=log.heads_in)
    assert refused.value.code == "evidence.log.signature"
    assert len(log.entries()) == 2


def test_a_key_that_signed_before_is_named(log: Log) -> None:
    log.grow(2)
    log.say()
    anew = Stranger()
    assert sequence(log.database, anew, log.tenant, at=AT, heads_in=log.heads_in, retired=[log.vkey]) == 1
    signers: tuple[note.Signer, ...] = (log.vault, anew)
    for row, signer in zip(log.checkpoints(), signers, strict=True):
        assert note.verified(row["note"], [note.vkey(signer, log.tenant)]).exact


# The head outside the database ---------------------------------------------------------------


def roll_back(log: Log, size: int) -> None:
    """What a restored backup looks like: entries, tiles and checkpoints of an earlier day, in perfect order."""
    leaves = b"".join(merkle.leaf(row["body"]) for row in log.entries()[:size])
    log.tamper(
        ("DELETE FROM entry WHERE tenant_id = %s AND idx >= %s", (log.tenant, size)),
        ("DELETE FROM checkpoint WHERE tenant_id = %s AND size > %s", (log.tenant, size)),
        ("UPDATE tile SET hashes = %s WHERE tenant_id = %s AND level = 0 AND n = 0", (leaves, log.tenant)),
    )


def test_a_database_that_went_back_in_time_is_not_extended(log: Log) -> None:
    log.grow(3, 2)
    roll_back(log, 3)
    assert refusal(log) == "evidence.log.rolled-back"


def test_a_loss_that_somebody_answers_for_lets_the_log_go_on_and_is_told_in_it(log: Log) -> None:
    log.grow(3, 2)
    head = note.read(heads.kept(log.heads_in, log.tenant) or "")[0]
    roll_back(log, 3)
    staff = uuid7()
    assert accept_loss(log.database, log.vault, log.tenant, by=staff, at=AT, heads_in=log.heads_in) == 2
    assert log.placed() == 1
    told = json.loads(log.entries()[3]["body"])
    assert (told["type"], told["by"], told["size"], told["lost"]) == ("log.restored", str(staff), 5, 2)
    assert bytes.fromhex(told["root"]) == head.root
    assert [note.read(text)[0] for text in heads.lost(log.heads_in, log.tenant)] == [head]
    log.grow(4)


def test_no_loss_can_be_accepted_that_is_none(log: Log) -> None:
    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            accept_loss(log.database, log.vault, log.tenant, by=None, at=AT, heads_in=log.heads_in)
        assert refused.value.code == "evidence.log.not-lost"
        log.grow(2)


def test_a_log_with_another_past_than_its_head_is_not_extended(log: Log) -> None:
    log.grow(3)
    kept = heads.kept(log.heads_in, log.tenant)
    log.grow(2)
    for size in (3, 5):
        other = note.sign(note.Checkpoint(log.vkey.name, size, b"o" * 32), log.vault.signing(log.tenant), at=AT)
        heads.path(log.heads_in, log.tenant).write_text(other)
        assert refusal(log) == "evidence.log.forked"
    assert kept
    heads.path(log.heads_in, log.tenant).write_text(kept)
    assert log.placed() == 2, "an older head that fits is no harm"


def test_a_head_that_cannot_be_read_stops_the_log(log: Log) -> None:
    log.grow(3)
    heads.path(log.heads_in, log.tenant).write_bytes(b"\xff" * 100_000)
    assert refusal(log) == "evidence.log.signature"


def test_a_head_that_cannot_be_opened_is_told(log: Log) -> None:
    log.grow(1)
    heads.path(log.heads_in, log.tenant).unlink()
    heads.path(log.heads_in, log.tenant).mkdir()  # root may read anything, but not this
    with pytest.raises(Unavailable) as refused:
        log.place()
    assert refused.value.code == "evidence.head.unreadable"


def test_a_head_that_cannot_be_written_is_told_and_costs_no_entry(log: Log) -> None:
    log.grow(1)
    said = log.say()
    (log.heads_in / f"{log.tenant}.head.part").mkdir()  # root may write anywhere, but not into this
    with pytest.raises(Unavailable) as refused:
        log.place()
    assert refused.value.code == "evidence.head.unwritable"
    assert log.entries()[-1]["entry_id"] == said[0]
    (log.heads_in / f"{log.tenant}.head.part").rmdir()
    assert log.place() == 0
    assert heads.kept(log.heads_in, log.tenant) == log.checkpoints()[-1]["note"], "made up for by the next"


# Sudden death --------------------------------------------------------------------------------

PLACE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from imvume.evidence.sequencer import sequence
from imvume.keys.vault import Vault
from imvume.store.database import Database
dsn, tenant, folder = sys.argv[1:]
with Database(dsn) as database:
    sequence(database, Vault(Path(folder)), UUID(tenant), at=datetime(2026, 11, 23, tzinfo=UTC), heads_in=Path(folder))
"""


@pytest.mark.parametrize("boundary", CRASHES)
def test_a_sequencer_that_is_killed_loses_nothing_and_doubles_nothing(log: Log, boundary: str) -> None:
    said = log.say(300)
    log.placed()
    said += log.say(300)
    ended = subprocess.run(
        [sys.executable, "-c", PLACE, log.database.dsn, str(log.tenant), str(log.vault.folder)],
        env={"IMVUME_TEST_DIE_AT": boundary},
        check=False,
        timeout=60,
    )
    assert ended.returncode == -9, "it was killed at the boundary"
    committed = boundary in ("sequence.committed", "sequence.head-written", "sequence.head-replaced")
    with log.database.transaction(log.tenant) as tx:
        assert ledger.waiting(tx).count == (0 if committed else 300)
    said += log.say(5)
    log.place_all()
    assert_whole(log, said)
    assert heads.kept(log.heads_in, log.tenant) == log.checkpoints()[-1]["note"]


def test_the_crashes_are_those_that_the_sequencer_passes() -> None:
    assert len(CRASHES) == 6
