"""Who takes what an import finds: the house, behind the few words that an import needs of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from imvume.archive.house import House
from imvume.archive.sound import inspect
from imvume.basics.ids import TenantId
from imvume.calls import actions
from imvume.calls.actions import TakenIn
from imvume.calls.facts import CallFacts, Piece


class Taker(Protocol):
    """Takes calls in, each once. Safe to share between threads."""

    def mark(self, *parts: str) -> bytes:
        """A keyed hash of these texts, by which a file is known again without being named."""

    def seen(self, marks: Collection[bytes]) -> set[bytes]:
        """Which of these files were taken before."""

    def inspect(self, piece: Piece) -> None:
        """Raises BadInput if the piece is no recording."""

    def take_in(self, facts: CallFacts, pieces: Sequence[Piece], *, at: datetime) -> TakenIn:
        """Seal the pieces and enter the call, or add them to it. All or nothing; doing it twice does nothing."""

    def confirm(self, mark: bytes) -> None:
        """Read back what was sealed of a file. Raises NotFound or Broken if it may not be removed."""


class HouseTaker:
    """A Taker for one tenant of a house."""

    def __init__(self, house: House, tenant: TenantId) -> None:
        self._house, self._tenant = house, tenant

    def mark(self, *parts: str) -> bytes:
        """As the protocol says."""
        return self._house.vault.mark(self._tenant, *parts)

    def seen(self, marks: Collection[bytes]) -> set[bytes]:
        """As the protocol says."""
        with self._house.database.transaction(self._tenant) as tx:
            return actions.seen(tx, marks)

    def inspect(self, piece: Piece) -> None:
        """As the protocol says."""
        inspect(piece.file, name=piece.name, hours_max=self._house.config.audio_hours_max)

    def take_in(self, facts: CallFacts, pieces: Sequence[Piece], *, at: datetime) -> TakenIn:
        """As the protocol says."""
        return actions.take_in(self._house, self._tenant, facts, pieces, at=at)

    def confirm(self, mark: bytes) -> None:
        """As the protocol says."""
        actions.confirm(self._house, self._tenant, mark)
