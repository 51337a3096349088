"""What is made of a store, besides what is printed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from samebytes.cli.auditing.options import AuditOptions
from samebytes.cli.console import Terminal, check_target
from samebytes.errors import UserError
from samebytes.fleet.export import check_export, export
from samebytes.fleet.store.figures import Figures
from samebytes.fleet.store.store import Store
from samebytes.report.visible import counted, visible

_SITE_TITLE = "Audit"


def check_json(options: AuditOptions) -> None:
    """Raise UserError where the document would take the place of a store."""
    target = options.json_file
    for store in filter(None, (options.place, options.watched)):
        if target not in (None, "-") and Path(target or "").resolve() == store.resolve():
            raise _named_twice(store)


def check_outputs(options: AuditOptions) -> None:
    """Raise UserError, before the work and not after it, where something could not be written."""
    taken = {options.place.resolve()}
    if options.json_file is not None:
        check_target(options.json_file, "json")
        taken.add(Path(options.json_file).resolve())
    for path in options.exports:
        check_export(path)
        check_target(str(path), "export")
        if path.resolve() in taken:
            raise _named_twice(path)
        taken.add(path.resolve())
    if options.site is not None:
        _check_site(options.site)


def _named_twice(path: Path) -> UserError:
    return UserError(f"{path} is named twice.", hint="Each option needs a file of its own.")


def write_outputs(
    options: AuditOptions, terminal: Terminal, store: Store, *, run: int | None, command: str
) -> None:
    """The site and the exports that are asked for, of one run, or of all (None).

    The run that the store is open for is ended with it, and not before: another audit would change
    what this is of.
    """

    def damaged(name: str) -> None:
        terminal.warn(f"What the store has of {visible(name)} is damaged, and left out.")

    figures = Figures(store, run, damaged)

    def reached(what: str, done: int, total: int) -> None:
        terminal.reached(what, done, total)
        store.commit()  # says that the audit goes on

    if options.site is not None:
        _write_site(options.site, figures, terminal, command, partial(reached, "writing the site"))
    for path in options.exports:
        with terminal.working(None):
            count = export(figures, path, partial(reached, f"writing {path.name}"))
        terminal.fact("export", f"{path}: {counted(count, 'artifact')}")
    store.finish()


def write_of_store(options: AuditOptions, terminal: Terminal) -> None:
    """The same of all that is in a store; raises UserError where that is nothing."""
    check_outputs(options)
    with Store.read(options.place) as store:
        if not sum(Figures(store).shares().values()):
            raise UserError(
                f"There is nothing in {options.place} yet.", hint="Audit something first."
            )
        command = f"samebytes audit --store {options.place.name}"
        write_outputs(options, terminal, store, run=None, command=command)


def _write_site(
    folder: Path,
    figures: Figures,
    terminal: Terminal,
    command: str,
    progress: Callable[[int, int], None],
) -> None:
    # Here, as few audits write one, and it takes its time to load.
    from samebytes.report.site.writer import write

    with terminal.working(None):
        written = write(
            folder,
            figures,
            title=_SITE_TITLE,
            command=command,
            progress=progress,
        )
    pages = counted(written.artifacts, "artifact")
    files = counted(written.files, "new file")
    terminal.fact("site", f"{folder / 'index.html'}: {pages}, {files}")


def _check_site(folder: Path) -> None:
    from samebytes.report.site.folder import check_folder

    check_folder(folder)
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    try:
        with TemporaryDirectory(prefix=".samebytes-", dir=place):
            pass
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}.", hint="Name another with --html DIR."
        ) from None
