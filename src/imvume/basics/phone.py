"""Telephone numbers, read once at the door."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

WITHHELD = frozenset({"", "anonymous", "unknown", "private", "restricted", "unavailable", "withheld", "asterisk"})


@dataclass(frozen=True, slots=True, order=True)
class Phone:
    """A number in E.164 text, such as +27821234567. A claim about who calls, never a proof."""

    e164: str

    def masked(self) -> str:
        """Enough to recognise, too little to dial: "+27 82 ••• 4567"."""
        country = str(phonenumbers.parse(self.e164).country_code)
        national = self.e164[1 + len(country) :]
        return f"+{country} {national[:2]} ••• {national[-4:]}" if len(national) >= 8 else f"+{country} •••"


def read(text: str, *, region: str) -> Phone | None:
    """The number that `text` dials from within `region` (ISO 3166, "ZA"), or None.

    None is for what is not a dialable number of somebody: withheld, an extension,
    a short code, a SIP name, noise. It is no error: a PBX writes all of these.
    """
    if text.strip().lower() in WITHHELD:
        return None
    if not text.isascii():  # digits of other scripts pass isdigit(); no PBX sends them in good faith
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or len(str(number.national_number)) < 7:
        return None
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
