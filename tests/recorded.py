"""Recordings as an Asterisk leaves them, and what it says of the calls they belong to."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from imvume.calls.actions import TakenIn
from imvume.calls.facts import CallFacts, Party, Piece

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NALEDI = "+447700900123"
SIPHO = "201"

Take = Callable[..., TakenIn]


def tone(seconds: float = 2.0, *, pitch: float = 440.0, rate: int = 8000) -> bytes:
    """A mono 16-bit WAV with a tone in it."""
    time = np.arange(int(seconds * rate)) / rate
    samples = (np.sin(2 * np.pi * pitch * time) * 9000).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def facts(ref: str = "1795454901.0", *, started: datetime = AT - timedelta(hours=1)) -> CallFacts:
    """Naledi calls, Sipho answers."""
    return CallFacts(
        source="pbx",
        source_ref=ref,
        started_at=started,
        answered_at=started + timedelta(seconds=4),
        ended_at=started + timedelta(seconds=60),
        direction="in",
        parties=(Party("caller", "phone", NALEDI), Party("agent", "extension", SIPHO)),
        queue="service",
        disposition="answered",
    )


def pieces(ref: str, *, pitch: float = 440.0, seconds: float = 2.0) -> list[Piece]:
    """Two legs of a call."""
    legs = (("caller", pitch), ("agent", 2 * pitch))
    return [
        Piece(
            role=role,  # type: ignore[arg-type]  # both are roles
            file=io.BytesIO(data := tone(seconds, pitch=of)),
            name=f"{ref}-{role}.wav",
            size=len(data),
            mark=f"{ref}-{role}".encode().ljust(16)[:16],
        )
        for role, of in legs
    ]
