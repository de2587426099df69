"""One call: hear it, see why it is kept, and what happened to it."""

from __future__ import annotations

from starlette.responses import Response

from imvume.archive import opening
from imvume.basics.ids import CallId
from imvume.calls import search
from imvume.calls.search import Card
from imvume.errors import ImvumeError
from imvume.staff import actions, listening
from imvume.staff.rules import Right
from imvume.web import custody, render, waveform
from imvume.web.asked import Asked, see

VERBS = {"in": "Incoming call from", "out": "Outgoing call to", "internal": "Internal call from", None: "Call with"}


def card(asked: Asked) -> Response:
    """The page of one call."""
    return _page(asked, CallId(asked.id("call")))


def open_recording(asked: Asked) -> Response:
    """Open the recording for this session: a reason, and the password again where it was given long ago."""
    call = CallId(asked.id("call"))
    try:
        reason = listening.reason_given(asked.form.get("reason", ""), asked.form.get("words", ""))
        if not asked.fresh:
            actions.confirm(
                asked.house.database,
                asked.house.vault,
                asked.who,
                asked.form.get("password", ""),
                address=asked.address,
                at=asked.at,
            )
        with asked.transaction() as tx:
            search.card(tx, asked.house.vault, call)  # somebody else's call is none, for opening as for looking
            listening.begin(tx, asked.who, call, reason, at=asked.at)
    except ImvumeError as error:
        if error.status in (404, 500, 503):
            raise
        return _page(asked, call, error=error)
    return see(f"/calls/{call}")


def _page(asked: Asked, call: CallId, *, error: ImvumeError | None = None) -> Response:
    vault = asked.house.vault
    with asked.transaction() as tx:
        it = search.card(tx, vault, call)
        reason = listening.reason_of(tx, asked.who, call)
        hearing = reason is not None and asked.may(Right.HEAR_CALLS) and it.found.state == "sealed"
        lanes = waveform.lanes(opening.peaks(vault, tx, call)) if hearing else []
        steps = custody.steps(tx, it, at=asked.at)
    return render.page(
        asked,
        "call.html",
        status=error.status if error else 200,
        card=it,
        call=it.found,
        title=_title(it),
        steps=steps,
        hearing=hearing,
        reason=reason,
        lanes=lanes,
        reasons=listening.REASONS,
        form=asked.form,
        error=error,
        recordings=[asset for asset in it.assets if asset["kind"] != "waveform"],
    )


def _title(it: Card) -> str:
    person = next((p for p in it.found.people if p.role == "caller"), None)
    name = (person.shown if person else "") or ("a withheld number" if person else "nobody known")
    return f"{VERBS.get(it.found.direction, VERBS[None])} {name}"
