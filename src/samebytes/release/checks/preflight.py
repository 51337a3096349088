"""Before anything is built: the tag, the working tree, the changelog, and the index."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.git import TagObject
from samebytes.index.client import Index
from samebytes.release.checks.wording import listed
from samebytes.release.rules import Kind, Rules, filled
from samebytes.release.steps import Result
from samebytes.source import GitSource

#: How the line begins with which a signature does, and of what kind that is
#: (gpg-interface.c of git, which takes the last such line).
_SIGNATURES = {
    b"-----BEGIN PGP SIGNATURE-----": "OpenPGP",
    b"-----BEGIN PGP MESSAGE-----": "OpenPGP",
    b"-----BEGIN SIGNED MESSAGE-----": "X.509",
    b"-----BEGIN SSH SIGNATURE-----": "SSH",
}

_HEADER = re.compile(
    rb"object ([0-9a-f]{40,64})\ntype ([a-z]+)\ntag ([^\n]+)\n(?:[^\n]+\n)*(?:\n|$)"
)


class Signatory(Protocol):
    """Whose key it was."""

    @property
    def person(self) -> str: ...

    @property
    def label(self) -> str: ...


class TagKeys(Protocol):
    """The keys that may sign a tag."""

    def check_openpgp(self, signature: bytes, data: bytes) -> Signatory:
        """Who signed ``data``; raises UserError, with the reason, where none of them did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """An annotated tag, parted as git does it; without a signature, ``kind`` is empty."""

    payload: bytes
    signature: bytes
    kind: str


def check_tag(
    source: GitSource,
    tag: str,
    name: NormalizedName,
    rules: Rules,
    keys: TagKeys | None = None,
    *,
    signed: bool = False,
) -> Result:
    """Whether ``tag`` is an annotated tag of the commit, for a version that may be released.

    With ``signed``, or where the rules say so, one of the ``keys`` must have signed it.
    """
    found = source.git.tag_object(source.checkout, tag)
    if found is None:
        return Result(problems=(_no_tag(tag),))
    if found.type != "tag":
        return Result(
            problems=(
                f"{tag} is a lightweight tag, which says nothing of who made it and when: make an "
                f"annotated one in its place, with 'git tag --force --annotate {tag} {tag}', or "
                "--sign.",
            )
        )
    problems = [*_version_problems(tag, name, rules), *_object_problems(found, tag, source)]
    facts = [f"{tag} is an annotated tag of {source.commit}"]
    try:
        facts.append(_signature(found, keys, is_needed=signed or rules.signed_tag))
    except UserError as error:
        problems.append(f"{error.message} {error.hint}".strip())
    return Result(facts=tuple(facts) if not problems else (), problems=tuple(problems))


def check_signature(source: GitSource, tag: str, keys: TagKeys) -> Result:
    """Whether somebody else's ``tag`` is of the commit, and signed with one of the ``keys``."""
    found = source.git.tag_object(source.checkout, tag)
    if found is None:
        return Result(problems=(_no_tag(tag),))
    if found.type != "tag":
        return Result(problems=(f"{tag} is a lightweight tag, which nobody can have signed.",))
    problems = [*_object_problems(found, tag, source)]
    facts = []
    try:
        facts.append(_signature(found, keys, is_needed=True))
    except UserError as error:
        problems.append(f"{error.message} {error.hint}".strip())
    return Result(facts=tuple(facts) if not problems else (), problems=tuple(problems))


def _no_tag(tag: str) -> str:
    return (
        f"There is no tag {tag}. A branch or a commit is not what is released: make the tag, with "
        "'git tag --sign', or get it, with 'git fetch --tags'."
    )


def _version_problems(tag: str, name: NormalizedName, rules: Rules) -> Iterable[str]:
    if not rules.is_for(name):
        yield f"The rules are those of {rules.project}, and the project is {name}: take its own."
    version = rules.version_of(tag, name)
    if version is None:
        form = "a usual tag of a release" if rules.tag is None else f"of the form {rules.tag}"
        yield (
            f"No version can be read from the tag {tag}, which is not {form}: rename it, or "
            "correct the rules ('tag')."
        )
    else:
        yield from rules.refusals(tag, version)


def _object_problems(found: TagObject, tag: str, source: GitSource) -> Iterable[str]:
    """Why a tag is not what its name says: what was signed for another may have been renamed."""
    header = _HEADER.match(found.data)
    if header is None:
        yield f"The tag {tag} is damaged: check the repository with 'git fsck'."
        return
    target, kind, own = header[1].decode(), header[2].decode(), header[3].decode("utf-8", "replace")
    if own != tag:
        yield (
            f"The tag {tag} was made as {own!r}, and renamed: it is not known to be meant for this "
            "release. Make the tag anew."
        )
    if kind != "commit":
        yield f"The tag {tag} is of a {kind}, not of a commit: make it anew."
    elif target != source.commit:
        yield (
            f"The tag {tag} is of {target}, but {source.commit} was to be released: it was moved, "
            "or something else has its name."
        )


def parted(data: bytes) -> SignedText:
    """An annotated tag's payload and signature."""
    start, kind = len(data), ""
    position = 0
    while position < len(data):
        for mark, name in _SIGNATURES.items():
            if data.startswith(mark, position):
                start, kind = position, name
        end = data.find(b"\n", position)
        position = len(data) if end < 0 else end + 1
    return SignedText(payload=data[:start], signature=data[start:], kind=kind)


def _signature(found: TagObject, keys: TagKeys | None, *, is_needed: bool) -> str:
    """What is to be said of a tag's signature; raises UserError where it is not good enough."""
    text = parted(found.data)
    if not text.kind:
        if is_needed:
            raise UserError("The tag is not signed, and must be: make it with 'git tag --sign'.")
        return "the tag is not signed"
    if text.kind != "OpenPGP":
        if is_needed or keys is not None:
            raise UserError(
                f"The tag has an {text.kind} signature, which cannot be checked here: sign it with "
                "an OpenPGP key."
            )
        return f"the tag has an {text.kind} signature, which was not checked"
    if keys is None:
        if is_needed:
            raise UserError(
                "The tag is signed, but whose key to trust was not said: --trusted-keys FOLDER."
            )
        return "the tag is signed, which was not checked: no keys to trust were named"
    try:
        key = keys.check_openpgp(text.signature, text.payload)
    except UserError as error:
        raise UserError(
            f"The tag's signature is not good: {error.message}", hint=error.hint
        ) from None
    return f"the tag is signed by {key.person}: {key.label}"


def check_tree(source: GitSource, *, besides: Path | None = None) -> Result:
    """Whether the working tree is clean, but for what is in the folder ``besides``.

    What is not committed would not be in the release, and whoever made it may think it is.
    """
    if changed := uncommitted(source, besides):
        return Result(
            problems=(
                f"The working tree has what is not committed: {listed(changed)}. Commit it, and "
                "make the tag anew, or put it away with 'git stash --include-untracked'.",
            )
        )
    head = source.git.head(source.checkout)
    if head == source.commit:
        return Result(facts=("nothing is modified or untracked",))
    facts = "nothing is modified or untracked", f"checked out is {head or 'nothing'}, not the tag"
    return Result(facts=facts)


def uncommitted(source: GitSource, besides: Path | None = None) -> frozenset[str]:
    """What is modified or untracked, but for what is in the folder ``besides``."""
    changed = source.git.uncommitted(source.checkout)
    if besides is None:
        return changed
    folder, root = besides.resolve(), source.checkout.root.resolve()
    return frozenset(path for path in changed if not _is_in(root / path, folder))


def _is_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def check_changelog(source: GitSource, version: Version, rules: Rules) -> Result:
    """Whether the revision has what the rules want to read in its changelogs."""
    facts, problems = [], []
    for rule in rules.changelog:
        if Kind.of(version) not in rule.kinds:
            continue
        path = filled(rule.path, version)
        full = str(PurePosixPath(source.checkout.project) / path)
        if full not in source.git.files(source.checkout, source.commit):
            problems.append(f"There is no {path} in the revision: write it before the release.")
            continue
        lines = source.git.show(source.checkout, source.commit, full).splitlines()
        missing = [text for text in rule.lines if not _has(lines, filled(text, version, re.escape))]
        problems += [
            f"{path} has no line as {filled(text, version)!r}: write it before the release."
            for text in missing
        ]
        if not missing:
            facts.append(f"{path} is written")
    if not (facts or problems):
        facts.append("no rule asks for a changelog")
    return Result(facts=tuple(facts), problems=tuple(problems))


def _has(lines: Iterable[str], expression: str) -> bool:
    fits = re.compile(expression).fullmatch
    return any(fits(line.rstrip()) for line in lines)


def check_index(index: Index, name: NormalizedName, version: Version) -> Result:
    """Whether the index has no file of this version yet.

    Raises UserError when it cannot be asked.
    """
    files = index.published(name, version)
    if files:
        return Result(
            problems=(
                f"{name} {version} is on the index already: {listed(map(str, files))}. What is "
                "published is not replaced: release another version.",
            )
        )
    return Result(facts=(f"no index has {name} {version} yet",))
