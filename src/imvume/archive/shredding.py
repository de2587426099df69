"""The daily batch: what was destroyed becomes final. And the rotation of every key, without touching audio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from imvume.archive import holding, wraps
from imvume.archive.house import House
from imvume.basics.boundaries import passed
from imvume.basics.ids import KeyId, MatterId, SubjectId, TenantId
from imvume.evidence.ledger import record
from imvume.keys.vault import Vault
from imvume.store.database import Tx
from imvume.subjects import actions as subjects

Told = Callable[[int, int], None]  # (done, of)

SUBJECTS_AT_ONCE = 200  # a transaction; small enough to give way to calls that come in


@dataclass(frozen=True, slots=True)
class Shredded:
    """What a batch did: epochs given a new key, buckets given a new key, destructions that became final."""

    epochs: int
    buckets: int
    final: int


def shred(house: House, tenant: TenantId, *, at: datetime) -> Shredded:
    """Make every destruction final. Interrupted anywhere it can be run again."""
    with house.database.transaction(tenant) as tx:
        # First who dies, then what needs a new key for it: what is destroyed from now on waits for the next batch.
        dying = tx.all("archive.destructions_dying")
        epochs = [row["epoch_id"] for row in tx.all("archive.epochs_to_end")]
    for epoch in epochs:
        with house.database.transaction(tenant) as tx:
            renew_epoch(tx, house.vault, epoch, at=at)
            passed("shred.epoch-rewrapped")
        passed("shred.epoch-committed")
    buckets = house.vault.shred(house.database, tenant)
    with house.database.transaction(tenant) as tx:
        ending = [row["destruction_id"] for row in dying]
        finals = tx.all("archive.destructions_final", destructions=ending, at=at)
        tx.run("archive.assets_final", destructions=[row["destruction_id"] for row in finals], at=at)
        for row in finals:
            record(
                tx, "archive.final", row["destruction_id"], by=None, at=at, call=row["call_id"], assets=row["assets"]
            )
        tx.run("archive.epochs_clear")
        if buckets:
            record(tx, "keys.rotated", tenant, by=None, at=at, kind="bucket", count=buckets)
    passed("shred.final")
    return Shredded(len(epochs), buckets, len(finals))


def renew_epoch(tx: Tx, vault: Vault, epoch: UUID, *, at: datetime) -> int:
    """End an epoch: its survivors are wrapped under a new one of the same class and month, its key is destroyed.

    Answers how many survived. An epoch that has ended is left alone.
    """
    row = tx.only("archive.epoch_hold", epoch=epoch)
    if row["ended_at"] is not None:
        return 0
    old = vault.open_key(tx, KeyId(row["key_id"]))
    tx.run("archive.epoch_end", epoch=epoch, at=at)
    survivors = tx.all("archive.epoch_survivors", epoch=epoch)
    living = subjects.keys(tx, vault, {s["subject_id"] for s in survivors if s["subject_id"]})
    rewrapped = []
    if survivors:
        following, new = wraps.epoch_of(tx, vault, row["class"], row["month"], at=at)
        for survivor in survivors:
            asset, subject = survivor["asset_id"], survivor["subject_id"]
            if subject is not None and subject not in living:
                continue  # dead by its data subject's key, whatever the epoch does
            subject_key = living.get(subject)
            key = wraps.disclose(old, subject_key, tx.tenant, asset, survivor["wrapped"])
            wrapped = wraps.enclose(new, subject_key, tx.tenant, asset, key)
            rewrapped.append({"asset": asset, "epoch": following, "wrapped": wrapped})
        tx.many("archive.asset_rewrap", rewrapped)
    vault.destroy_key(tx, KeyId(row["key_id"]))
    record(tx, "archive.rewrapped", epoch, by=None, at=at, assets=len(rewrapped))
    return len(rewrapped)


def rotate_epochs(house: House, tenant: TenantId, *, at: datetime, told: Told) -> int:
    """A new key for every open epoch."""
    with house.database.transaction(tenant) as tx:
        epochs = [row["epoch_id"] for row in tx.all("archive.epochs_open")]
    for done, epoch in enumerate(epochs, 1):
        with house.database.transaction(tenant) as tx:
            renew_epoch(tx, house.vault, epoch, at=at)
        told(done, len(epochs))
    return len(epochs)


def rotate_matters(house: House, tenant: TenantId, *, at: datetime, told: Told) -> int:
    """A new key for every hold in force."""
    with house.database.transaction(tenant) as tx:
        matters = [MatterId(row["matter_id"]) for row in tx.all("archive.matters_open")]
    for done, matter in enumerate(matters, 1):
        with house.database.transaction(tenant) as tx:
            holding.rekey(tx, house.vault, matter, at=at)
        told(done, len(matters))
    return len(matters)


def rotate_subjects(house: House, tenant: TenantId, *, at: datetime, told: Told) -> int:
    """A new key for every data subject: their identifiers and their legs are wrapped again."""
    done, after = 0, UUID(int=0)
    while True:
        with house.database.transaction(tenant) as tx:
            slice_ = subjects.after(tx, after, limit=SUBJECTS_AT_ONCE)
            living = subjects.keys(tx, house.vault, slice_)
            for subject in (s for s in slice_ if s in living):
                _rekey_subject(tx, house.vault, subject, at=at)
        done += len(slice_)
        told(done, done)
        if len(slice_) < SUBJECTS_AT_ONCE:
            return done
        after = slice_[-1]


def _rekey_subject(tx: Tx, vault: Vault, subject: SubjectId, *, at: datetime) -> None:
    # The data subject first, then what is wrapped under them: a recording that comes in meanwhile waits.
    old, new = subjects.rekey(tx, vault, subject)
    assets = tx.all("archive.assets_of_subject", subject=subject)
    epochs = {row["epoch_id"]: row["key_id"] for row in tx.all("archive.epoch_keys", epochs=_epochs(assets))}
    epoch_keys = vault.open_keys(tx, [key for key in epochs.values() if key], living=True)
    for row in assets:
        epoch_key = epoch_keys.get(epochs[row["epoch_id"]])
        if epoch_key is not None:
            key = wraps.disclose(epoch_key, old, tx.tenant, row["asset_id"], row["wrapped"])
            wrapped = wraps.enclose(epoch_key, new, tx.tenant, row["asset_id"], key)
            tx.run("archive.asset_rewrap", asset=row["asset_id"], epoch=row["epoch_id"], wrapped=wrapped)


def _epochs(assets: list[dict[str, UUID]]) -> list[UUID]:
    return list({row["epoch_id"] for row in assets})
