"""Releases as prepare leaves them, made by hand in a moment, and those who confirm them."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

from keys import KeyFile
from packaging.version import Version
from projects import commit, git, repository
from test_recipe import build_info

from samebytes.compare.model import Verdict
from samebytes.digest import Digest
from samebytes.index.client import Index
from samebytes.index.settings import IndexSettings, Limits
from samebytes.process import Runner
from samebytes.recipe import Artifact, BuildInfo, GitRevision, Writer
from samebytes.release.checklist import PUBLICATION
from samebytes.release.folder import ReleaseFolder, open_release
from samebytes.release.publish import Publication, publish
from samebytes.release.record import (
    OUTCOMES,
    RECORD,
    STATEMENTS,
    Record,
    StepRecord,
    checklist_digest,
)
from samebytes.release.seal import Seal
from samebytes.release.signed.keyring import Keyring
from samebytes.release.signed.statement import confirmation, provenance
from samebytes.release.statements import write_statement
from samebytes.release.upload import Repository
from samebytes.request import Workshop

#: By step of a publication.
TITLES = dict(PUBLICATION)

#: Stands for all steps of prepare.
STEPS = (("build", "built"), ("statement", "the provenance is signed"))
PERSONS = ("anna", "bert", "carla")
THEN = datetime(2026, 11, 3, 12, tzinfo=UTC)

#: In a hurry.
QUICK = Limits(tries=2, pause=0.01, deadline=20)


@dataclass
class Told:
    """A reporter that remembers."""

    steps: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def fact(self, label: str, text: str) -> None:
        self.facts.append(f"{label}: {text}")

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def sdist(name: str, version: str, size: int = 100) -> bytes:
    """A source distribution with ``size`` bytes that cannot be compressed."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=packed, mtime=1) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in (("PKG-INFO", _metadata(name, version)), ("noise", _noise(size))):
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size, member.mtime = len(data), 1
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def wheel(name: str, version: str, size: int = 100, code: bytes = b"VALUE = 1\n") -> bytes:
    packed, info = io.BytesIO(), f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/noise": _noise(size),
        f"{info}/METADATA": _metadata(name, version),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    lines = [
        f"{path},sha256={urlsafe_b64encode(sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for path, data in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return packed.getvalue()


def _metadata(name: str, version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()


@cache
def _noise(size: int) -> bytes:
    return b"".join(sha256(str(each).encode()).digest() for each in range(size // 32))


@dataclass
class Place:
    """A repository with a tag for each release, and people with keys, of whom all are trusted."""

    folder: Path

    def __post_init__(self) -> None:
        self.checkout = repository(self.folder / "checkout", {"small.py": "VALUE = 1\n"})
        self.seals = self.folder / "seals"
        self.trusted = self.folder / "keys"
        self.trusted.mkdir()
        self.people = {person: KeyFile(self.folder / f"{person}.pem").write() for person in PERSONS}
        for person in PERSONS:
            self.trust(person)

    def trust(self, person: str) -> None:
        (self.trusted / f"{person}.pub").write_bytes(self.people[person].public)

    def keyring(self) -> Keyring:
        return Keyring.read(self.trusted, Runner(), os.environ)

    def release(self, version: str = "1.0", *, size: int = 100, preparer: str = "anna") -> Release:
        """Prepared, and signed by who prepared it."""
        revision = commit(self.checkout)
        git(self.checkout, "tag", "--annotate", "--message", version, version)
        root = self.folder / f"release-{version}"
        root.mkdir()
        files = {
            f"small-{version}-py3-none-any.whl": wheel("small", version, size),
            f"small-{version}.tar.gz": sdist("small", version, size),
        }
        for name, data in files.items():
            (root / name).write_bytes(data)
        digests = {name: Digest.of(data) for name, data in files.items()}
        info = self._buildinfo(revision, files)
        (root / info.filename).write_text(info.dump())
        digests[info.filename] = Digest.of_file(root / info.filename)
        record = Record(
            name="small",
            version=Version(version),
            tag=version,
            commit=revision,
            project=PurePosixPath("."),
            checkout=str(self.checkout),
            steps=(step("build", digests),),
        )
        return Release(self, root, info).vouch(record, preparer)

    @staticmethod
    def _buildinfo(revision: str, files: Mapping[str, bytes]) -> BuildInfo:
        source = GitRevision(commit=revision, project=PurePosixPath("."))
        artifacts = (
            Artifact(filename=name, digest=Digest.of(data), size=len(data), writer=Writer.SAMEBYTES)
            for name, data in files.items()
        )
        return replace(build_info(source), artifacts=tuple(artifacts))


def step(name: str, files: Mapping[str, Digest], problems: tuple[str, ...] = ()) -> StepRecord:
    return StepRecord(
        id=name, inputs=Digest.of(b""), finished=THEN, seconds=1, files=files, problems=problems
    )


@dataclass(frozen=True)
class Release:
    place: Place
    root: Path
    info: BuildInfo

    @property
    def record(self) -> Record:
        return Record.read(self.root / RECORD)

    @property
    def names(self) -> list[str]:
        return list(self.record.artifacts)

    def vouch(self, record: Record, preparer: str, **byproducts: Digest) -> Release:
        """Have somebody sign how it was built, and which steps are on record; or these instead."""
        signer = self.place.people[preparer].signer
        statement = provenance(
            self.info,
            tag=record.tag,
            source_uri=None,
            builder=signer.verifier,
            started=THEN,
            finished=THEN,
            byproducts=byproducts or {OUTCOMES: checklist_digest(record)},
        )
        name = f"provenance.{signer.keyid[:16]}.json"
        signed = write_statement(self.root, name, signer.sign(statement))
        files = {f"{STATEMENTS}/{name}": Digest.of_file(signed)}
        self.write(record.with_step(step("statement", files)))
        return self

    def write(self, record: Record) -> None:
        """Have this be the record, as this user's own."""
        (self.root / RECORD).write_text(record.dump())
        Seal(self.place.seals, self.root).write({Digest.of_file(self.root / RECORD)})

    def problems(self, name: str) -> tuple[str, ...]:
        found = self.record.step(name)
        return () if found is None else found.problems

    def confirm(
        self, person: str, verdict: Verdict = Verdict.IDENTICAL, *differences: str
    ) -> Release:
        """Have somebody say what came of building it again."""
        signer = self.place.people[person].signer
        statement = confirmation(
            self.record.artifacts,
            name="small",
            version=self.record.version,
            verdict=verdict,
            recipe=self.info.recipe,
            tag=self.record.tag,
            verifier=signer.verifier,
            time=THEN,
            differences=differences,
        )
        write_statement(self.root, f"confirmation.{signer.keyid[:16]}.json", signer.sign(statement))
        return self

    def publish(self, url: str, told: Told | None = None, **options: object) -> bool:
        """Publish it to the index at ``url``, as anna, in this process."""
        with open_release(self.root, seals=self.place.seals) as folder:
            return publish(self.publication(folder, url, told or Told(), **options))

    def publication(
        self, folder: ReleaseFolder, url: str, told: Told, **options: object
    ) -> Publication:
        settings = IndexSettings(index_url=f"{url}simple", limits=QUICK, timeout=10)
        cache = self.place.folder / "cache"
        credentials = {"TWINE_USERNAME": "anna", "TWINE_PASSWORD": "secret"}
        return replace(
            Publication(
                folder=folder,
                prepared=STEPS,
                keyring=self.place.keyring(),
                threshold=2,
                index=Index(settings, cache),
                repository=Repository(name=url, environ=credentials),
                workshop=Workshop(
                    runner=Runner(),
                    environ=os.environ,
                    index=settings,
                    cache=cache,
                    reporter=told,
                    base=self.place.folder,
                ),
                wait=5.0,
            ),
            **options,  # type: ignore[arg-type]
        )
