"""Documents of ``samebytes diff --json``, made by hand."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def difference(
    member: str | None = "a.py",
    kind: str = "tar-mtime",
    *,
    level: str = "container",
    field: str = "",
    first: str = "2026-11-04",
    second: str = "2026-01-01",
) -> Json:
    return {
        "kind": kind,
        "level": level,
        "member": member,
        "field": field,
        "first": first,
        "second": second,
    }


def cause(
    *differences: Json, name: str = "umask", reason: str = "A reason.", fix: str = "A fix."
) -> Json:
    title = f"title of {name}"
    return {
        "cause": name,
        "title": title,
        "reason": reason,
        "fix": fix,
        "differences": list(differences),
    }


def content(member: str, *lines: list[str], omitted: int = 0) -> Json:
    return {"member": member, "form": "text", "lines": list(lines), "omitted": omitted}


def comparison(
    *causes: Json,
    verdict: str = "different",
    contents: list[Json] | None = None,
    filename: str = "demo-1.0.tar.gz",
    backend: str | None = "setuptools 84.2.1",
) -> Json:
    side = {
        "filename": filename,
        "form": "sdist",
        "format": "tar in gzip",
        "size": 1234,
        "sha256": "0" * 64,
        "members": 6910,
        "backend": backend,
    }
    different = verdict == "different"
    return {
        "verdict": verdict,
        "where": ["metadata", "code"] if different else [],
        "first": side,
        "second": side if verdict == "identical" else side | {"sha256": "1" * 64, "members": None},
        "recompressed": "zlib 1.2.13, level 9" if verdict == "equivalent" else None,
        "explanations": list(causes),
        "contents": contents or [],
    }


def document(*comparisons: Json, first: str = "a/demo-1.0.tar.gz") -> Json:
    return {
        "version": 1,
        "status": comparisons[0]["verdict"],
        "error": None,
        "first": first,
        "second": "b/demo-1.0.tar.gz",
        "comparisons": list(comparisons),
        "only_in_first": [],
        "only_in_second": [],
    }


def folders() -> Json:
    """Two folders with a pair of each verdict, and a file without a counterpart."""
    changed = difference("b", kind="member-content", level="content")
    pairs = (
        comparison(verdict="identical"),
        comparison(cause(difference("a")), verdict="equivalent", filename="demo-1.0.zip"),
        comparison(
            cause(difference("a"), changed), contents=[content("b", ["-", "old"], ["+", "new"])]
        ),
    )
    return document(*pairs) | {"status": "different", "only_in_first": ["lonely.whl"]}
