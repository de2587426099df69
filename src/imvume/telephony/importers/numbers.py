"""What a PBX writes where a number belongs, read as a party to the call. Pure."""

from __future__ import annotations

import re

import phonenumbers

from imvume.basics.phone import WITHHELD, read
from imvume.calls.facts import Party, PartyRole

EXTENSION_DIGITS_MAX = 6  # longer runs of digits are somebody's number, not one of ours
EXTENSION_MAX = 40  # characters of a SIP name

_CLID = re.compile(r'\A\s*"?[^<>]{0,200}"?\s*<([^<>]{0,100})>\s*\Z', re.DOTALL)
_SIP = re.compile(r"\A(?:sips?|tel):([^@;>]{1,100})", re.IGNORECASE)
_DIALABLE = re.compile(r"\A\d?\+?[\d\s().-]{1,32}\Z", re.ASCII)  # the first digit may be the outside line's
_NAME = re.compile(rf"\A[A-Za-z0-9_.+-]{{1,{EXTENSION_MAX}}}\Z", re.ASCII)
_PLACES = frozenset({"s", "h", "i", "t", "o", "a", "e", "failed", "hang", "congestion", "busy", "dial", "recordcheck"})


def number(text: str) -> str:
    """The number inside `text`: of `"Naledi" <0821234567>`, of `sip:101@pbx`, or the text itself."""
    if found := _CLID.match(text):
        text = found[1]
    if found := _SIP.match(text):
        text = found[1]
    return text.strip()


def is_withheld(text: str) -> bool:
    """Whether the PBX says that the caller hid the number, in any of the words in use."""
    word = number(text).lower()
    return word in WITHHELD or word in {"anonim", "no-number", "nonumber", "blocked", "null", "<unknown>"}


def is_extension(text: str) -> bool:
    """Whether this looks like one of our own: at most six digits."""
    return text.isascii() and text.isdigit() and len(text) <= EXTENSION_DIGITS_MAX


def e164(text: str, *, region: str, outside: str = "") -> str | None:
    """The number in E.164, or None where it is nobody's.

    outside: the prefixes by which our own people reach an outside line, such as "9"; taken
    off only where the whole is not a better number: an area may well begin with a nine.
    """
    text = number(text)
    if not _DIALABLE.match(text):
        return None
    digits = re.sub(r"\D", "", text)
    if not text.startswith("+") and len(digits) <= EXTENSION_DIGITS_MAX:
        return None
    whole = read(text, region=region)
    inner = [read(text.removeprefix(prefix), region=region) for prefix in outside if text.startswith(prefix)]
    # Trunks hand foreign callers over as 447700900123: the plus is lost, the country is not.
    abroad = 10 <= len(digits) <= 15 and not text.startswith(("0", "+"))
    readings = [found for found in (whole, *inner, read(f"+{digits}", region=region) if abroad else None) if found]
    # More than one can be the length of a number; one that its country's plan knows goes before one that it does not.
    readings.sort(key=lambda phone: not phonenumbers.is_valid_number(phonenumbers.parse(phone.e164)))
    return readings[0].e164 if readings else None


def outsider(role: PartyRole, *texts: str, region: str, outside: str = "") -> Party | None:
    """The party that is not ours, by the first of `texts` that says who: a phone, else withheld, else a name.

    None where the texts name nobody at all: a place in the dialplan, or nothing.
    """
    for text in texts:
        if found := e164(text, region=region, outside=outside):
            return Party(role, "phone", found)
    if any(number(text) and is_withheld(text) for text in texts):
        return Party(role, "withheld", "")
    return insider(role, *texts)


def insider(role: PartyRole, *texts: str) -> Party | None:
    """The party that is one of ours, by the first of `texts` that can be an extension."""
    for text in map(number, texts):
        if _NAME.match(text) and text.lower() not in _PLACES and not is_withheld(text):
            return Party(role, "extension", text)
    return None
