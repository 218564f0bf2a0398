"""What to do where a file can't be written. Room on the disk is only one of the reasons."""

from __future__ import annotations

_ADVICE = (
    (("no space left", "quota exceeded"), "make room"),
    (("permission denied", "not permitted"), "get the right to write there, or name another place"),
    (("read-only",), "name a place on a disk that can be written"),
    (("is a directory", "not a directory"), "move away what stands in its place"),
    (("name too long",), "choose a shorter name"),
    (("too large",), "name a place on a disk that takes files of that size"),
    (("no such file",), "see that the folder is there, and that nobody removes it meanwhile"),
    (("too many open files",), "close other programs, or raise the limit (ulimit -n)"),
)


def what_to_do(error: Exception) -> str:
    """Returns advice for an error of the file system, local or remote, by its message."""
    # Before it stands the path, whose names may be any.
    text = str(getattr(error, "message", error)).rpartition(";")[2].lower()
    for reasons, advice in _ADVICE:
        if any(reason in text for reason in reasons):
            return advice
    return "see that files can be written there"
