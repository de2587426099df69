"""A waveform as one SVG path for each leg: it prints, follows the theme, and needs no script. Pure."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 1000  # of the drawing, whatever its size on the page
LANE = 60  # height of one leg
LOUDER_MAX = 4.0  # a line that hisses must not look like speech
QUIET = 0.6  # half the height of a silent bar: a line, so that silence is seen to have been recorded


@dataclass(frozen=True, slots=True)
class Lane:
    """One leg, drawn. `role` says whose; `path` is the d of an SVG path; `middle` the y of its axis."""

    role: str
    path: str
    middle: float


def lanes(peaks: dict[str, bytes]) -> list[Lane]:
    """The legs of a call one below the other, the caller above. peaks: max|sample| 0..255, by role."""
    loudest = max((max(peaks[role]) for role in peaks if peaks[role]), default=0)
    # Telephone speech is quiet; both legs grow by the same factor, so that who is louder is still seen.
    scale = min(LOUDER_MAX, 255 / loudest) if loudest else 1.0
    order = [role for role in ("caller", "agent", "both") if peaks.get(role)]
    return [
        Lane(role, _path(peaks[role], scale, middle=LANE * (no + 0.5)), LANE * (no + 0.5))
        for no, role in enumerate(order)
    ]


def _path(peaks: bytes, scale: float, *, middle: float) -> str:
    step = WIDTH / len(peaks)
    parts = []
    for no, peak in enumerate(peaks):
        half = max(QUIET, peak * scale / 255 * (LANE / 2 - 3))
        parts.append(f"M{(no + 0.5) * step:.4g} {middle - half:.4g}V{middle + half:.4g}")
    return "".join(parts)
