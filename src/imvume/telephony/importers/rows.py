"""What a row of call records can be asked for by: its ids, and the names of the recordings that it points to."""

from __future__ import annotations

from collections.abc import Iterator

from imvume.telephony.importers import names, translate
from imvume.telephony.importers.legs import Row, plain


def keys_of(row: Row) -> Iterator[str]:
    """Every channel id in `row`, and every recording it names, without folder, ending and half."""
    for column in ("uniqueid", "linkedid"):
        if id := plain(row.get(column)):
            yield id
    for column in ("recordingfile", "userfield"):
        path = plain(row.get(column)).removeprefix("audio:")
        if path and names.is_recording(path.rpartition("/")[2]):
            yield names.stem(path)
    app, data = ("lastapp", "lastdata") if "lastapp" in row else ("appname", "appdata")
    if row.get(app) == "MixMonitor":
        yield from translate.mixmonitor(plain(row.get(data)))
