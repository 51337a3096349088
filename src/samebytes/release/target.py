"""What is released: a tag of a checkout, the version that it names, and the project's rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from samebytes.errors import UserError
from samebytes.git import Git
from samebytes.release.record import Record
from samebytes.release.rulebook import PYPROJECT, TABLE, find_rules
from samebytes.release.rules import Rules
from samebytes.source import GitSource
from samebytes.toml import read_toml
from samebytes.wire import Node

_CHECKOUT_HINT = "Give the folder of a git checkout: what is released is a tag in it."

#: How git reaches repositories elsewhere, and what it takes for ssh (git-fetch, "GIT URLS").
_REACHED = ("git", "http", "https", "ssh")
_SHORT = re.compile(r"(?P<host>(?:[^/:@\s]+@)?[A-Za-z0-9._-]+):(?P<path>(?!:).+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The release that is asked for; ``kit`` is whose rules it follows, None for its own."""

    source: GitSource
    tag: str
    name: NormalizedName
    version: Version
    rules: Rules
    kit: str | None

    @property
    def record(self) -> Record:
        """The record of a release where nothing is done yet."""
        checkout = self.source.checkout
        return Record(
            name=self.name,
            version=self.version,
            tag=self.tag,
            commit=self.source.commit,
            project=PurePosixPath(checkout.project),
            checkout=str(checkout.root.resolve()),
            kit=self.kit,
        )

    @property
    def tag_object(self) -> str:
        """The id of the tag itself, which changes with its text and its signature."""
        found = self.source.git.tag_object(self.source.checkout, self.tag)
        return "" if found is None else found.id

    @property
    def source_uri(self) -> str:
        """Where others reach the repository; empty if that is not known."""
        return public_uri(self.source.git.origin(self.source.checkout))

    @property
    def facts(self) -> dict[str, str]:
        """What steps rest on: the same tag of the same commit, and the same rules."""
        return {
            "name": self.name,
            "version": str(self.version),
            "tag": self.tag,
            "commit": self.source.commit,
            "rules": str(self.rules.digest),
        }


def public_uri(origin: str) -> str:
    """The address of a repository as a URI, of the form that SPDX and pip have for it.

    Without passwords, without who asks over http, and without the query. Empty for what only this
    machine can reach, or only a program that git would start.
    """
    short = _SHORT.fullmatch(origin)
    if short is not None and "://" not in origin:
        origin = f"ssh://{short['host']}/{short['path'].lstrip('/')}"
    try:
        parts = urlsplit(origin)
        user, host, port = parts.username, parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _REACHED or not host:
        return ""
    place = f"[{host}]" if ":" in host else host
    place += "" if port is None else f":{port}"
    if parts.scheme == "ssh" and user:
        place = f"{quote(unquote(user), safe='')}@{place}"
    return f"git+{parts.scheme}://{place}{quote(unquote(parts.path), safe='/~+:@!,=')}"


def tagged_source(checkout: Path, tag: str, git: Git) -> GitSource:
    """The commit of a tag; raises UserError where no tag is called so, whatever else is.

    ``tag`` is a name, and no expression that git would find a commit by.
    """
    found = git.checkout_at(checkout, hint=_CHECKOUT_HINT)
    commit = git.tagged_commit(found, tag)
    if commit is None:
        raise UserError(
            f"There is no tag {tag!r} of a commit in {found.root}.",
            hint="What is released has a tag: 'git tag --sign' makes one, 'git fetch --tags' gets "
            "those of others.",
        )
    return GitSource(git=git, checkout=found, commit=commit)


def find_target(checkout: Path, tag: str, kit: str | None, git: Git) -> Target:
    """The release that ``tag`` names in the project at ``checkout``.

    Raises UserError where there is no such tag, where it names no version, or where it is not said
    which project it is.
    """
    source = tagged_source(checkout, tag, git)
    rules = find_rules(kit, source)
    name = _project_name(source, rules)
    version = rules.version_of(tag, name)
    if version is None:
        wanted = f" The rules want {rules.tag!r}." if rules.tag else ""
        raise UserError(
            f"The tag {tag!r} does not name a version of {name}.{wanted}",
            hint="Name the tag of a release, for example --rev v1.0.",
        )
    return Target(source=source, tag=tag, name=name, version=version, rules=rules, kit=kit)


def _project_name(source: GitSource, rules: Rules) -> NormalizedName:
    """As pyproject.toml has it, else as the rules do; where both do, they must agree."""
    path = (source.checkout.project / PYPROJECT).as_posix()
    try:
        document = read_toml(source.git.show(source.checkout, source.commit, path))
    except ValueError as error:
        raise UserError(f"{path} is not TOML: {error}.") from None
    node = Node(document.get("project", {}), "project")
    declared = node["name"].expect(str) if "name" in node.expect(dict) else None
    if declared is not None and not rules.is_for(declared):
        raise UserError(
            f"The rules are for {rules.project}; the project is {declared}.",
            hint="Name another kit, or correct 'project' in the rules.",
        )
    found = declared or rules.project
    if found is None:
        raise UserError(
            f"Which project is it? {PYPROJECT} has no [project] name.",
            hint=f'Add it, or project = "NAME" under [{TABLE}].',
        )
    try:
        return canonicalize_name(found, validate=True)
    except InvalidName as error:
        raise UserError(f"{PYPROJECT}: {error}.") from None
