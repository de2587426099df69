"""Logs as data: one JSON object a line on standard error, with people kept out of them.

Logs carry ids, codes and counts. What slips in all the same and looks like a telephone
number or a mail address is masked; the text of an exception is never written, because a
database quotes rows in it: its kind, its code and the lines it passed through are.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from imvume.basics import clock

DIGITS_MAX = 9  # a longer whole number may be somebody's; sizes go under a name that ends in _bytes

_SENSITIVE = re.compile(
    r"""
      (?P<plain> [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12} | [0-9a-f]{32,}   # ids, digests
               | (?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)? )   # days, instants
    | (?P<mail>  [^\s@<>"'(),;:]+ (?: @[^\s@<>"'(),;:]+ )+ )
    | (?P<phone> [+(]{0,2} \d (?: [\s().\-/_]{0,2} \d ){6,} )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def mask(text: str) -> str:
    """`text` without what looks like a telephone number or a mail address.

    Seven digits or more count as a number, however they are spaced. Ids, digests and
    instants are left alone. It is the last net, not the rule: a name it cannot know.
    """
    return _SENSITIVE.sub(lambda found: found[0] if found["plain"] else "•••", text)


def fault(error: BaseException) -> dict[str, Any]:
    """What a log may say of an exception: its kind, its code if it has one, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    said: dict[str, Any] = {
        "error": type(error).__name__,
        "frames": [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
    if isinstance(code := getattr(error, "code", None), str):
        said["code"] = code
    return said


def configure(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Send our logs, and those of the libraries, to `stream` (standard error) as masked JSON."""
    out = stream or sys.stderr
    formatter = structlog.stdlib.ProcessorFormatter
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        formatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder(), _stamp, _strip, _masked],
            processors=[formatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            _stamp,
            _strip,
            _masked,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


Event = MutableMapping[str, Any]


def _stamp(_: Any, __: str, event: Event) -> Event:
    event["at"] = clock.stamp(clock.now())
    return event


def _strip(_: Any, __: str, event: Event) -> Event:
    """Replace an exception by what may be said of it. A library's own words for it go with it."""
    told = event.pop("exc_info", None)
    event.pop("stack_info", None)
    record = event.get("_record")
    if told is None and isinstance(record, logging.LogRecord):
        told, record.exc_info, record.exc_text = record.exc_info, None, None
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event.update(fault(error))
    return event


def _masked(_: Any, __: str, event: Event) -> Event:
    for key, value in event.items():
        if key not in ("at", "level", "frames", "_record", "_from_structlog"):
            event[key] = _clean(value, sized=key.endswith("_bytes"))
    return event


def _clean(value: Any, *, sized: bool = False) -> Any:
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return value if sized or len(str(abs(value))) <= DIGITS_MAX else "•••"
    if isinstance(value, dict):
        return {mask(str(key)): _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(one) for one in value]
    return mask(str(value))


def _module(path: str) -> str:
    # From the package down: where a house is installed is nobody's business.
    for mark in ("/site-packages/", "/src/"):
        if mark in path:
            return path.rpartition(mark)[2]
    return path.rpartition("/")[2]
