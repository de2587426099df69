"""One repair to the answers of time-stamp authorities before they are parsed.

The certificates in a time-stamp are a set. DER wants a set sorted; CMS does not ask for DER
there (RFC 5652, section 5.1), and OpenSSL, on which many authorities run, writes them in the
order in which it found them. The parser we use takes DER alone. So the certificates are sorted,
in place: nothing that is signed is touched, and no length changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_SEQUENCE: Final = 0x30
_OID: Final = 0x06
_INTEGER: Final = 0x02
_SET: Final = 0x31
_CONTEXT_0: Final = 0xA0

Element = tuple[int, int, int, int]  # tag, where it starts, where its content starts, where it ends


def certificates_sorted(answer: bytes) -> bytes:
    """The TimeStampResp with its certificates in the order of DER; what is not one comes back as it is."""
    try:
        place = _certificates(answer)
    except ValueError:
        return answer
    if place is None:
        return answer
    start, end = place
    try:
        each = [answer[begin:until] for _, begin, _, until in _elements(answer, start, end)]
    except ValueError:
        return answer
    return answer[:start] + b"".join(sorted(each)) + answer[end:]


def _certificates(answer: bytes) -> tuple[int, int] | None:
    """Where the content of SignedData.certificates stands."""
    start, end = 0, len(answer)
    # TimeStampResp { status, ContentInfo { oid, [0] { SignedData { version, digests, content, [0] certificates
    for tags in (
        (_SEQUENCE,),
        (_SEQUENCE, _SEQUENCE),
        (_OID, _CONTEXT_0),
        (_SEQUENCE,),
        (_INTEGER, _SET, _SEQUENCE, _CONTEXT_0),
    ):
        inside = _elements(answer, start, end)
        for tag in tags:
            found = next(inside, None)
            if found is None or found[0] != tag:
                return None
            start, end = found[2], found[3]
    return start, end


def _elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """The elements side by side in a stretch of DER. Raises ValueError where there is none."""
    while start < end:
        if end - start < 2 or data[start] & 0x1F == 0x1F:
            raise ValueError
        length, content = data[start + 1], start + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or end - content < count:
                raise ValueError
            length, content = int.from_bytes(data[content : content + count]), content + count
        if length > end - content:
            raise ValueError
        yield data[start], start, content, content + length
        start = content + length
