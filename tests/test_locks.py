"""Lock files of each format: as their tools write them, and as nobody should."""

from __future__ import annotations

import subprocess
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from uv import find_uv_bin

from samebytes.digest import Digest
from samebytes.errors import SamebytesError, UserError
from samebytes.fleet.inputs import requirements
from samebytes.fleet.inputs.entries import MAX_SIZE, Ignored, Lock, Locked
from samebytes.fleet.inputs.locks import read_lock

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
PIN = f"small==1.0 --hash=sha256:{ONE}"


def lock(folder: Path, text: str, name: str = "requirements.txt") -> Lock:
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    return read_lock(path)


def found(lock: Lock) -> list[tuple[str, set[Digest]]]:
    return [(str(entry), set(entry.digests)) for entry in lock.entries]


def skipped(lock: Lock) -> list[tuple[str, str]]:
    return [(entry.what, entry.reason) for entry in lock.skipped]


# requirements.txt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\ufeffsmall==1.0\r\n", [("small==1.0", set())]),
        (PIN, [("small==1.0", {ONE})]),
        (f"{PIN} --hash sha256:{TWO}", [("small==1.0", {ONE, TWO})]),
        (f"small==1.0 --hash=sha256:{str(ONE).upper()}", [("small==1.0", {ONE})]),
        (f"{PIN} --hash=sha512:00", [("small==1.0", {ONE})]),
        (f"small==1.0 \\\n  --hash=sha256:{ONE} \\\n  --hash=sha256:{TWO}\n  # via big\n",
         [("small==1.0", {ONE, TWO})]),
        ("small==1.0 \\\n# a comment ends the line \\\nother==2\n",
         [("small==1.0", set()), ("other==2", set())]),
        ("small==1.0 # why\n#other==2\n", [("small==1.0", set())]),
        ("# hidden behind a comment\u2028other==2", [("other==2", set())]),
        ("small==1.0 \\", [("small==1.0", set())]),
        ("Small.Name[a,b] == 1.0.0 ; python_version < '3'", [("small-name==1.0.0", set())]),
        ("small (==1.0)", [("small==1.0", set())]),
        ("small==1!2.0.post1+cu118", [("small==1!2.0.post1+cu118", set())]),
        (f"{PIN}\nother==2\nsmall==1.0.0 --hash=sha256:{TWO}",
         [("small==1.0", {ONE, TWO}), ("other==2", set())]),
        ("small==1.0;python_version<'3'\nsmall==2.0",
         [("small==1.0", set()), ("small==2.0", set())]),
    ],
)  # fmt: skip
def test_requirements(tmp_path: Path, text: str, expected: list[tuple[str, set[Digest]]]) -> None:
    result = lock(tmp_path, text)
    assert found(result) == expected
    assert (result.skipped, result.ignored) == ((), ())


def test_origin_is_the_first_line_of_an_entry(tmp_path: Path) -> None:
    result = lock(tmp_path, f"# locked\n\nsmall==1.0 \\\n  --hash=sha256:{ONE}\nother==2\n")
    path = tmp_path / "requirements.txt"
    assert result.entries == (
        Locked(
            name=canonicalize_name("small"),
            version=Version("1.0"),
            digests=frozenset({ONE}),
            origin=f"{path}, line 3",
        ),
        Locked(
            name=canonicalize_name("other"),
            version=Version("2"),
            digests=frozenset(),
            origin=f"{path}, line 5",
        ),
    )


@pytest.mark.parametrize(
    ("text", "what", "reason"),
    [
        ("small", "small", "it is not pinned with ==VERSION"),
        ("small>=1", "small>=1", "it is not pinned with ==VERSION"),
        ("small==1.*", "small==1.*", "it is not pinned with ==VERSION"),
        ("small===1.0", "small===1.0", "it is not pinned with ==VERSION"),
        ("small==1.0,>=0.9", "small==1.0,>=0.9", "it is not pinned with ==VERSION"),
        ("small==1.0,==2.0", "small==1.0,==2.0", "it is not pinned with ==VERSION"),
        ("small==${VERSION}", "small==${VERSION}", "it names an environment variable"),
        ("-e .", ".", "it is an editable project"),
        ("--editable=git+https://u:secret@files.example/x#egg=x",
         "git+https://files.example/x#egg=x", "it is an editable project"),
        ("./local", "./local", "it is a file, a folder or a URL"),
        ("folder/project ; python_version < '3'", "folder/project ; python_version < '3'",
         "it is a file, a folder or a URL"),
        ("small-1.0-py3-none-any.whl --hash=sha256:x", "small-1.0-py3-none-any.whl",
         "it is a file, a folder or a URL"),
        ("https://u:secret@files.example/small-1.0.zip", "https://files.example/small-1.0.zip",
         "it is a file, a folder or a URL"),
        ("small @ https://u:secret@files.example/small.zip", "small", "it comes from a URL"),
        ("small==1.0 --hash=sha512:00", "small==1.0", "none of its hashes is a SHA-256"),
        ("-r https://u:secret@files.example/r.txt", "https://files.example/r.txt",
         "files at an address are not fetched"),
        ("./" + "x" * 200, "./" + "x" * 97 + "…", "it is a file, a folder or a URL"),
    ],
)  # fmt: skip
def test_what_cannot_be_audited(tmp_path: Path, text: str, what: str, reason: str) -> None:
    result = lock(tmp_path, f"other==2\n{text}\n")
    assert skipped(result) == [(what, reason)]
    assert result.skipped[0].origin.endswith("requirements.txt, line 2")
    assert found(result) == [("other==2", set())]


def test_options_are_told_without_their_values(tmp_path: Path) -> None:
    text = (
        "--index-url https://u:secret@files.example/simple\n"
        "-ihttps://u:secret@files.example/simple --pre\n"
        "--no-binary :all:\n-c other.txt\n"
        f"{PIN} --config-settings=a=b\n"
    )
    result = lock(tmp_path, text)
    path = tmp_path / "requirements.txt"
    assert result.ignored == tuple(
        Ignored(option=option, origin=f"{path}, line {line}")
        for option, line in [
            ("--index-url", 1),
            ("-i", 2),
            ("--pre", 2),
            ("--no-binary", 3),
            ("-c", 4),
            ("--config-settings", 5),
        ]
    )
    assert found(result) == [("small==1.0", {ONE})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small==", "line 2: 'small==': "),
        ("small==banana", "line 2: 'small==banana': "),
        (f"small=={'9' * 4090}", "line 2: "),
        (f"small=={'9' * 5000}", "line 2: .*too long for a requirement"),
        ("small==1 ; " + "(" * 4000, "line 2: "),
        ("small==1.0 --hash=sha256:abc", "line 2: 'small==1.0': not a SHA-256"),
        ("-r 'unclosed", "line 2: No closing quotation"),
        ("-r missing.txt", "line 2: there is no file .*missing.txt"),
        ("-r .", "line 2: there is no file"),
        ("-r", "line 2: there is no file"),
        ("-r a\0b", "line 2: there is no file"),
        ("-r " + "a" * 5000, "line 2: there is no file"),
        ("-r /dev/null", "line 2: there is no file"),
        ("<!DOCTYPE html>", "line 2: '<!DOCTYPE html>': "),
        ("{", "line 2: '{': "),
        (f"small==1.0 {'x' * (1024 * 1024)}", "line 2: the line is too long"),
    ],
)  # fmt: skip
def test_what_pip_does_not_read_either(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=r"requirements\.txt, " + message) as raised:
        lock(tmp_path, f"\n{text}")
    assert len(raised.value.message) < 500


def test_included_files(tmp_path: Path) -> None:
    """Relative to the file that includes them; each once, whatever way leads there."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/base.txt").write_text("-r ../requirements.txt\n-r more.in\nbase==1\n")
    (tmp_path / "sub/more.in").write_text("more==1\n-r ../sub/base.txt\n")
    result = lock(tmp_path, "-r sub/base.txt\n-rsub/more.in --requirement=sub/more.in\nlast==1\n")
    assert [str(entry) for entry in result.entries] == ["more==1", "base==1", "last==1"]
    assert result.entries[0].origin == f"{tmp_path}/sub/../sub/more.in, line 1".replace(
        "/../sub", ""
    )


def test_included_files_have_bounds(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"deep{number}.txt").write_text(f"-r deep{number + 1}.txt\n")
        (tmp_path / f"wide{number}.txt").write_text("")
    with pytest.raises(UserError, match=r"deep19\.txt, line 1: too many files"):
        lock(tmp_path, "-r deep0.txt")
    for number in range(30, 120):
        (tmp_path / f"wide{number}.txt").write_text("")
    with pytest.raises(UserError, match="line 100: too many files"):
        lock(tmp_path, "\n".join(f"-r wide{number}.txt" for number in range(120)))


def test_entries_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "MAX_FOUND", 3)
    with pytest.raises(UserError, match="line 4: there are more than 3 entries"):
        lock(tmp_path, "a==1\nb\n--pre\nc==1\n")


# pylock.toml

PYLOCK = """
lock-version = "1.0"
created-by = "somebody"

[[packages]]
name = "small"
version = "1.0"
marker = "python_version < '3'"
{files}
"""
SDIST = 'sdist = {{ url = "https://files.example/small-1.0.tar.gz", hashes = {{ {} }} }}'
WHEEL = '{{ url = "https://files.example/small-1.0-py3-none-any.whl", hashes = {{ {} }} }}'


def pylock(*, sdist: str = "", wheels: tuple[str, ...] = ()) -> str:
    lines = [SDIST.format(sdist)] if sdist else []
    if wheels:
        lines.append(f"wheels = [{', '.join(WHEEL.format(wheel) for wheel in wheels)}]")
    return PYLOCK.format(files="\n".join(lines))


def test_pylock(tmp_path: Path) -> None:
    text = pylock(sdist=f'sha256 = "{ONE}"', wheels=(f'sha256 = "{TWO}", sha512 = "00"',))
    for name in ("pylock.toml", "pylock.prod.toml", "lock"):
        result = lock(tmp_path, text, name)
        assert found(result) == [("small==1.0", {ONE, TWO})]
        assert result.entries[0].origin == f"{tmp_path / name}, packages[0]"


def test_pylock_without_a_known_hash(tmp_path: Path) -> None:
    result = lock(tmp_path, pylock(sdist='sha512 = "00"'), "pylock.toml")
    assert skipped(result) == [("small==1.0", "none of its hashes is a SHA-256")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('vcs = { type = "git", url = "https://files.example/small", commit-id = "a" }',
         "it comes from a repository"),
        ('directory = { path = "." }', "it comes from a folder"),
        ('archive = { path = "x.zip", hashes = { sha256 = "x" } }',
         "it comes from an archive of its own"),
    ],
)  # fmt: skip
def test_pylock_packages_from_elsewhere(tmp_path: Path, line: str, reason: str) -> None:
    assert skipped(lock(tmp_path, PYLOCK.format(files=line), "pylock.toml")) == [("small", reason)]


def test_pylock_without_a_version(tmp_path: Path) -> None:
    text = pylock(sdist=f'sha256 = "{ONE}"').replace('version = "1.0"\nm', "m")
    assert skipped(lock(tmp_path, text, "pylock.toml")) == [("small", "the lock names no version")]


GOOD_PYLOCK = pylock(sdist=f'sha256 = "{ONE}"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lock-version: "),
        ("[[packages]", r"\(at line 1, column 11\)"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "9" * 100_000, "Exceeds the limit"),
        (GOOD_PYLOCK.replace('lock-version = "1.0"', 'lock-version = "2.0"'), "2.0 is not supp"),
        (GOOD_PYLOCK.replace('"small"', '"Small"'), r"packages\[0\]\.name: "),
        (GOOD_PYLOCK.replace('version = "1.0"\nm', 'version = "x"\nm'), r"packages\[0\]\.version"),
        (GOOD_PYLOCK.replace(str(ONE), "abc"), r"packages\[0\]: not a SHA-256"),
        (GOOD_PYLOCK.replace("marker = ", "marker = 1 #"), r"packages\[0\]\.marker: "),
        (PYLOCK.format(files=""), r"packages\[0\]: "),
    ],
)  # fmt: skip
def test_pylock_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"pylock.toml is not a lock file: .*{message}"):
        lock(tmp_path, text, "pylock.toml")


# uv.lock

UV = f"""
version = 1
revision = 3

[[package]]
name = "small"
version = "1.0"
source = {{ registry = "https://files.example/simple" }}
sdist = {{ url = "https://files.example/small-1.0.tar.gz", hash = "sha256:{ONE}" }}
wheels = [
    {{ url = "https://files.example/small-1.0-py3-none-any.whl", hash = "sha256:{TWO}" }},
    {{ url = "https://files.example/small-1.0-cp311-cp311-win32.whl" }},
]
"""


def test_uv(tmp_path: Path) -> None:
    for name in ("uv.lock", "other.lock"):
        result = lock(tmp_path, UV, name)
        assert found(result) == [("small==1.0", {ONE, TWO})]
        assert result.entries[0].origin == f"{tmp_path / name}, package[0]"


def test_uv_without_files(tmp_path: Path) -> None:
    assert found(lock(tmp_path, UV[: UV.index("sdist")], "uv.lock")) == [("small==1.0", set())]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("virtual", "it is the project itself"),
        ("editable", "it is an editable project"),
        ("directory", "it comes from a folder"),
        ("path", "it comes from a file"),
        ("git", "it comes from a repository"),
        ("url", "it comes from a URL"),
        ("carrier-pigeon", "its source is of a kind that is not known"),
    ],
)
def test_uv_packages_from_elsewhere(tmp_path: Path, kind: str, reason: str) -> None:
    text = UV.replace("registry =", f"{kind} =").replace('version = "1.0"\n', "")
    assert skipped(lock(tmp_path, text, "uv.lock")) == [("small", reason)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = 2", "version: 2 is not known"),
        ("version = 1\n", "", "'version' is missing"),
        ("[[package]]", "[[other]]", "'package' is missing"),
        ('"small"', '"-r"', r"package\[0\]\.name: "),
        ('version = "1.0"', 'version = "x"', r"package\[0\]\.version: "),
        ('version = "1.0"', "version = 1.0", r"package\[0\]\.version: expected a string"),
        ('version = "1.0"', f'version = "{"9" * 5000}"', r"package\[0\]\.version: Exceeds"),
        ('{ registry = "https://files.example/simple" }', '"x"', r"package\[0\]\.source: "),
        (f"sha256:{ONE}", "sha256:abc", r"package\[0\]: not a SHA-256"),
        ("wheels = [", "wheels = [1, ", r"package\[0\]\.wheels\[0\]: expected an object"),
    ],
)  # fmt: skip
def test_uv_that_is_none(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=f"uv.lock is not a lock file: .*{message}"):
        lock(tmp_path, UV.replace(old, new, 1), "uv.lock")


def test_lock_of_another_tool(tmp_path: Path) -> None:
    text = '[[package]]\nname = "small"\nversion = "1.0"\n[metadata]\nlock-version = "2.1"\n'
    with pytest.raises(UserError, match=r"poetry\.lock is not a lock file") as raised:
        lock(tmp_path, text, "poetry.lock")
    assert "export" in raised.value.hint


# As uv writes them


def test_what_uv_writes(tmp_path: Path) -> None:
    """The three formats, from an index in a folder, say the same."""
    expected = [("big==1.0", {release(tmp_path, "big", "Requires-Dist: small\n")})]
    expected.append(("small==1.0", {release(tmp_path, "small")}))
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "project"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["big"]\n[build-system]\nrequires = []\nbuild-backend = "x"\n'
    )
    uv(tmp_path, "lock")
    uv(tmp_path, "export", "--format=requirements-txt", "--emit-index-url", "-o", "locked.txt")
    uv(tmp_path, "export", "--format=pylock.toml", "--output-file=pylock.toml")
    for name, project in (("uv.lock", "project"), ("locked.txt", "."), ("pylock.toml", "project")):
        result = read_lock(tmp_path / name)
        assert found(result) == expected
        assert [entry.what for entry in result.skipped] == [project]
        assert {option.option for option in result.ignored} <= {"--index-url"}


def release(folder: Path, name: str, needs: str = "") -> Digest:
    """Put a wheel on an index in ``simple``; returns its digest."""
    path = folder / "simple" / name / f"{name}-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as wheel:
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", head + needs)
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    digest = Digest.of_file(path)
    link = f'<a href="{path.name}#sha256={digest}">{path.name}</a>'
    (path.parent / "index.html").write_text(link)
    return digest


def uv(folder: Path, command: str, *arguments: str) -> None:
    index = (folder / "simple").as_uri()
    options = ("--offline", "--no-config", "--quiet", f"--cache-dir={folder / 'cache'}")
    subprocess.run(
        [find_uv_bin(), command, f"--default-index={index}", *options, *arguments],
        cwd=folder,
        check=True,
    )


# Any file


@pytest.mark.parametrize("name", ["requirements.txt", "pylock.toml", "uv.lock", "lock"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n\n\xff\n", "line 3: this is not UTF-8"),
        ("small==1.0\n".encode("utf-16"), "line 1: this is not UTF-8"),
        (b"#" * (MAX_SIZE + 1), f"more than {MAX_SIZE} bytes"),
    ],
)
def test_files_that_are_not_read(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        read_lock(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "Is a directory"),
        (tmp_path / "x", "There is no file"),
        (tmp_path / "x\0", "null byte"),
        (Path("/dev/zero"), "more than"),
    ):
        with pytest.raises(UserError, match=message):
            read_lock(path)


def test_locks_are_joined(tmp_path: Path) -> None:
    one = lock(tmp_path, f"{PIN}\n-e .\n", "one.txt")
    two = lock(tmp_path, f"--pre\nsmall==1.0 --hash=sha256:{TWO}\nother==2\n", "two.txt")
    both = Lock.joined([one, two])
    assert found(both) == [("small==1.0", {ONE, TWO}), ("other==2", set())]
    assert both.entries[0].origin == f"{tmp_path / 'one.txt'}, line 1"
    assert (both.skipped, both.ignored) == (one.skipped, two.ignored)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        " " * MAX_SIZE,
        "a\\\n" * 500_000,
        "#" * MAX_SIZE,
        " #" * (MAX_SIZE // 2),
        "--pre '" + " x" * 500_000 + "'",
        f"--pre '{'x' * 65_000}'\n" * 10,
        "small==1 " + "-x " * 300_000,
    ],
)
def test_large_files_take_no_longer_than_they_must(tmp_path: Path, text: str) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    began = time.monotonic()
    with suppress(UserError):
        read_lock(tmp_path / "requirements.txt")
    assert time.monotonic() - began < 5


PIECES = st.sampled_from(
    ["small", "==", "1.0", "*", " ", "\t", "\n", "\\\n", "#", "-r ", "-e ", "--", "--hash=",
     "sha256:", str(ONE), ";", "'", '"', "(", "[", "]", "{", "}", "=", "@", "https://", ".", "/",
     "${X}", "\0", "\u2028", "[[package]]\n", "[[packages]]\n", "version = 1\n", "name = ",
     'lock-version = "1.0"\n', "source = ", "registry", "wheels = ", "x.whl", "\ud800"]
)  # fmt: skip
TEXTS = st.text() | st.lists(PIECES, max_size=30).map("".join)
VALUES = st.recursive(
    st.none() | st.sampled_from(["1.0", '"small"', f'"sha256:{ONE}"', "1", "true", "[]", "{}"]),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(map(str, items))}]"),
    max_leaves=3,
)


def lock_or_message(folder: Path, text: str, name: str) -> Lock | str:
    try:
        return lock(folder, text, name)
    except SamebytesError as error:
        return error.message


@given(text=TEXTS, name=st.sampled_from(["requirements.txt", "pylock.toml", "uv.lock", "lock"]))
def test_any_text_is_a_lock_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    result = lock_or_message(folder, text, name)
    assert isinstance(result, Lock) or result.startswith(str(folder / name))


@given(where=st.integers(0, 20), value=VALUES, good=st.sampled_from(["pylock.toml", "uv.lock"]))
def test_any_value_anywhere_is_a_lock_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, where: int, value: str | None, good: str
) -> None:
    lines = (UV if good == "uv.lock" else GOOD_PYLOCK).splitlines()
    key = lines[where % len(lines)].partition(" = ")[0]
    lines[where % len(lines)] = "" if value is None else f"{key} = {value}"
    folder = tmp_path_factory.getbasetemp()
    result = lock_or_message(folder, "\n".join(lines), good)
    assert isinstance(result, Lock) or result.startswith(f"{folder / good} is not a lock file: ")
