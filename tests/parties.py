"""A release and all who take part in it: a project, its releaser, others who confirm, an index."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conftest import Command, Result
from keys import GnupgHome, KeyFile, gnupg_home, write_folder
from projects import git, repository
from upload_index import UploadIndex, running

from samebytes.digest import Digest
from samebytes.release.record import RECORD
from samebytes.release.seal import SEALS, Seal

METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 1.0\nSummary: Small\n\nSmall.\n"

#: A project that is its own backend and does something; both archives hold what they should.
BACKEND = '''\
import base64, gzip, hashlib, io, os, tarfile, zipfile

METADATA = """{metadata}"""
TRACKED = ("CHANGES.md", "backend.py", "pyproject.toml", "small/__init__.py")
MOMENT = int(os.environ.get("SOURCE_DATE_EPOCH", 0))

def get_requires_for_build_sdist(settings=None):
    return []

get_requires_for_build_wheel = get_requires_for_build_sdist

def build_sdist(folder, settings=None):
    name = "small-1.0.tar.gz"
    with open(os.path.join(folder, name), "wb") as raw, gzip.GzipFile(
        "", "wb", fileobj=raw, mtime=MOMENT
    ) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        files = {path: open(path, "rb").read() for path in TRACKED if os.path.exists(path)}
        for path, data in (files | {"PKG-INFO": METADATA.encode()}).items():
            member = tarfile.TarInfo("small-1.0/" + path)
            member.size, member.mtime = len(data), MOMENT
            archive.addfile(member, io.BytesIO(data))
    return name

def build_wheel(folder, settings=None, metadata=None):
    name, info = "small-1.0-py3-none-any.whl", "small-1.0.dist-info"
    wheel = "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files = {
        "small/__init__.py": open("small/__init__.py", "rb").read(),
        info + "/METADATA": METADATA.encode(),
        info + "/WHEEL": wheel.encode(),
    }
    lines = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        lines += f"{path},sha256={digest},{len(data)}\\n"
    files[info + "/RECORD"] = (lines + info + "/RECORD,,\\n").encode()
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return name
'''.replace("{metadata}", METADATA)

SMALL: Mapping[str, str] = {
    "pyproject.toml": """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1.0"

[tool.samebytes.release]
tag = "v{version}"

[[tool.samebytes.release.changelog]]
path = "CHANGES.md"
lines = ["## {version}"]

[[tool.samebytes.release.smoke]]
run = ["python", "-c", "import small; print(small.VALUE)"]
""",
    "backend.py": BACKEND,
    "CHANGES.md": "## 1.0\n\nThe first.\n",
    "small/__init__.py": "VALUE = 1\n",
}


@dataclass(frozen=True)
class Person:
    """Somebody with a gpg key of their own, in a home of their own, a clone, and own data."""

    name: str
    home: GnupgHome
    fingerprint: str
    clone: Path
    data: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self.home.path), "XDG_DATA_HOME": str(self.data)}

    def seal(self, out: Path) -> None:
        """Have the record in this folder be one that they wrote."""
        Seal(self.data / "samebytes" / SEALS, out).write({Digest.of_file(out / RECORD)})

    def sign_tag(self, tag: str) -> None:
        """Make, or move, a signed tag of what is checked out."""
        git(
            self.clone,
            *("tag", "--force", "--local-user", self.fingerprint, "--message", tag, tag),
            env=self.environ,
        )


@dataclass(frozen=True)
class Party:
    """anna prepares, bert confirms, ci confirms with a key file; all three are trusted."""

    folder: Path
    anna: Person
    bert: Person
    ci: KeyFile
    index: UploadIndex
    samebytes: Command
    tag: str
    out: Path
    keys: Path
    kit: tuple[str, ...] = ()

    def run(self, *arguments: str | Path, by: Person | None = None) -> Result:
        """A release command, as somebody with gpg, or as a machine that has none."""
        environ = {"XDG_DATA_HOME": str(self.folder / "data" / "ci")} if by is None else by.environ
        environ |= {"TWINE_USERNAME": "anna", "TWINE_PASSWORD": "secret"}
        # As somebody types paths: from where they are.
        typed = [
            each.relative_to(self.folder)
            if isinstance(each, Path) and each.is_relative_to(self.folder)
            else each
            for each in arguments
        ]
        return self.samebytes("release", *typed, cwd=self.folder, env=environ)

    def prepare(self, *arguments: str | Path) -> Result:
        where: tuple[str | Path, ...] = (self.anna.clone, "--rev", self.tag, "-o", self.out)
        options: tuple[str | Path, ...] = ("--trusted-keys", self.keys, *self.kit)
        options += ("--index-url", self.index.simple)
        return self.run("prepare", *where, *options, *arguments, by=self.anna)

    def confirm(self, *arguments: str | Path, by: Person) -> Result:
        return self.run(
            *("confirm", self.out, "--source", by.clone, "--rev", self.tag, *arguments), by=by
        )

    def confirm_in_ci(self, *arguments: str | Path) -> Result:
        """From a clone of its own, with a key in a file."""
        return self.run(
            *("confirm", self.out, "--source", self.ci.path.with_suffix(""), "--rev", self.tag),
            *("--key", f"file:{self.ci.path}", *arguments),
        )

    def publish(self, *arguments: str | Path, threshold: int = 3) -> Result:
        index = ("--repository", self.index.url, "--index-url", self.index.simple)
        trust = ("--threshold", str(threshold), "--trusted-keys", self.keys)
        return self.run("publish", self.out, *trust, *index, *arguments, by=self.anna)

    def status(self, *arguments: str | Path) -> Result:
        return self.run(
            *("status", self.out, "--trusted-keys", self.keys, "--threshold", "3", *arguments)
        )

    def steps(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.out / "release.json").read_text())["steps"]
        return found

    def statement(self, name: str) -> dict[str, Any]:
        """The payload of one of the signed statements, by the beginning of its name."""
        (path,) = (self.out / "statements").glob(f"{name}*.json")
        payload = base64.b64decode(json.loads(path.read_text())["payload"])
        found: dict[str, Any] = json.loads(payload)
        return found

    @contextmanager
    def again(self, folder: Path) -> Iterator[Party]:
        """The same people with a copy of the release in ``folder``, and an index of its own."""
        out = shutil.copytree(self.out, folder / "out")
        self.anna.seal(out)
        with running(folder / "index", "secret") as index:
            yield replace(self, folder=folder, out=out, index=index)


@contextmanager
def prepared_party(base: Path) -> Iterator[Party]:
    """With the small project prepared, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="test-", dir=base) as name:
        folder = Path(name)
        root = repository(folder / "small", SMALL)
        with party(root, folder, Command(base), tag="v1.0") as people:
            assert people.prepare("-q").status == 0
            yield people


@contextmanager
def party(
    repository: Path, folder: Path, samebytes: Command, *, tag: str, kit: tuple[str, ...] = ()
) -> Iterator[Party]:
    """All of them, where ``repository`` is what anna has; the others clone it with her tag."""
    with ExitStack() as stack:
        people = []
        for name, clone in (("anna", repository), ("bert", folder / "bert")):
            home = stack.enter_context(gnupg_home())
            fingerprint = home.make(f"{name} <{name}@example.org>")
            data = folder / "data" / name
            people.append(Person(name, home, fingerprint, clone, data))
        people[0].sign_tag(tag)
        for name in ("bert", "ci"):
            git(folder, "clone", "--quiet", str(repository), str(folder / name))
        ci = KeyFile(folder / "ci.pem").write()
        trusted = {f"{each.name}.asc": each.home.export(each.fingerprint) for each in people}
        yield Party(
            folder=folder,
            anna=people[0],
            bert=people[1],
            ci=ci,
            index=stack.enter_context(running(folder / "index", "secret")),
            samebytes=samebytes,
            tag=tag,
            out=folder / "out",
            keys=write_folder(folder / "keys", trusted | {"ci.pub": ci.public}),
            kit=kit,
        )
