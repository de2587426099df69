"""The vault: keys that are rows, wrapped under bucket keys that are not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from imvume.basics.boundaries import passed
from imvume.basics.ids import KeyId, TenantId, uuid7
from imvume.errors import Broken, Refused
from imvume.keys import wrap
from imvume.keys.root import Root, SealedFile, fsync_folder
from imvume.keys.shelf import BUCKETS, LOOKUP, OTHER_ROOT, SIGNING, Gone, Shelf
from imvume.store.database import Database, Row, Tx

Kind = Literal["subject", "epoch", "matter"]

_TRIES = 3  # a reader may meet a bucket in the instant in which it is rotated


class Destroyed(Refused):
    """The key was destroyed on purpose, and with it what it protected."""

    def __init__(self) -> None:
        super().__init__(
            "keys.key.destroyed",
            "This has been destroyed and cannot be opened.",
            why="Its key was destroyed when its retention ended or its erasure was ordered.",
            remedy="See the certificate of its destruction for the day and the ground.",
        )


class Vault:
    """All keys of one house. `folder` is the keys folder; safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Open the vault. Raises Unavailable or Broken as the root key's file deserves."""
        self.folder = folder
        self._lookups: dict[TenantId, bytes] = {}
        self._roots = _roots(folder)

    @classmethod
    def make(cls, folder: Path) -> Vault:
        """The vault at `folder`; a new root key is made where there is none yet."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / "root.key").exists():
            if any(folder.glob("*.shelf")):
                return cls(folder)  # shelves without a root: the error that says so, not a new root that opens nothing
            SealedFile.make(folder / "root.key")
        return cls(folder)

    # Of the tenant -------------------------------------------------------------------------

    def begin(self, tx: Tx) -> None:
        """Give the transaction's tenant its shelf and its buckets. Doing it twice does nothing.

        Raises Unavailable where the tenant had a shelf and it is lost: a new one would open nothing.
        """
        # The rows first: of two that begin at once the second waits here, and then finds the shelf of the first.
        if tx.run("keys.bucket_begin", last=BUCKETS - 1):
            Shelf.make(self._path(tx.tenant), str(tx.tenant), self._roots[-1])
        else:
            self.shelf(tx.tenant)

    def mark(self, tenant: TenantId, *parts: str | bytes) -> bytes:
        """A keyed hash of 16 bytes under the tenant's own key: how people and files are found again."""
        # Kept in memory, unlike any other key: it opens nothing, never changes, and is asked for at every turn.
        if tenant not in self._lookups:
            self._lookups[tenant] = self.shelf(tenant).key(LOOKUP, 1)
        return wrap.mark(self._lookups[tenant], *parts)

    def house_mark(self, *parts: str | bytes) -> bytes:
        """A keyed hash of 16 bytes for what belongs to no tenant yet: who tries to sign in, and from where.

        It changes when the root is rotated; nothing that must last may be found by it.
        """
        return wrap.mark(self._roots[0].id, *parts)  # the id is derived of the root, and never in PostgreSQL

    def signing(self, tenant: TenantId) -> Ed25519PrivateKey:
        """The key that signs the tenant's log."""
        return Ed25519PrivateKey.from_private_bytes(self.shelf(tenant).key(SIGNING, 1))

    def origin(self, tenant: TenantId) -> str:
        """The name of the tenant's log in its checkpoints. It holds an id, never a name."""
        return f"imvume.local/log/{tenant}"

    def shelf(self, tenant: TenantId) -> Shelf:
        """The tenant's shelf, under whichever root wraps it."""
        try:
            return self._shelf(tenant)
        except Broken as error:
            if error.code != OTHER_ROOT:
                raise
        self._roots = _roots(self.folder)  # another process has rotated the root since we read it
        return self._shelf(tenant)

    def _shelf(self, tenant: TenantId) -> Shelf:
        *others, last = self._roots
        for root in others:
            try:
                return Shelf(self._path(tenant), str(tenant), root)
            except Broken as error:
                if error.code != OTHER_ROOT:
                    raise
        return Shelf(self._path(tenant), str(tenant), last)

    # Keys that are rows --------------------------------------------------------------------

    def make_key(self, tx: Tx, kind: Kind) -> tuple[KeyId, bytes]:
        """A new key: its id, and the key itself (32 bytes)."""
        key_id, key = KeyId(uuid7()), wrap.fresh()
        bucket = _bucket(key_id)
        version = tx.only("keys.bucket_open", bucket=bucket)["version"]
        wrapped = wrap.wrap(self.shelf(tx.tenant).key(bucket, version), _context(tx.tenant, kind, key_id), key)
        tx.run("keys.key_add", key=key_id, kind=kind, bucket=bucket, version=version, wrapped=wrapped)
        return key_id, key

    def open_key(self, tx: Tx, key_id: KeyId) -> bytes:
        """The key itself. Raises Destroyed if it was destroyed, Broken if its row was changed."""
        return self.open_keys(tx, [key_id])[key_id]

    def open_keys(self, tx: Tx, key_ids: Collection[UUID], *, living: bool = False) -> dict[UUID, bytes]:
        """Several keys by their ids. With `living`, those destroyed are left out instead of raising Destroyed."""
        shelf = self.shelf(tx.tenant)
        for left in reversed(range(_TRIES)):
            rows = tx.all("keys.keys_get", keys=list(set(key_ids)))
            if not living and len(rows) < len(set(key_ids)):
                raise Destroyed
            try:
                return {
                    row["key_id"]: self._unwrap(shelf, tx.tenant, row) for row in rows if row["wrapped"] is not None
                }
            except Gone:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def destroy_key(self, tx: Tx, key_id: KeyId) -> bool:
        """Remove the key's row. Old copies of it die in the next `shred`. False if it was dead already."""
        # The bucket before the key, as `rotate_bucket` takes them: or each would wait for the other.
        tx.run("keys.bucket_dies", bucket=_bucket(key_id))
        return tx.run("keys.key_destroy", key=key_id) > 0

    def shred(self, database: Database, tenant: TenantId) -> int:
        """Kill every old copy of every key that was destroyed before this began; answers how many buckets it took.

        For each bucket in which a key was destroyed: a new bucket key beside the old one; the
        survivors wrapped again and the new version made current in one transaction; the old bucket
        key overwritten. Interrupted anywhere it can be run again: nothing is lost, nothing lives on.
        """
        with database.transaction(tenant) as tx:
            dying = [row["bucket"] for row in tx.all("keys.dying_buckets")]
        for bucket in dying:
            self.rotate_bucket(database, tenant, bucket)
        # Looked for after the rotations: what another worker has rotated and not yet erased is ours to wait for,
        # and so is what a crash left behind.
        doubled = self.shelf(tenant).doubled()
        for bucket in doubled:
            self._erase_old(database, tenant, bucket)
        return len({*dying, *doubled})

    def rotate_bucket(self, database: Database, tenant: TenantId, bucket: int) -> int:
        """A new key for one bucket; the old one stays on the shelf until it is erased. Answers the new version."""
        shelf = self.shelf(tenant)
        with database.transaction(tenant) as tx:
            was = tx.only("keys.bucket_lock", bucket=bucket)["version"]
            old, new, version = shelf.key(bucket, was), wrap.fresh(), was + 1
            shelf.put(bucket, version, new)
            passed("rotate.bucket-key-shelved")
            survivors = [
                {"key": row["key_id"], "version": version, "wrapped": _again(old, new, tenant, row)}
                for row in tx.all("keys.keys_in_bucket", bucket=bucket)
            ]
            tx.many("keys.key_rewrap", survivors)
            tx.run("keys.bucket_advance", bucket=bucket, version=version, was=was)
            passed("rotate.bucket-rewrapped")
        passed("rotate.bucket-committed")
        return int(version)

    def rotate_buckets(self, database: Database, tenant: TenantId, *, told: Callable[[int, int], None]) -> int:
        """A new key for every bucket of the tenant. told: called with (done, of) after each."""
        with database.transaction(tenant) as tx:
            rows = tx.all("keys.bucket_versions")
        for done, row in enumerate(rows, 1):
            self.rotate_bucket(database, tenant, row["bucket"])
            self._erase_old(database, tenant, row["bucket"])
            told(done, len(rows))
        return len(rows)

    def rotate_root(self) -> None:
        """A new root key. Every shelf is wrapped under it; interrupted, it goes on where it was."""
        following = self.folder / "root.next"
        new = SealedFile(following) if following.exists() else SealedFile.make(following)
        passed("rotate.root-made")
        for path in sorted(self.folder.glob("*.shelf")):
            tenant = TenantId(UUID(path.stem))
            shelf = self._shelf_under_any(tenant, new)
            if shelf is not None:
                shelf.rewrapped(new)
                passed("rotate.shelf-rewrapped")
        with (self.folder / "root.key").open("r+b") as old:
            following.rename(self.folder / "root.key")
            fsync_folder(self.folder)
            size = os.fstat(old.fileno()).st_size
            old.write(b"\0" * size)
            old.flush()
            os.fsync(old.fileno())
        passed("rotate.root-replaced")
        self._roots = [new]

    def check(self, tx: Tx) -> Iterator[UUID]:
        """The ids of all keys of the tenant that do not open, and the tenant's own for a bucket. Empty is good."""
        shelf = self.shelf(tx.tenant)
        for row in tx.all("keys.bucket_versions"):
            try:
                shelf.key(row["bucket"], row["version"])
            except Broken:
                yield tx.tenant
        for row in tx.stream("keys.all_keys"):
            try:
                self._unwrap(shelf, tx.tenant, row)
            except Broken:
                yield row["key_id"]

    def _erase_old(self, database: Database, tenant: TenantId, bucket: int) -> None:
        # Nobody rotates the bucket meanwhile: the half beside the current one would be the key that is about to be it.
        with database.transaction(tenant) as tx:
            version = tx.only("keys.bucket_lock", bucket=bucket)["version"]
            self.shelf(tenant).erase(bucket, keep=version)
        passed("rotate.old-key-erased")

    def _shelf_under_any(self, tenant: TenantId, new: Root) -> Shelf | None:
        try:
            Shelf(self._path(tenant), str(tenant), new)
        except Broken as error:
            if error.code != OTHER_ROOT:
                raise
            return Shelf(self._path(tenant), str(tenant), self._roots[0])
        return None  # done before the interruption

    def _path(self, tenant: TenantId) -> Path:
        return self.folder / f"{tenant}.shelf"

    @staticmethod
    def _unwrap(shelf: Shelf, tenant: TenantId, row: Row) -> bytes:
        bucket, key_id = row["bucket"], row["key_id"]
        if bucket != _bucket(key_id):
            raise Broken(
                "keys.key.misplaced",
                "A key stands in a bucket that is not its own.",
                why="Its row was changed.",
                remedy="Run `imvume verify`; restore that row from the last good backup.",
            )
        return wrap.unwrap(shelf.key(bucket, row["version"]), _context(tenant, row["kind"], key_id), row["wrapped"])


def _roots(folder: Path) -> list[Root]:
    roots: list[Root] = [SealedFile(folder / "root.key")]
    if (folder / "root.next").exists():  # a rotation of the root that was interrupted: both open until it is done
        roots.append(SealedFile(folder / "root.next"))
    return roots


def _bucket(key_id: UUID) -> int:
    return int.from_bytes(hashlib.sha256(key_id.bytes).digest()[:4]) % BUCKETS


def _context(tenant: TenantId, kind: str, key_id: UUID) -> str:
    return f"{tenant}|{kind}|{key_id}"


def _again(old: bytes, new: bytes, tenant: TenantId, row: Row) -> bytes:
    context = _context(tenant, row["kind"], row["key_id"])
    return wrap.wrap(new, context, wrap.unwrap(old, context, row["wrapped"]))
