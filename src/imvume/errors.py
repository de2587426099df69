"""What can go wrong, in words a person can act on.

Every error says what happened, why, and what to do next, under a code that
never changes its meaning. The same three sentences appear in the console, on
the command line and in the API; docs/reference/errors.md lists every code and
is made from the source.
"""

from __future__ import annotations

from typing import ClassVar


class ImvumeError(Exception):
    """The root of everything raised on purpose.

    code: stable, dotted, lower case: "archive.destroy.on-hold".
    what: one sentence. It never holds a name, a number or content.
    why: one sentence, with the section if law said so; may be empty.
    remedy: one sentence that says what to do next.
    """

    status: ClassVar[int] = 500  # what an HTTP door answers
    exit: ClassVar[int] = 70  # what the command line exits with (BSD sysexits.h)

    def __init__(self, code: str, what: str, *, why: str = "", remedy: str) -> None:
        super().__init__(f"{what} {why} {remedy}".replace("  ", " "))
        self.code = code
        self.what = what
        self.why = why
        self.remedy = remedy

    def as_dict(self) -> dict[str, str]:
        """The shape that every `--json` answer and every problem document carries."""
        return {"code": self.code, "what": self.what, "why": self.why, "remedy": self.remedy}


class BadInput(ImvumeError):
    """What was given cannot be understood or breaks a bound. Nothing was changed."""

    status = 422
    exit = 65


class NotFound(ImvumeError):
    """There is no such thing, or it is not yours to know that there is."""

    status = 404
    exit = 66


class Refused(ImvumeError):
    """A rule, a right, a hold or a law says no."""

    status = 403
    exit = 77


class Conflict(ImvumeError):
    """Somebody else was first, or the thing is not in the state that this needs."""

    status = 409
    exit = 75


class Unavailable(ImvumeError):
    """A part that we lean on (database, disk, object store, network) is away. Trying again may work."""

    status = 503
    exit = 69


class Broken(ImvumeError):
    """Something that was sealed or proved does not check out. Never to be swallowed."""

    status = 500
    exit = 74
