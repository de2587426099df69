"""Calls for the console's tests: taken in by the same action as every importer's, with sound that was never said."""

from __future__ import annotations

import io
import wave
from datetime import datetime, timedelta

import numpy as np

from imvume.archive.house import House
from imvume.basics.ids import CallId, TenantId, uuid7
from imvume.calls.actions import take_in
from imvume.calls.facts import CallFacts, Direction, Party, Piece

NALEDI = "+447700900123"
RATE = 8000


def stereo(seconds: float = 6.0) -> bytes:
    """A WAV of 16 bits, 8 kHz: bursts on the left, then on the right, as of two who take turns."""
    t = np.arange(int(seconds * RATE)) / RATE
    turn = (t % 3.0) < 1.5
    left = np.sin(2 * np.pi * 330 * t) * turn * np.abs(np.sin(2 * np.pi * 1.7 * t))
    right = np.sin(2 * np.pi * 220 * t) * ~turn * np.abs(np.sin(2 * np.pi * 2.3 * t))
    samples = (np.stack([left, right], axis=1) * 14_000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def call(
    house: House,
    tenant: TenantId,
    *,
    at: datetime,
    caller: str = NALEDI,
    kind: str = "phone",
    agent: str = "1004",
    direction: Direction | None = "in",
    queue: str | None = "Service",
    campaign: str | None = None,
    disposition: str | None = "answered",
    source: str = "pbx",
    seconds: float = 6.0,
    recorded: bool = True,
    name: str = "q-0123456789-20261123.wav",
) -> CallId:
    """One call with a stereo recording, or with none."""
    facts = CallFacts(
        source=source,
        source_ref=uuid7().hex,
        started_at=at,
        answered_at=at + timedelta(seconds=4),
        ended_at=at + timedelta(seconds=4 + seconds),
        direction=direction,
        parties=(Party("caller", kind, caller), Party("agent", "extension", agent)),  # type: ignore[arg-type]
        queue=queue,
        campaign=campaign,
        disposition=disposition,
    )
    pieces = []
    if recorded:
        content = stereo(seconds)
        pieces = [Piece("both", io.BytesIO(content), name, len(content), mark=uuid7().bytes)]
    return take_in(house, tenant, facts, pieces, at=at + timedelta(minutes=1)).call
