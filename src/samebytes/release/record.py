"""What a release has come to, as ``release.json`` holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from packaging.version import Version

from samebytes import __version__
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.recipe import FILENAME, full_commit
from samebytes.wire import Node, dump_document

VERSION = 1
RECORD = "release.json"

#: Folders in which a release has files, besides its own.
STATEMENTS = "statements"

#: What the digest of their outcomes is called, where the preparer signs for it.
OUTCOMES = f"{RECORD}#steps"

#: The steps whose outcomes the preparer signs for, in their order.
SIGNED_FOR = (
    *("tag", "tree", "changelog", "index"),
    *("build", "check", "metadata", "twine", "contents", "wheel", "sdist"),
    *("checksums", "signature"),
)

#: How the files end that a step has written, once it is done: one of each.
_ENDS = {"build": (".buildinfo.json", ".tar.gz", ".whl"), "checksums": ("",)}

#: A year in milliseconds: no step takes longer.
_LONGEST = 366 * 24 * 3600 * 1000
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The outcome of a step: done, unless there are ``problems``.

    ``inputs`` is the digest of all that it rests on, ``files`` are those that it wrote, by their
    names in the release's folder; ``seconds`` is how long it took.
    """

    id: str
    inputs: Digest
    finished: datetime
    seconds: float
    files: Mapping[str, Digest] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        return not self.problems

    @property
    def started(self) -> datetime:
        return self.finished - timedelta(seconds=round(self.seconds))

    def to_dict(self) -> dict[str, object]:
        return {
            "id": self.id,
            "state": "done" if self.is_done else "failed",
            "inputs": str(self.inputs),
            "files": {name: str(digest) for name, digest in self.files.items()},
            "facts": list(self.facts),
            "problems": list(self.problems),
            "finished": self.finished.isoformat(),
            "milliseconds": round(self.seconds * 1000),
        }

    @classmethod
    def from_node(cls, node: Node) -> StepRecord:
        return cls(
            id=node["id"].expect(str),
            inputs=node["inputs"].parse(Digest),
            finished=node["finished"].parse(_moment),
            seconds=_milliseconds(node["milliseconds"]) / 1000,
            files={_name(key, node): each.parse(Digest) for key, each in node["files"].items()},
            facts=tuple(each.expect(str) for each in node["facts"]),
            problems=tuple(each.expect(str) for each in node["problems"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``project`` is where the project lies in the repository; ``checkout`` is the repository on
    the machine where the release was prepared, ``kit`` whose rules it follows, if any.
    ``arguments`` are what else was said on the command line, for the next time.
    """

    name: str
    version: Version
    tag: str
    commit: str
    project: PurePosixPath
    checkout: str
    kit: str | None = None
    arguments: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()

    def step(self, name: str) -> StepRecord | None:
        return next((step for step in self.steps if step.id == name), None)

    def with_step(self, record: StepRecord) -> Record:
        """With this outcome in place of an earlier one of the same step."""
        if self.step(record.id) is None:
            return replace(self, steps=(*self.steps, record))
        steps = tuple(record if step.id == record.id else step for step in self.steps)
        return replace(self, steps=steps)

    @property
    def files(self) -> dict[str, Digest]:
        """All files that the steps wrote, by their names in the release's folder."""
        return {name: digest for step in self.steps for name, digest in step.files.items()}

    @property
    def artifacts(self) -> dict[str, Digest]:
        """The sdist and the wheel, as they were built; empty before that."""
        build = self.step("build")
        files = build.files if build is not None else {}
        return {name: files[name] for name in files if name.endswith((".tar.gz", ".whl"))}

    @property
    def buildinfo(self) -> str | None:
        """The name of the file with the recipe."""
        build = self.step("build")
        names = build.files if build is not None else {}
        return next((name for name in names if name.endswith(".buildinfo.json")), None)

    def to_dict(self) -> dict[str, object]:
        return {
            "version": VERSION,
            "tool": f"samebytes {__version__}",
            "name": self.name,
            "release": str(self.version),
            "tag": self.tag,
            "commit": self.commit,
            "project": str(self.project),
            "checkout": self.checkout,
            "kit": self.kit,
            "arguments": list(self.arguments),
            "steps": [step.to_dict() for step in self.steps],
        }

    def dump(self) -> str:
        return dump_document(self.to_dict())

    @classmethod
    def from_node(cls, node: Node) -> Record:
        if node["version"].expect(int) != VERSION:
            raise node["version"].error(f"version {node['version'].value} is not known")
        kit = node["kit"]
        steps = tuple(StepRecord.from_node(each) for each in node["steps"])
        _check_steps(node["steps"], steps)
        return cls(
            name=node["name"].expect(str),
            version=node["release"].parse(Version),
            tag=node["tag"].expect(str),
            commit=node["commit"].parse(full_commit),
            project=PurePosixPath(node["project"].expect(str)),
            checkout=node["checkout"].expect(str),
            kit=None if kit.value is None else kit.expect(str),
            arguments=tuple(each.expect(str) for each in node["arguments"]),
            steps=steps,
        )

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record; raises UserError that names the file and the path of what is wrong."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"There is no file {path}.") from None
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Record:
        """The record that was read from a file; raises UserError as ``read`` does."""
        try:
            return cls.from_node(Node(json.loads(data.decode())))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} is not a JSON document: {error}.") from None
        except UserError as error:
            message = f"{path} is not the record of a release: {error.message}"
            raise UserError(message, hint=error.hint) from None


def checklist_digest(record: Record) -> Digest:
    """The digest of what came of all that the preparer signs for, up to the signature itself.

    That is the SHA-256 of an array, as JSON in UTF-8 without spaces and with sorted keys: in the
    order of ``SIGNED_FOR``, the ``id``, ``inputs``, ``facts`` and ``files`` of each step that there
    is, as in ``release.json``.
    """
    steps = filter(None, map(record.step, SIGNED_FOR))
    documents = (step.to_dict() for step in steps)
    outcomes = [
        {key: document[key] for key in ("id", "inputs", "facts", "files")} for document in documents
    ]
    text = json.dumps(outcomes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Digest.of(text.encode())


def _check_steps(node: Node, steps: Sequence[StepRecord]) -> None:
    """Raises UserError for what no step leaves behind."""
    ids, files = set[str](), set[str]()
    for each, step in zip(node, steps, strict=True):
        if step.id in ids:
            raise each["id"].error(f"the step {step.id!r} is there twice")
        if twice := sorted(files & step.files.keys()):
            raise each["files"].error(f"{twice[0]} is of another step already")
        if step.is_done and step.id in _ENDS and not _are_of(step.id, list(step.files)):
            kinds = ", ".join(f"*{end}" for end in _ENDS[step.id])
            raise each["files"].error(f"not what the step {step.id!r} writes, one each of {kinds}")
        ids.add(step.id)
        files |= step.files.keys()


def _are_of(step: str, names: Sequence[str]) -> bool:
    ends = _ENDS[step]
    return len(names) == len(ends) and all(
        sum(name.endswith(end) for name in names) == 1 for end in ends
    )


def _milliseconds(node: Node) -> int:
    number = node.expect(int)
    if not 0 <= number <= _LONGEST:
        raise node.error("no step takes so long")
    return number


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without its offset from UTC: {text!r}")
    if not 1970 < moment.year < 9999:  # there is a day before, and one after
        raise ValueError(f"not when anything was released: {text!r}")
    return moment


def _name(text: str, node: Node) -> str:
    """A file of the release: in its folder, or in the one for statements."""
    name = text.removeprefix(f"{STATEMENTS}/")
    if (
        not FILENAME.fullmatch(name)
        or len(name) > _LONGEST_NAME
        or text in (RECORD, STATEMENTS)  # these are ours
    ):
        raise node["files"].error(f"not the name of a file of a release: {text!r}")
    return text
