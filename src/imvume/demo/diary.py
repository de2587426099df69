"""The diary of a month: which calls there were, when, between whom. No sound yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from imvume.demo.script import Scene, Script, Voice
from imvume.errors import BadInput

ZONE = ZoneInfo("Africa/Johannesburg")
DAYS = 30
LONGEST = timedelta(minutes=4)  # no agent begins another call so soon after one
CALLS_MAX = 3_000

Notice = Literal["first", "late", "never"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Planned:
    """One call to be made.

    notice: "first" before recording began, as it should be; "late" when recording ran already
    (one line is set up wrong); "never".
    legs: which of the two were recorded. cut: after how many turns somebody rang off; None for the end.
    """

    no: int
    at: datetime
    scene: Scene
    agent: Voice
    customer: Voice
    number: str = field(repr=False)
    notice: Notice
    legs: tuple[Literal["rx", "tx"], ...]
    cut: int | None

    @property
    def recorded_at_agent(self) -> bool:
        """Whether recording was started on the agent's channel: of a call out where no notice came first."""
        return self.scene.direction == "out" and self.notice != "first"


def plan(script: Script, *, calls: int, until: datetime, seed: int) -> list[Planned]:
    """`calls` calls in the DAYS days before the aware instant `until`, in the order of their starts.

    They begin at working hours (weekdays from eight to five, Saturdays to noon), most of
    them in the middle of the morning; nobody is on two calls at once.
    Raises BadInput above CALLS_MAX calls: four people cannot take more.
    """
    if calls > CALLS_MAX:
        raise BadInput(
            "demo.calls.too-many",
            f"The four agents of the demo cannot take {calls} calls in a month.",
            remedy=f"Ask for at most {CALLS_MAX}.",
        )
    rng = np.random.default_rng([seed, 1])
    taken: dict[str, list[datetime]] = {voice.key: [] for voice in script.voices.values()}
    drawn: list[tuple[datetime, Scene, Voice]] = []
    while len(drawn) < calls:
        at, scene = _start(rng, until), _one(rng, script.scenes, [scene.weight for scene in script.scenes])
        free = [a for a in script.cast("agent", scene.language) if all(abs(at - t) > LONGEST for t in taken[a.key])]
        if at + LONGEST < until and free:
            drawn.append((at, scene, _one(rng, free)))
            taken[drawn[-1][2].key].append(at)
    return [
        Planned(
            no=no,
            at=at,
            scene=scene,
            agent=agent,
            customer=(customer := _one(rng, script.cast("customer", scene.language))),
            number=_number(rng, scene, customer),
            notice=_notice(rng, scene),
            legs=_one(rng, [("rx", "tx"), ("rx",), ("tx",)], [94, 3, 3]),
            cut=_one(rng, [None, 3], [95, 5]),
        )
        for no, (at, scene, agent) in enumerate(sorted(drawn, key=lambda call: call[0]))
    ]


def _start(rng: np.random.Generator, until: datetime) -> datetime:
    last = until.astimezone(ZONE)
    while True:
        day = last.date() - timedelta(days=int(rng.integers(DAYS + 1)))
        close = 17.0 if day.weekday() < 5 else 12.0
        at = datetime.combine(day, time(0), ZONE) + timedelta(hours=float(rng.triangular(8, 10, close)))
        # A quiet Saturday and a closed Sunday.
        open_then = day.weekday() < 5 or (day.weekday() == 5 and rng.random() < 0.4)
        if open_then and last - timedelta(days=DAYS) <= at < last:
            return at.astimezone(UTC)


def _number(rng: np.random.Generator, scene: Scene, customer: Voice) -> str:
    """Who shows up on the display. Nobody can have these numbers; README.md says why."""
    kind = _one(rng, ["own", "other", "abroad", "withheld"], [30, 56, 6, 8 if scene.direction == "in" else 0])
    if kind == "own":
        return customer.number
    if kind == "abroad":
        return f"+447700900{rng.integers(1000):03}"
    return "anonymous" if kind == "withheld" else f"0555{rng.integers(100_000, 1_000_000)}"


def _notice(rng: np.random.Generator, scene: Scene) -> Notice:
    if scene.queue == "sales":
        return "never"  # its agents say so themselves; the telephone system plays nothing
    return _one(rng, ["first", "late", "never"], [88, 8, 4] if scene.direction == "in" else [94, 0, 6])


def _one(rng: np.random.Generator, among: Sequence[_T], weights: Sequence[int] | None = None) -> _T:
    if weights is None:
        return among[int(rng.integers(len(among)))]
    return among[int(np.searchsorted(np.cumsum(weights), rng.integers(sum(weights)), side="right"))]
