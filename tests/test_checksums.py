"""Checksum files, checked by the tools that their readers have."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest
from keys import gnupg_home
from packaging.version import Version
from test_release_rules import django

from samebytes.release.checks.checksums import ALGORITHMS, ChecksumFacts, checksum_file
from samebytes.release.rules import ChecksumRules

FACTS = ChecksumFacts(
    name="small",
    version=Version("5.2.19"),
    tag="5.2.19",
    commit="c" * 40,
    date=date(2026, 11, 3),
    key="0123456789abcdef",
    signer="Anna <anna@example.org>",
)


@pytest.fixture
def artifacts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "small-5.2.19.tar.gz", tmp_path / "small-5.2.19-py3-none-any.whl"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def check(tool: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool, "--check", path.name], cwd=path.parent, capture_output=True, text=True
    )


def test_without_rules_it_is_nothing_but_lines(artifacts: list[Path]) -> None:
    name, text = checksum_file(artifacts, ChecksumRules(), FACTS)
    assert name == "SHA256SUMS"
    folder = artifacts[0].parent
    printed = subprocess.run(
        ["sha256sum", *(path.name for path in artifacts)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert text == printed.stdout
    (folder / name).write_text(text)
    done = subprocess.run(["sha256sum", "--check", "--strict", name], cwd=folder)
    assert done.returncode == 0


@pytest.mark.parametrize("tool", ["md5sum", "sha1sum", "sha256sum"])
@pytest.mark.parametrize("is_signed", [False, True])
def test_django_s_own_is_read_by_people_and_tools(
    artifacts: list[Path], tool: str, is_signed: bool
) -> None:
    name, text = checksum_file(artifacts, django().checksums, FACTS)
    assert name == "Django-5.2.19.checksum.txt"
    for fact in ("2026-11-03", "c" * 40, "0123456789abcdef", "Anna <anna@example.org>", name):
        assert fact in text
    path = artifacts[0].parent / name
    path.write_text(text)
    if is_signed:
        with gnupg_home() as home:
            home.make("Anna <anna@example.org>")
            home.gpg("--clearsign", path)
            path = path.with_name(f"{name}.asc")
            home.gpg("--verify", path)
    good = check(tool, path)
    assert good.returncode == 0
    assert good.stdout.splitlines() == [f"{each.name}: OK" for each in artifacts]
    artifacts[1].write_bytes(b"evil")
    assert check(tool, path).returncode == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_its_tool(artifacts: list[Path], algorithm: str) -> None:
    rules = ChecksumRules(template=f"${{{algorithm}}}\n", algorithms=("sha256", algorithm))
    path = artifacts[0].with_name("sums")
    path.write_text(checksum_file(artifacts, rules, FACTS)[1])
    assert check(f"{algorithm}sum", path).returncode == 0


def test_a_template_may_end_without_a_line_s_end(artifacts: list[Path]) -> None:
    rules = ChecksumRules(filename="{name}-{version}", template="$$ $sdist $wheel $sha256")
    name, text = checksum_file(artifacts, rules, FACTS)
    assert name == "{name}-5.2.19"
    assert text.startswith("$ small-5.2.19.tar.gz small-5.2.19-py3-none-any.whl ")
    assert text.endswith(".whl\n")
