"""Kits: folders with what one project adds to its tree when it adopts reproducible releases.

Some come with the program, and have names. docs/reference/kit.md describes what is in them.
"""

from __future__ import annotations

from pathlib import Path

from samebytes.errors import UserError

#: Where kits lie in the installed package, and in a checkout of this project.
_INSTALLED = Path(__file__).parent / "kits"
_CHECKOUT = Path(__file__).parents[2]


def find_kit_folder(name: str, filename: str) -> Path:
    """The folder of a kit that comes with the program, by its name, or one by its path.

    It has the file ``filename``. Raises UserError where there is none such.
    """
    folders = [_INSTALLED / name, _CHECKOUT / name] if name.isidentifier() else []
    folders.append(Path(name))
    for folder in folders:
        if (folder / filename).is_file():
            return folder
    raise UserError(
        f"There is no kit {name!r}.",
        hint=f"Name one of these, or a folder with a {filename}: {', '.join(kit_names(filename))}.",
    )


def kit_names(filename: str) -> list[str]:
    """The kits that come with the program and have the file ``filename``."""
    paths = [*_INSTALLED.glob(f"*/{filename}"), *_CHECKOUT.glob(f"*/{filename}")]
    return sorted({path.parent.name for path in paths})
