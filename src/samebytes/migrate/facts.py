"""What setuptools knows of a project: not guessed from its files, but asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from samebytes.builder import Backend
from samebytes.errors import ArtifactError
from samebytes.wire import Node, read_document
from samebytes.workspace import Room

_PROBE = Path(__file__).with_name("probe.py")
_LARGEST = 16 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFiles:
    """Files of the tree that a wheel installs into ``folder``, below the environment's root."""

    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The project as setuptools sees it, after setup.py, setup.cfg and pyproject.toml were read.

    ``package_folders`` maps packages to folders, '' being all others (``package_dir``);
    ``commands`` are steps of a build that the project defines itself; ``extras`` map names to
    requirements, a marker after a colon in the name included; ``tags`` are what setup.cfg adds to
    the version; ``scm`` are the options that setup.py gives to setuptools-scm, None if it does not
    use it.
    """

    packages: tuple[str, ...] = ()
    package_folders: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    package_data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    data_files: tuple[DataFiles, ...] = ()
    extensions: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    scm: Mapping[str, object] | None = None
    tags: tuple[str, ...] = ()

    @classmethod
    def from_node(cls, node: Node) -> Facts:
        return cls(
            packages=_texts(node["packages"]),
            package_folders={
                key: folder(value.expect(str)) for key, value in node["package_dir"].items()
            },
            modules=_texts(node["py_modules"]),
            package_data={key: _texts(value) for key, value in node["package_data"].items()},
            scripts=tuple(folder(text) for text in _texts(node["scripts"])),
            data_files=tuple(_data_files(each) for each in node["data_files"]),
            extensions=_texts(node["extensions"]),
            libraries=_texts(node["libraries"]),
            headers=_texts(node["headers"]),
            commands={key: value.expect(str) for key, value in node["commands"].items()},
            requires=_texts(node["requires"]),
            extras={key: _texts(value) for key, value in node["extras"].items()},
            namespaces=_texts(node["namespaces"]),
            scm=_options(node["scm"].value),
            tags=_texts(node["tags"]),
        )

    def folder_of(self, parts: Sequence[str]) -> str:
        """Where the modules of a package, given by its parts, lie: '' is the top (distutils' rule).

        Also of a folder with data in a package, whose name may have dots.
        """
        for end in range(len(parts), 0, -1):
            if (found := self.package_folders.get(".".join(parts[:end]))) is not None:
                return "/".join(filter(None, (found, *parts[end:])))
        return "/".join(filter(None, (self.package_folders.get("", ""), *parts)))


def ask_setuptools(backend: Backend, room: Room, tree: Path, epoch: int) -> Facts:
    """Read the project in ``tree``; runs its setup.py, as every build of it does.

    Raises ArtifactError when that fails.
    """
    answer = room.out / "facts.json"
    done = backend.run(room, ["-I", _PROBE, answer], cwd=tree, epoch=epoch)
    if done.status or not answer.is_file() or answer.stat().st_size > _LARGEST:
        raise ArtifactError(
            "setuptools cannot read the project's configuration.",
            hint="These are its last lines. 'python -m build' must work before the migration.",
            detail=done.last_lines(),
        )
    return Facts.from_node(read_document(answer))


def folder(path: str) -> str:
    """A path in the tree as we spell it: no './', no slash at the end, '' for the top."""
    normal = str(PurePosixPath(path.replace("\\", "/")))
    return "" if normal == "." else normal


def _options(value: object) -> Mapping[str, object] | None:
    """``use_scm_version`` of setup.py: true, or options."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"function": value}
    return {} if value else None


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(item.expect(str) for item in node)


def _data_files(node: Node) -> DataFiles:
    if isinstance(node.value, str):
        return DataFiles(folder="", files=(folder(node.value),))
    place, files = tuple(node)
    return DataFiles(
        folder=folder(place.expect(str)), files=tuple(folder(text) for text in _texts(files))
    )
