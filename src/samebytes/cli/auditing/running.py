"""One audit, from what is wanted to what was found."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path

from samebytes.cli.auditing.found import Found
from samebytes.cli.auditing.live import shown
from samebytes.cli.auditing.options import AuditOptions
from samebytes.cli.auditing.outputs import check_outputs
from samebytes.cli.console import Terminal
from samebytes.cli.verifying import Desk
from samebytes.errors import UserError
from samebytes.fleet.inputs.named import Inputs, read_inputs
from samebytes.fleet.loop.audit import Audit
from samebytes.fleet.loop.rounds import Policy, Round
from samebytes.fleet.store.store import Store
from samebytes.fleet.workers.cluster import cluster_engine
from samebytes.fleet.workers.engine import Engine
from samebytes.fleet.workers.pool import local_engine
from samebytes.report.verification import Failed
from samebytes.report.visible import visible

#: Reasons why there is nothing to verify that are shown.
_REASONS = 5
#: Of a command that is told elsewhere.
_MOST_NAMED, _NOT_TOLD = 12, "…"


def run_audit(options: AuditOptions, terminal: Terminal, found: Found, stack: ExitStack) -> None:
    """Have everything in ``found``, and in its store, which is open until ``stack`` ends.

    Raises UserError when it cannot be done, or there is nothing that can be verified.
    """
    check_outputs(options)
    inputs = read_inputs(options.requirements, options.locks, options.projects, options.versions)
    found.skipped.add(inputs.skipped)
    for each in inputs.ignored:
        terminal.warn(visible(f"{each.option} means nothing here ({each.origin})."))
    if inputs.wanted:
        _audit(options, inputs, terminal, found, stack)
    for line in found.skipped.lines():
        terminal.fact("skipped", visible(line))
    facts = found.facts()
    if not facts.total and not facts.failed and not facts.left:
        raise UserError(
            "There is nothing in it that can be verified.",
            hint=visible("; ".join(islice(found.skipped.lines(), _REASONS))),
        )


def _audit(
    options: AuditOptions, inputs: Inputs, terminal: Terminal, found: Found, stack: ExitStack
) -> None:
    desk = Desk.prepare(options, terminal, is_remote=options.cluster is not None)
    store = stack.enter_context(Store.open(_made(options.place, options)))
    with _engine(options, desk, terminal) as engine:
        store.begin(engine.name, options.workers if not options.cluster else 0, command_of(options))
        found.begin(store)
        audit = Audit(
            wanted=inputs.wanted,
            index=desk.index,
            engine=engine,
            settings=desk.settings,
            store=store,
            policy=Policy(
                retries=options.retries,
                limit=options.limit,
                deadline=options.deadline,
                patience=options.patience,
                again=options.again,
            ),
        )
        try:
            with shown(terminal) as show:
                for each in audit.rounds():
                    _take(each, terminal, found)
                    show(store.status)
        finally:
            found.end()
    if found.status is not None and found.status.kept:
        terminal.fact(
            "kept", f"{found.status.kept:,} of {found.status.planned:,} from {options.place}"
        )


def _engine(
    options: AuditOptions, desk: Desk, terminal: Terminal
) -> AbstractContextManager[Engine]:
    if options.cluster is None:
        return local_engine(options.workers, desk.settings)
    return cluster_engine(
        options.cluster,
        desk.settings,
        patience=options.patience,
        note=lambda text: terminal.notice(text),
    )


def _take(each: Round, terminal: Terminal, found: Found) -> None:
    found.skipped.add(each.skipped)
    found.unmatched += each.unmatched
    found.failed += [Failed(artifact=str(wanted), error=error) for wanted, error in each.unplanned]
    found.failed += [
        Failed(artifact=settled.artifact.filename, error=settled.error)
        for settled in each.settled
        if settled.error is not None
    ]
    for note in each.notes:
        terminal.warn(visible(note))


def _made(place: Path, options: AuditOptions) -> Path:
    # Not in the current folder, where whoever sends a change could put one that says anything.
    if options.store is None:
        place.parent.mkdir(parents=True, exist_ok=True)
    return place


def command_of(options: AuditOptions) -> str:
    """What was asked for, for whoever reads of it elsewhere: no folders, and not everything."""
    words = [*options.requirements[:_MOST_NAMED]]
    if len(options.requirements) > _MOST_NAMED:
        words.append(_NOT_TOLD)
    words += [word for path in options.locks for word in ("-r", path.name)]
    words += [word for path in options.projects for word in ("--projects", path.name)]
    if options.versions is not None:
        words += ["--versions", str(options.versions)]
    return " ".join(["samebytes audit", *map(shlex.quote, words)]).replace("'…'", _NOT_TOLD)
