"""What can go wrong: one root, two branches."""

from __future__ import annotations


class SamebytesError(Exception):
    """Something prevents the work from being done.

    ``message`` is one sentence that says what happened, ``hint`` says what to do about it, and
    ``detail`` holds the last lines of another program's output, if there are any.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def to_dict(self) -> dict[str, str]:
        return {"message": self.message, "hint": self.hint, "detail": self.detail}


class UserError(SamebytesError):
    """The request, this machine or its network is at fault."""


class UnreachableError(UserError):
    """The index, or the network, does not answer: what was asked may be right."""


class ArtifactError(SamebytesError):
    """The source, the archive, the build backend or the index is at fault."""


class LimitError(ArtifactError):
    """A program took more than it may; ``limit`` says of what: time, memory, printed …"""

    def __init__(self, message: str, *, limit: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.limit = limit
