"""Which column is which in a row of CSV that has no header. Sources: cdr_csv.c, cdr_custom and cel_custom samples."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imvume.telephony.importers.legs import EVENTS

_CDR = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags"),
)
_CDR_NEWER = ("peeraccount", "linkedid", "sequence")  # cdr.conf newcdrcolumns=yes
_CDR_CUSTOM = (
    *("clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end"),
    *("duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "sequence"),
)
_CEL = (
    *("eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context"),
    *("channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid"),
)
_EVENT = re.compile(r"\A[A-Z][A-Z_]{2,30}\Z", re.ASCII)
_TIME = re.compile(r"\A(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.{0,16}|\d{9,11}(?:\.\d{1,9})?)\Z", re.ASCII)
_ID = re.compile(r"\A(?:[\w.-]{0,100}-)?\d{9,11}\.\d{1,10}\Z", re.ASCII)
_OTHER_NAMES = {
    "calldate": "start",
    "source": "src",
    "destination": "dst",
    "context": "dcontext",
    "callerid": "clid",
    "lastapplication": "lastapp",
    "starttime": "start",
    "answertime": "answer",
    "endtime": "end",
    "billableseconds": "billsec",
    "recording": "recordingfile",
    "eventname": "eventtype",
    "channelname": "channame",
    "calleridnum": "cid_num",
    "cidnum": "cid_num",
    "application": "appname",
    "applicationdata": "appdata",
}
_KNOWN = {*_CDR, *_CDR_NEWER, *_CDR_CUSTOM, *_CEL, "recordingfile", "did", "cnum", "outbound_cnum", "peer"}


def header(fields: Sequence[str]) -> tuple[str, ...] | None:
    """The names of the columns, if this row is a header: our words for those we know, theirs for the rest."""
    plain = [field.strip().strip("\ufeff").lower() for field in fields]
    known = [
        name if name in _KNOWN else _OTHER_NAMES.get(name.replace("_", "").replace(" ", ""), name) for name in plain
    ]
    if "eventtype" in known:  # in CEL "context" is its own word
        known = ["context" if name == "dcontext" else name for name in known]
    enough = {"start", "uniqueid"} & set(known) if "eventtype" not in known else {"eventtime", "linkedid"} & set(known)
    return tuple(known) if enough and len(set(known) & _KNOWN) >= 3 else None


def columns_of(fields: Sequence[str]) -> tuple[str, ...] | None:
    """The columns of a row without header, by its length and by where its times stand; None if it is none we know."""
    count = len(fields)
    if count >= 16 and _EVENT.match(fields[0]) and (fields[0] in EVENTS or _TIME.match(fields[1])):
        return _CEL
    if count >= 17 and _TIME.match(fields[8]):  # first: the next column may be a time in both
        return _CDR_CUSTOM[:count]
    if count >= 16 and _TIME.match(fields[9]):
        return _cdr(fields)
    return None


def _cdr(fields: Sequence[str]) -> tuple[str, ...] | None:
    # cdr_csv adds uniqueid, userfield and the newer columns each only when told to.
    extra = len(fields) - len(_CDR)
    newer = _CDR_NEWER if extra >= 3 and not (extra == 3 and _ID.match(fields[16])) else ()
    extra -= len(newer)
    if extra == 0:
        return _CDR + newer
    if extra == 1:
        return (*_CDR, "uniqueid" if _ID.match(fields[16]) else "userfield", *newer)
    return (*_CDR, "uniqueid", "userfield", *newer) if extra == 2 else None
