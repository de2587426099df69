"""Sealing: from a recording as the PBX left it to an asset under its own key.

The order is what makes it safe: the object is written and fsynced, read back and compared,
then its row and its evidence are committed together, and only then may anyone remove the
source. A crash between any two steps leaves an object without a row, which the sweep
removes; never a row without an object, never anything in clear.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import BinaryIO, Literal

from imvume.archive import envelope, wraps
from imvume.archive.facts import Origin, asset_facts, seal_origin
from imvume.archive.retention import Keep
from imvume.archive.sound import Packed, inspect, pack, parts
from imvume.archive.storage import Storage, missing, path
from imvume.basics.boundaries import passed
from imvume.basics.ids import AssetId, CallId, SubjectId, TenantId, uuid7
from imvume.errors import Unavailable
from imvume.evidence.ledger import Entry, commit, record_all
from imvume.keys import wrap
from imvume.keys.vault import Vault
from imvume.store.database import Row, Tx
from imvume.subjects import actions as subjects

Role = Literal["caller", "agent", "both"]

READ_BACK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Stowed:
    """An asset whose ciphertext is safe and whose row is yet to be written. Its key is only here."""

    asset: AssetId
    kind: Literal["leg", "mix", "waveform"]
    role: Role
    of: AssetId | None
    packed: Packed
    codec: str
    size: int
    digest: bytes
    inline: bytes | None
    key: bytes
    origin: Origin


def stow(
    storage: Storage,
    tenant: TenantId,
    call: CallId,
    file: BinaryIO,
    *,
    name: str,
    role: Role,
    left: Literal["caller", "agent"],
    hours_max: int,
) -> list[Stowed]:
    """Encrypt one recording file into the archive: a leg, two legs, or a mix; each with its waveform.

    role: whose voice the file holds; "both" for a mix or a stereo file, of which `left` names channel 0.
    Raises BadInput (archive.sound.*) for what is no recording; nothing stays behind then.
    """
    sound = inspect(file, name=name, hours_max=hours_max)
    stowed: list[Stowed] = []
    try:
        for part in parts(sound):
            mine = role
            if part.channel is not None and sound.channels == 2:
                mine = left if part.channel == 0 else _other(left)
            packing = partial(pack, file, sound, part)
            stowed += _one(storage, tenant, call, packing, mine, name, sound.container)
    except BaseException:
        abandon(storage, tenant, call, stowed)
        raise
    return stowed


def enter(
    tx: Tx,
    vault: Vault,
    call: CallId,
    stowed: Sequence[Stowed],
    *,
    kept: Keep,
    subject_of: Mapping[str, SubjectId],
    at: datetime,
) -> None:
    """Write the rows and the evidence of what was stowed. One transaction with the call's own rows.

    subject_of: the data subject of each role that is one person's: such a leg is wrapped
    under that person's key too, and dies with it alone.
    """
    epoch, epoch_key = wraps.epoch(tx, vault, kept, at=at)
    subject_keys = subjects.keys(tx, vault, list(subject_of.values()), to_wrap=True)
    rows: list[Row] = []
    for item in stowed:
        subject = subject_of.get(item.role)
        row = {
            "asset_id": item.asset,
            "call_id": call,
            "kind": item.kind,
            "role": item.role,
            "of_asset": item.of,
            "subject_id": subject,
            "suite": envelope.SUITE,
            "codec": item.codec,
            "rate": item.packed.rate,
            "channels": item.packed.channels,
            "frames": item.packed.frames,
            "size": item.size,
            "digest": item.digest,
            "inline": item.inline,
            "origin_mark": item.origin.mark,
            "origin": seal_origin(item.key, tx.tenant, item.asset, item.origin),
            "salt": os.urandom(32),
            "class": kept.klass,
            "keep_until": kept.until,
            "epoch_id": epoch,
            "wrapped": wraps.enclose(
                epoch_key, subject_keys[subject] if subject else None, tx.tenant, item.asset, item.key
            ),
            "sealed_at": at,
        }
        rows.append(row)
    tx.many("archive.asset_add", rows)
    record_all(
        tx,
        (
            Entry(
                type="archive.sealed",
                about=item.asset,
                by=None,
                at=at,
                fields={
                    "call": call,
                    "digest": item.digest,
                    "size": item.size,
                    "commitment": commit(row["salt"], asset_facts(row)),
                },
            )
            for row, item in zip(rows, stowed, strict=True)
        ),
    )


def abandon(storage: Storage, tenant: TenantId, call: CallId, stowed: Sequence[Stowed]) -> None:
    """Remove what was stowed in vain. What cannot be removed now is an object without a row: the sweep takes it."""
    for item in stowed:
        if item.inline is None:
            with contextlib.suppress(Unavailable):
                storage.remove(path(tenant, call, item.asset))


def _one(
    storage: Storage,
    tenant: TenantId,
    call: CallId,
    packing: Callable[[Callable[[bytes], None]], Packed],
    role: Role,
    name: str,
    container: str,
) -> list[Stowed]:
    asset, key = AssetId(uuid7()), wrap.fresh()
    place = path(tenant, call, asset)
    passed("seal.begun")
    writer = storage.writer(place)
    try:
        sealer = envelope.Sealer(key, envelope.context(tenant, asset), writer.write)
        packed = packing(sealer.write)
        sealed = sealer.finish()
        passed("seal.object-written")
        writer.commit()
    except BaseException:
        writer.abort()
        raise
    passed("seal.object-durable")
    read_back(storage, place, sealed.size, sealed.digest)
    passed("seal.read-back")
    recording = Stowed(
        asset=asset,
        kind="mix" if role == "both" else "leg",
        role=role,
        of=None,
        packed=packed,
        codec=packed.codec,
        size=sealed.size,
        digest=sealed.digest,
        inline=None,
        key=key,
        origin=Origin(name=name, content=packed.content.hex(), container=container, salt=os.urandom(32).hex()),
    )
    return [recording, _waveform(tenant, recording)]


def _waveform(tenant: TenantId, of: Stowed) -> Stowed:
    # The picture of a voice is the voice's own: under a key of its own, or it would outlive the shredding.
    asset, key = AssetId(uuid7()), wrap.fresh()
    inline, sealed = envelope.seal(key, envelope.context(tenant, asset), of.packed.peaks)
    content = hashlib.sha256(of.packed.peaks).hexdigest()
    return Stowed(
        asset=asset,
        kind="waveform",
        role=of.role,
        of=of.asset,
        packed=of.packed,
        codec="peaks",
        size=sealed.size,
        digest=sealed.digest,
        inline=inline,
        key=key,
        origin=Origin(content=content, salt=os.urandom(32).hex()),
    )


def read_back(storage: Storage, place: str, size: int, digest: bytes) -> None:
    """Read the object again, whole, and compare it with what was meant. Raises Broken where it differs."""
    hashed = hashlib.sha256()
    for start in range(0, size, READ_BACK_BYTES):
        hashed.update(storage.read(place, start, min(READ_BACK_BYTES, size - start)))
    if hashed.digest() != digest or storage.size(place) != size:
        raise missing()


def _other(role: Literal["caller", "agent"]) -> Literal["caller", "agent"]:
    return "agent" if role == "caller" else "caller"
