"""What is wanted, as an index has it: releases chosen, and what each artifact is kept under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from index_server import (
    NAME,
    SDIST,
    SHA256,
    VERSION,
    WHEEL,
    Server,
    entry,
    index,
    running,
    status,
)
from packaging.version import Version

from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UnreachableError, UserError
from samebytes.fleet.inputs.wanted import Versions, Wanted
from samebytes.fleet.plan import Planned, plan
from samebytes.index.client import Index
from samebytes.index.listing import IndexFile
from samebytes.infer.candidates import VERSION as RULES

LATEST, EVERY = Versions(), Versions(only_latest=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Index:
    return index(server.url, tmp_path)


def project(versions: Versions = LATEST, rank: int | None = None) -> Wanted:
    return Wanted(name=NAME, versions=versions, rank=rank, origin="a test")


def release(version: str, *digests: str) -> Wanted:
    chosen = frozenset(map(Digest, digests))
    return Wanted(name=NAME, version=Version(version), digests=chosen, origin="a test")


def both(version: str, **facts: object) -> list[dict[str, object]]:
    names = (f"small-{version}.tar.gz", f"small-{version}-py3-none-any.whl")
    return [entry(name, **facts) for name in names]


def versions(planned: Planned) -> list[str]:
    return [str(job.artifact.version) for job in planned.jobs]


class TestArtifacts:
    def test_are_known_by_name_and_digest(self, server: Server, client: Index) -> None:
        server.show([entry(SDIST), entry(WHEEL, yanked="broken")])
        (job,) = plan(project(rank=3), client).jobs
        assert (job.artifact.filename, str(job.artifact.digest)) == (WHEEL, SHA256)
        assert (job.artifact.project, job.artifact.version) == (NAME, VERSION)
        assert job.artifact.uploaded == datetime(2026, 11, 3, 1, 2, 3, tzinfo=UTC)
        assert (job.artifact.yanked, job.artifact.rank) == ("broken", 3)
        assert (job.key.source, job.key.inference, job.key.yanked) == (SHA256, RULES, "broken")
        assert job.task.filename == WHEEL
        assert isinstance(job.task.source, IndexFile)

    def test_are_other_ones_when_yanked(self, server: Server, client: Index) -> None:
        server.show(both("1.0"))
        (before,) = plan(project(), client).jobs
        server.show(both("1.0", yanked=""))
        (after,) = plan(project(), client).jobs
        assert (before.key.yanked, after.key.yanked) == (None, "")
        assert replace(after.key, yanked=None) == before.key

    def test_without_an_sdist_have_no_source(self, server: Server, client: Index) -> None:
        server.show([entry(WHEEL)])
        (job,) = plan(project(), client).jobs
        assert (job.task.source, job.key.source) == (None, "")

    @pytest.mark.parametrize("without", [SDIST, WHEEL])
    def test_without_a_hash_are_a_gap(self, server: Server, client: Index, without: str) -> None:
        server.show([entry(each, **({"hashes": {}} if each == without else {}))
                     for each in (SDIST, WHEEL)])  # fmt: skip
        planned = plan(project(), client)
        assert planned.jobs == ()
        (skipped,) = planned.skipped
        assert (skipped.filename, skipped.is_entry) == (WHEEL, True)
        assert "no SHA-256" in skipped.reason

    def test_for_other_machines_are_none(self, server: Server, client: Index) -> None:
        server.show([entry(SDIST), entry("small-1.0-cp38-cp38-win_amd64.whl")])
        planned = plan(project(), client)
        assert planned.jobs == ()
        assert [each.is_entry for each in planned.skipped] == [False, False]

    def test_that_an_installer_would_build_are_a_gap(self, server: Server, client: Index) -> None:
        server.show([entry(SDIST)])
        planned = plan(release("1.0", SHA256), client)
        assert [each.is_entry for each in planned.skipped] == [True]


class TestReleases:
    def test_of_a_lock_have_its_hashes(self, server: Server, client: Index) -> None:
        absent = "0" * 64
        planned = plan(release("1.0", SHA256, absent), client)
        assert versions(planned) == ["1.0"]
        assert [str(each.digest) for each in planned.unmatched] == [absent]
        with pytest.raises(ArtifactError, match="has a hash that the lock file names"):
            plan(release("1.0", absent), client)

    def test_the_latest_is_what_pip_would_take(self, server: Server, client: Index) -> None:
        server.show([*both("1.0"), *both("1.10"), *both("1.9"), *both("2.0rc1"),
                     *both("3.0", yanked="")])  # fmt: skip
        assert versions(plan(project(), client)) == ["1.10"]

    @pytest.mark.parametrize(
        ("files", "latest"),
        [
            ([*both("1.0a1"), *both("1.0a2")], "1.0a2"),
            ([*both("1.0", yanked=""), *both("2.0", yanked="")], "2.0"),
            ([*both("1.0", yanked=""), *both("0.9b1")], "0.9b1"),
            ([entry("small-2.0.tar.gz"), *both("1.0")], None),
        ],
    )
    def test_the_latest_where_there_is_no_good_one(
        self, server: Server, client: Index, files: list[dict[str, object]], latest: str | None
    ) -> None:
        server.show(files)
        assert versions(plan(project(), client)) == ([latest] if latest else [])

    def test_all_of_them_the_newest_first(self, server: Server, client: Index) -> None:
        server.show([*both("1.9"), *both("2.0rc1"), *both("1.10", yanked="no"), entry("x")])
        assert versions(plan(project(EVERY), client)) == ["2.0rc1", "1.10", "1.9"]
        assert server.paths() == ["/simple/small/"]

    def test_since_a_day(self, server: Server, client: Index) -> None:
        old, new = "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"
        server.show([*both("1.0", upload_time=old), entry("small-1.0-cp38-cp38-win32.whl",
                     upload_time=new), *both("1.1", upload_time=new),
                     *both("0.9", upload_time=old)])  # fmt: skip
        since = Versions.read("since:2026-01-01")
        assert versions(plan(project(since), client)) == ["1.1", "1.0"]
        assert plan(project(Versions.read("since:2026-02-01")), client) == Planned(jobs=())

    def test_since_a_day_that_nobody_knows(self, server: Server, client: Index) -> None:
        server.show(both("1.0", upload_time=None))
        with pytest.raises(UserError, match="does not say when files of small were uploaded") as no:
            plan(project(Versions.read("since:2026-01-01")), client)
        assert "--versions latest" in no.value.hint

    def test_that_are_not_there(self, server: Server, client: Index) -> None:
        with pytest.raises(UserError, match=r"There is no release of small 9\.0"):
            plan(release("9.0"), client)
        server.show([entry("other-1.0.tar.gz")])
        with pytest.raises(UserError, match="There is no sdist or wheel of small"):
            plan(project(), client)
        del server.pages["/simple/small/"]
        with pytest.raises(UserError, match="There is no sdist or wheel of small"):
            plan(project(), client)

    def test_of_an_index_that_is_away(self, server: Server, client: Index) -> None:
        server.page_faults += [status(503)] * 5
        with pytest.raises(UnreachableError):
            plan(project(), client)


class TestSeveralIndexes:
    def test_each_release_is_of_the_first_that_has_any(
        self, server: Server, tmp_path: Path
    ) -> None:
        """As ``release`` has it; pip, too, looks at all that there is."""
        with running() as second:
            server.show([entry("small-1.0.tar.gz"), *both("1.1")])
            second.show([*both("1.0"), *both("2.0")])
            client = index(server.url, tmp_path)
            client = replace(
                client, settings=replace(client.settings, extra_index_urls=(second.url,))
            )
            found = client.releases(NAME)
            assert [*map(str, found)] == ["2.0", "1.1", "1.0"]
            assert {v: {file.index for file in files} for v, files in found.items()} == {
                Version("2.0"): {second.url},
                Version("1.1"): {server.url},
                Version("1.0"): {server.url},
            }
            assert all(client.release(NAME, version) == files for version, files in found.items())

    def test_one_that_does_not_have_it(self, server: Server, tmp_path: Path) -> None:
        with running() as second:
            del second.pages["/simple/small/"]
            client = index(second.url, tmp_path)
            client = replace(
                client, settings=replace(client.settings, extra_index_urls=(server.url,))
            )
            assert versions(plan(project(), client)) == ["1.0"]


class TestOffline:
    def test_it_is_as_it_was(self, server: Server, client: Index) -> None:
        found = plan(project(EVERY), client)
        offline = replace(client, settings=replace(client.settings, offline=True))
        server.page_faults += [status(404)] * 5
        assert plan(project(EVERY), offline) == found

    def test_nothing_is_known(self, server: Server, client: Index) -> None:
        offline = replace(client, settings=replace(client.settings, offline=True))
        with pytest.raises(UserError, match="does not know what releases small has") as caught:
            plan(project(), offline)
        assert "without --offline" in caught.value.hint

    @pytest.mark.parametrize("damage", [b"", b"no", b"\x1f\x8b\x08"])
    def test_it_is_damaged(
        self, server: Server, client: Index, tmp_path: Path, damage: bytes
    ) -> None:
        plan(project(), client)
        for path in tmp_path.glob("releases/*"):
            path.write_bytes(damage)
        offline = replace(client, settings=replace(client.settings, offline=True))
        with pytest.raises(UserError, match="does not know"):
            plan(project(), offline)
