"""How an asset's key is wrapped: under its epoch's key, with its data subject's where it has one, and under matters.

one data subject    epoch key and subject key together: either's death ends it
several, or none    epoch key alone
under a hold        one more wrap under the matter key, whatever happens to the others
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from imvume.archive.retention import Keep, ends_in
from imvume.basics.ids import KeyId, TenantId, uuid7
from imvume.keys import wrap
from imvume.keys.vault import Destroyed, Vault
from imvume.store.database import Row, Tx
from imvume.subjects import actions as subjects


def epoch(tx: Tx, vault: Vault, kept: Keep, *, at: datetime) -> tuple[UUID, bytes]:
    """The open epoch for what is kept so, and its key; made where it is the first."""
    return epoch_of(tx, vault, kept.klass, ends_in(kept.until), at=at)


def epoch_of(tx: Tx, vault: Vault, klass: str, month: date, *, at: datetime) -> tuple[UUID, bytes]:
    """The open epoch of a class and a month, and its key."""
    row = tx.one("archive.epoch_open", **{"class": klass, "month": month})
    if row is None:
        tx.run("archive.epoch_lock", **{"class": klass, "month": month})
        row = tx.one("archive.epoch_open", **{"class": klass, "month": month})
    if row is not None:
        return row["epoch_id"], vault.open_key(tx, KeyId(row["key_id"]))
    epoch_id = uuid7()
    key_id, key = vault.make_key(tx, "epoch")
    tx.run("archive.epoch_add", epoch=epoch_id, key=key_id, **{"class": klass, "month": month})
    return epoch_id, key


def enclose(epoch_key: bytes, subject_key: bytes | None, tenant: TenantId, asset: UUID, key: bytes) -> bytes:
    """An asset's key under its epoch's and, if given, its data subject's."""
    return wrap.wrap(epoch_key + (subject_key or b""), _context(tenant, asset), key)


def disclose(epoch_key: bytes, subject_key: bytes | None, tenant: TenantId, asset: UUID, wrapped: bytes) -> bytes:
    """The asset's key back again."""
    return wrap.unwrap(epoch_key + (subject_key or b""), _context(tenant, asset), wrapped)


def hold(matter_key: bytes, tenant: TenantId, asset: UUID, key: bytes) -> bytes:
    """An asset's key under a matter's."""
    return wrap.wrap(matter_key, _held(tenant, asset), key)


def unhold(matter_key: bytes, tenant: TenantId, asset: UUID, wrapped: bytes) -> bytes:
    """The asset's key out of a matter's wrap."""
    return wrap.unwrap(matter_key, _held(tenant, asset), wrapped)


def open_assets(tx: Tx, vault: Vault, assets: Sequence[Row]) -> dict[UUID, bytes]:
    """The keys of several assets. One that is dead, and not kept alive by a hold, is not among them.

    Raises Broken when a wrap was changed.
    """
    epochs = {
        row["epoch_id"]: row["key_id"]
        for row in tx.all("archive.epoch_keys", epochs=list({row["epoch_id"] for row in assets}))
    }
    epoch_keys = vault.open_keys(tx, [key for key in epochs.values() if key], living=True)
    subject_keys = subjects.keys(tx, vault, {row["subject_id"] for row in assets if row["subject_id"]})
    opened: dict[UUID, bytes] = {}
    for row in assets:
        epoch_key = epoch_keys.get(epochs[row["epoch_id"]]) if epochs.get(row["epoch_id"]) else None
        subject = row["subject_id"]
        if row["wrapped"] is not None and epoch_key and (subject is None or subject in subject_keys):
            opened[row["asset_id"]] = disclose(
                epoch_key, subject_keys.get(subject), tx.tenant, row["asset_id"], row["wrapped"]
            )
        elif (key := _through_a_matter(tx, vault, row["asset_id"])) is not None:
            opened[row["asset_id"]] = key
    return opened


def open_asset(tx: Tx, vault: Vault, asset: Row) -> bytes:
    """The key of one asset. Raises Destroyed if it is dead."""
    opened = open_assets(tx, vault, [asset])
    if asset["asset_id"] not in opened:
        raise Destroyed
    return opened[asset["asset_id"]]


def _through_a_matter(tx: Tx, vault: Vault, asset: UUID) -> bytes | None:
    for row in tx.all("archive.held_wraps", asset=asset):
        return unhold(vault.open_key(tx, KeyId(row["key_id"])), tx.tenant, asset, row["wrapped"])
    return None


def _context(tenant: TenantId, asset: UUID) -> str:
    return f"asset|{tenant}|{asset}"


def _held(tenant: TenantId, asset: UUID) -> str:
    return f"held|{tenant}|{asset}"
