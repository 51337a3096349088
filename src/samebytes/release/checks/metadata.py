"""Whether the artifacts say the right name, version and state, and an index can show their text."""

from __future__ import annotations

import email
import email.policy
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from samebytes.archive.artifact import Form, form_of, read_artifact
from samebytes.archive.limits import Limits
from samebytes.errors import ArtifactError
from samebytes.release.rules import Kind, Rules
from samebytes.release.steps import Result
from samebytes.versions import version_or_none

#: Bytes of a metadata file that are read.
_LARGEST = 8 * 1024**2

_STATUS = "Development Status :: "
#: An index refuses what has a classifier that begins so.
_PRIVATE = "Private ::"

#: Lines of what twine says that are shown.
_SHOWN = 20


def check_metadata(
    artifacts: Sequence[Path], name: NormalizedName, version: Version, rules: Rules
) -> Result:
    """Whether the names of the files and what is in them agree with what is released.

    Raises ArtifactError when a file is damaged.
    """
    problems: list[str] = []
    for path in artifacts:
        problems += _filename_problems(path, name, version)
        texts = _metadata_texts(path)
        if len(texts) != 1:
            problems.append(f"{path.name} has {len(texts)} files with its metadata, instead of 1.")
            continue
        problems += (
            f"{path.name}: {text}" for text in _field_problems(texts[0], name, version, rules)
        )
    if problems:
        return Result(problems=tuple(problems))
    facts = [f"{path.name} is {name} {version}, inside as well" for path in artifacts]
    return Result(facts=tuple(facts))


def _filename_problems(path: Path, name: NormalizedName, version: Version) -> Iterator[str]:
    try:
        if form_of(path) is Form.WHEEL:
            found, its, _, _ = parse_wheel_filename(path.name)
        else:
            found, its = parse_sdist_filename(path.name)
    except (InvalidSdistFilename, InvalidWheelFilename) as error:
        yield f"{path.name} is not named as the standards have it: {error}."
        return
    if (found, its) != (name, version):
        yield (
            f"{path.name} is {found} {its} by its name, but {name} {version} is released: set the "
            "version in the tree to that of the tag, and make the tag anew."
        )


def _metadata_texts(path: Path) -> list[bytes]:
    """The metadata of an artifact: of an sdist PKG-INFO at the top, of a wheel METADATA."""
    is_wheel = form_of(path) is Form.WHEEL

    def is_metadata(member: str) -> bool:
        folder, _, base = member.rpartition("/")
        if not folder or "/" in folder:
            return False
        return (
            base == "METADATA" and folder.endswith(".dist-info")
            if is_wheel
            else (base == "PKG-INFO")
        )

    artifact = read_artifact(path, Limits(), wanted=lambda _, member, __: is_metadata(member))
    numbers = [n for n, member in enumerate(artifact.members) if is_metadata(member.name)]
    if any(artifact.members[number].content.size > _LARGEST for number in numbers):
        raise ArtifactError(f"The metadata in {path.name} is larger than that of any project.")
    return [artifact.kept.get(number, b"") for number in numbers]


def _field_problems(
    text: bytes, name: NormalizedName, version: Version, rules: Rules
) -> Iterator[str]:
    message = email.message_from_bytes(text, policy=email.policy.compat32)
    names, versions = (message.get_all(key, []) for key in ("Name", "Version"))
    if [canonicalize_name(str(each)) for each in names] != [name]:
        yield f"it says the name {_joined(names)}, and is released as {name}."
    if [version_or_none(str(each)) for each in versions] != [version]:
        yield (
            f"it says the version {_joined(versions)}, and the tag {version}: set the version in "
            "the tree to that of the tag, and make the tag anew."
        )
    classifiers = [str(each) for each in message.get_all("Classifier", [])]
    for each in classifiers:
        if each.startswith(_PRIVATE):
            yield f"its classifier {each!r} forbids the upload."
    wanted = rules.classifiers.get(Kind.of(version))
    statuses = [each for each in classifiers if each.startswith(_STATUS)]
    if wanted is not None and statuses != [wanted]:
        yield (
            f"a version such as {version} has the classifier {wanted!r}, and it has "
            f"{_joined(statuses)}: correct it, and make the tag anew."
        )


def _joined(texts: Iterable[object]) -> str:
    return ", ".join(repr(str(text)) for text in texts) or "none"


def check_rendering(artifacts: Sequence[Path]) -> Result:
    """What ``twine check`` says: whether an index can show the description of each."""
    # Here, as it takes a while to load, and no other command needs it.
    from twine.commands.check import check
    from twine.exceptions import TwineException

    facts, problems = [], []
    for path in artifacts:
        with _captured("twine") as said:
            try:
                is_wrong = check([str(path)])
            except (TwineException, ValueError, OSError) as error:
                reason = str(error).replace(str(path), path.name)
                problems.append(f"twine check cannot read {path.name}: {reason}")
                continue
        remarks = "; ".join(said[:_SHOWN])
        if is_wrong:
            problems.append(f"twine check fails for {path.name}: {remarks}")
        else:
            facts.append(f"twine check passes {path.name}{remarks and f': {remarks}'}")
    return Result(facts=tuple(facts), problems=tuple(problems))


class _Kept(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines += [line.strip() for line in record.getMessage().splitlines() if line.strip()]


@contextmanager
def _captured(name: str) -> Iterator[list[str]]:
    """The warnings that a library logs; what it prints besides is its progress, and dropped."""
    lines: list[str] = []
    logger, handler = logging.getLogger(name), _Kept(lines)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield lines
    finally:
        logger.propagate = before
        logger.removeHandler(handler)
