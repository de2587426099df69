"""Brings a database to the tables that this program expects. Forward only; each file once, and never changed.

The files stand in `migrations/`, NNNN_name.sql, and each runs in one transaction together
with the row that remembers it. The job queue's own tables are brought along in the same go.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg
from pgqueuer.queries import Queries
from psycopg.rows import dict_row

from imvume.errors import Broken, Conflict, ImvumeError, Unavailable
from imvume.store.database import Row, Tx
from imvume.store.jobs import queries

FOLDER = files("imvume").joinpath("store", "migrations")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands: the names of files it has had, and of those it still lacks."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def migrate(owner_dsn: str, folder: Traversable = FOLDER) -> list[str]:
    """Apply what is missing; answers the names applied, in order, none if there was nothing to do.

    owner_dsn: the role that owns the tables. Two at once wait for each other.
    Raises Broken if a file was changed after it was applied, Conflict if the database is
    newer than the program, Unavailable if it does not answer; the failing file leaves no trace.
    Not to be called from async code: it runs an event loop of its own.
    """
    with _connection(owner_dsn) as connection:
        tx = Tx(connection, None)
        # Held by the session, not by a transaction: there is one for each file.
        tx.run("store.migrate_lock")
        tx.run("store.migrate_table")
        done = []
        for name in _standing(tx, folder).pending:
            body = folder.joinpath(name).read_bytes()
            with connection.transaction():
                # We vouch for these files as for code: they ship with it and take no input.
                connection.execute(body)
                tx.run("store.migrate_done", name=name, sha256=hashlib.sha256(body).digest())
            done.append(name)
        if asyncio.run(_queue(owner_dsn)):
            done.append(f"pgqueuer {version('pgqueuer')}")
        tx.run("store.migrate_grants")
        return done


def standing(dsn: str, folder: Traversable = FOLDER) -> Standing:
    """Where the database stands. Either role may ask. Raises what `migrate` raises."""
    with _connection(dsn) as connection:
        tx = Tx(connection, None)
        if not tx.only("store.migrate_known")["known"]:
            return Standing((), tuple(_names(folder)))
        return _standing(tx, folder)


def require(dsn: str) -> None:
    """Nothing, if the database is as this program needs it; Conflict if migrations are missing."""
    if standing(dsn).pending:
        raise Conflict(
            "store.migrate.pending",
            "The database is older than this program.",
            why="Its tables have not been brought up to date yet.",
            remedy="Run `imvume migrate`, or `imvume start`, which does it by itself.",
        )


def _names(folder: Traversable) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _standing(tx: Tx, folder: Traversable) -> Standing:
    applied = {row["name"]: bytes(row["sha256"]) for row in tx.all("store.migrate_applied")}
    ours = _names(folder)
    if set(applied) - set(ours):
        raise Conflict(
            "store.migrate.newer",
            "The database is newer than this program.",
            why="A later version of Imvume has changed its tables.",
            remedy="Install that version again, or restore the backup made before the change.",
        )
    for name in applied:
        if hashlib.sha256(folder.joinpath(name).read_bytes()).digest() != applied[name]:
            raise Broken(
                "store.migrate.changed",
                "A migration was changed after this database had it.",
                why="The tables may not be what the program takes them for.",
                remedy="Install the program anew; if the change was meant, undo it and add a new file instead.",
            )
    pending = [name for name in ours if name not in applied]
    if pending and applied and pending[0] < max(applied):
        raise Broken(
            "store.migrate.gap",
            "A migration is missing between those that this database has had.",
            why="They are applied in the order of their names, and never out of it.",
            remedy="Install a released version of the program; give a new file the next number.",
        )
    return Standing(tuple(sorted(applied)), tuple(pending))


async def _queue(owner_dsn: str) -> bool:
    """Bring the tables of the job queue to the version installed; answers whether anything was done."""
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        queue: Queries = queries(connection)
        # Compared with the catalogue first: a queue that is as it should be is not locked.
        if not (await queue.plan_upgrade()).statements:
            return False
        await queue.apply_upgrade()
        return True


@contextmanager
def _connection(dsn: str) -> Iterator[psycopg.Connection[Row]]:
    try:
        with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise _failed("The role may not change the tables.") from error
    except psycopg.OperationalError as error:
        raise Unavailable(
            "store.database.away",
            "The database does not answer.",
            why="PostgreSQL is stopped, restarting or unreachable.",
            remedy="Nothing was lost; run `imvume doctor`, then try again.",
        ) from error
    except psycopg.Error as error:
        raise _failed("PostgreSQL refused a statement of it.") from error


def _failed(why: str) -> ImvumeError:
    return Broken(
        "store.migrate.failed",
        "The tables could not be brought up to date.",
        why=why,
        remedy="Nothing of that step was kept. Run it as the role that owns the tables (`owner_dsn`), "
        "with IMVUME_DEBUG=1 to see PostgreSQL's own words.",
    )
