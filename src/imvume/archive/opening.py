"""Opening: playing, drawing and reading what is sealed. Each function decrypts only what it returns."""

from __future__ import annotations

import io
from collections.abc import Callable

from imvume.archive import envelope, wraps
from imvume.archive.sound import Playback
from imvume.archive.storage import Storage, path
from imvume.basics.ids import AssetId, CallId, TenantId
from imvume.keys.vault import Destroyed, Vault
from imvume.store.database import Row, Tx

_ORDER = {"caller": 0, "both": 1, "agent": 2}  # the caller is heard on the left


def player(storage: Storage, vault: Vault, tx: Tx, call: CallId) -> Playback:
    """The call as one virtual WAV: caller left, agent right, or the mix. Raises Destroyed where nothing is left.

    The keys stay in the answer, not in the transaction: it may be read long after it has ended.
    """
    recordings = [row for row in tx.all("archive.assets_of", call=call) if row["kind"] in ("leg", "mix")]
    keys = wraps.open_assets(tx, vault, recordings)
    living = sorted((row for row in recordings if row["asset_id"] in keys), key=lambda row: _ORDER[row["role"]])
    legs = [row for row in living if row["kind"] == "leg"] or living
    if not legs:
        raise Destroyed
    return Playback(
        [
            (
                reader(storage, tx.tenant, row, keys[row["asset_id"]]),
                row["codec"],
                row["rate"],
                row["channels"],
                row["frames"],
            )
            for row in legs[:2]
        ]
    )


def peaks(vault: Vault, tx: Tx, call: CallId) -> dict[str, bytes]:
    """The waveform of each role that can still be opened: one byte a column, 0 to 255."""
    waveforms = [row for row in tx.all("archive.assets_of", call=call) if row["kind"] == "waveform"]
    keys = wraps.open_assets(tx, vault, waveforms)
    return {
        row["role"]: inline_reader(tx.tenant, row, keys[row["asset_id"]]).read()
        for row in waveforms
        if row["asset_id"] in keys
    }


def reader(storage: Storage, tenant: TenantId, asset: Row, key: bytes) -> io.BufferedReader:
    """The plaintext of an asset as a seekable file that decrypts by range."""
    if asset["inline"] is not None:
        return inline_reader(tenant, asset, key)
    place = path(tenant, asset["call_id"], asset["asset_id"])
    return _buffered(tenant, asset, key, lambda start, length: storage.read(place, start, length))


def inline_reader(tenant: TenantId, asset: Row, key: bytes) -> io.BufferedReader:
    """The same for one whose ciphertext is in its row."""
    ciphertext: bytes = asset["inline"]
    return _buffered(tenant, asset, key, lambda start, length: ciphertext[start : start + length])


def _buffered(tenant: TenantId, asset: Row, key: bytes, fetch: Callable[[int, int], bytes]) -> io.BufferedReader:
    bound_to = envelope.context(tenant, AssetId(asset["asset_id"]), asset["suite"])
    return io.BufferedReader(envelope.Reader(key, bound_to, fetch, asset["size"]), buffer_size=64 * 1024)
