"""`imvume calls`: find calls by a whole number, an extension, a reference; show one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import click

from imvume.calls import search
from imvume.calls.search import Found, Question
from imvume.cli.frame import Door, call_of, command


@command("calls")
@click.argument("ref", required=False)
@click.option("--who", help="A whole number or an extension. It is asked for when you give '-'.")
@click.option("--direction", type=click.Choice(["in", "out", "internal"]))
@click.option("--queue")
@click.option("--campaign")
@click.option("--limit", type=click.IntRange(1, search.PAGE_MAX), default=20, show_default=True)
def calls(door: Door, ref: str | None, who: str | None, limit: int, **facets: Any) -> None:
    """Find calls, the newest first; with a reference (C-…), show that one.

    A number on the command line is seen by every user of this machine: `--who -` asks for it instead.
    """
    if who == "-":
        who = click.prompt("Number", hide_input=False, err=True)
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref) if ref else None
        with house.database.transaction(tenant) as tx:
            zone = ZoneInfo(tx.only("calls.tenant")["zone"])
            if call is not None:
                return _one(door, search.card(tx, house.vault, call), zone)
            page = search.find(tx, house.vault, Question(who=who or "", **facets), limit=limit)
        facts = [_facts(found) for found in page.calls]
        lines = [_line(found, zone) for found in page.calls]
        door.answer({"calls": facts, "following": page.following}, "\n".join(lines) or "No call matches.")


def _one(door: Door, card: search.Card, zone: ZoneInfo) -> None:
    facts = _facts(card.found) | {
        "why_kept": card.why_kept,
        "says": card.says,
        "holds": [hold["ref"] for hold in card.holds],
        "recordings": [
            {
                name: asset[name]
                for name in ("asset_id", "kind", "role", "codec", "rate", "size", "digest", "destroyed_at")
            }
            for asset in card.assets
        ],
    }
    lines = [_line(card.found, zone), card.why_kept, *(f"Under the hold {hold['ref']}." for hold in card.holds)]
    for asset in card.assets:
        state = "destroyed" if asset["destroyed_at"] else f"sealed, {asset['size']:,} bytes"
        lines.append(f"  {asset['role']:<7}{asset['kind']:<9}{asset['codec']:<15}{state}")
    door.answer(facts, "\n".join(lines))


def _facts(found: Found) -> dict[str, Any]:
    return asdict(found)


def _line(found: Found, zone: ZoneInfo) -> str:
    people = " → ".join(person.shown or person.kind for person in found.people)
    minutes, seconds = divmod(round(found.seconds), 60)
    at = found.started_at.astimezone(zone)
    return f"{found.ref}  {at:%Y-%m-%d %H:%M:%S %Z}  {minutes:>3}:{seconds:02}  {found.state:<9}  {people}"


command = calls
