"""A PBX's own database as we see it: read, a slice of rows at a time, never written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from imvume.errors import BadInput, ImvumeError, Refused, Unavailable

SLICE_ROWS = 2_000
CONNECT_SECONDS = 15
ANSWER_SECONDS = 600  # a scan of a large table without an index may well take minutes before its first row


class Server(Protocol):
    """One connection to a PBX's database, made when first needed and again when it was lost."""

    instants: str  # the kind of column whose values name an instant; any other time is the PBX's wall clock

    def columns(self, table: str) -> Mapping[str, str]:
        """The columns of a table, lower case, each with its type; empty where there is no such table."""

    def indexed(self, table: str) -> frozenset[str]:
        """The columns, lower case, that lead an index."""

    def stream(
        self, columns: Sequence[str], table: str, where: str, given: Sequence[object]
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of `table`. where: SQL with %s for each of `given`, made by us from checked names alone."""

    def quote(self, name: str) -> str:
        """A name of a table or column, quoted."""

    def close(self) -> None:
        """Let go."""


def aware(value: object) -> object:
    """A time from a column whose kind is `instants`: MySQL hands those over naive, in the session's UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def denied() -> ImvumeError:
    """The server knows us not, or gives us no right to read."""
    return Refused(
        "telephony.server.denied",
        "The server of the call records did not let us in.",
        why="The user, the password or the right to read these tables is missing.",
        remedy="Give that user SELECT on the tables (docs/howto/import.md shows how) and check the password file.",
    )


def missing() -> ImvumeError:
    """There is no such database, table or column."""
    return BadInput(
        "telephony.server.no-table",
        "The server has no such call records.",
        why="The database, a table or a column is not there.",
        remedy="Check the database in the address; ?cdr= and ?cel= name tables that are called otherwise.",
    )


def away() -> ImvumeError:
    """The server cannot be reached, or went away."""
    return Unavailable(
        "telephony.server.away",
        "The server of the call records does not answer.",
        why="It is stopped, or the way to it is.",
        remedy="Check host, port and firewall; what was taken stays taken, and the same command goes on from there.",
    )


def other(why: str) -> ImvumeError:
    """Anything else that the server says no with."""
    return Unavailable(
        "telephony.server.failed",
        "The server of the call records could not answer.",
        why=f"{why}.",
        remedy="Look into its own log, then try again.",
    )
