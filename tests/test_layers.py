"""The shape of the program: who may import whom."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import samebytes_core

import samebytes

ROOT = Path(samebytes.__file__).parent
CORE = Path(samebytes_core.__file__).parent

#: Each line may import from the lines above it, and from its own.
LAYERS = (
    ("__init__",),
    ("errors", "digest", "atomic", "wire", "guard", "kits", "places", "toml"),
    ("versions", "wrapped"),
    ("process",),
    ("archive.__init__", "archive.damage", "archive.limits", "archive.member"),
    ("archive.deflate", "archive.traces"),
    ("archive.compressed", "archive.finish", "archive.pax", "archive.unpack"),
    ("archive.tar", "archive.zip_directory"),
    ("archive.zip",),
    ("archive.artifact",),
    ("compare.__init__", "compare.kinds"),
    ("compare.model",),
    ("compare.correction", "compare.folders", "compare.pairing"),
    ("compare.contents.__init__", "compare.contents.reading"),
    ("compare.contents.binary", "compare.contents.listing", "compare.contents.text"),
    ("compare.contents.fields",),
    ("compare.contents.dispatch",),
    ("compare.tar_fields", "compare.zip_fields"),
    ("compare.canonical_form",),
    ("compare.container", "compare.evidence"),
    ("compare.canonical",),
    ("compare.proof", "compare.recognition"),
    ("compare.causes",),
    ("compare.comparison", "compare.document"),
    ("recipe",),
    ("git", "interpreter"),
    ("index.__init__", "index.address", "index.links", "index.settings"),
    ("index.connection", "index.listing"),
    ("index.download", "index.local", "index.provenance"),
    ("index.kept", "index.signatures"),
    ("index.client",),
    ("source", "toolchain", "workspace"),
    ("hook.__init__", "hook.sitecustomize"),
    ("builder", "outcome"),
    ("sandbox.__init__", "sandbox.bounds", "sandbox.host", "sandbox.inside", "sandbox.sharing"),
    ("sandbox.tried",),
    ("sandbox.noted.__init__", "sandbox.noted.sitecustomize", "sandbox.watchdog"),
    ("request", "sandbox.cell"),
    ("assembly",),
    ("pipeline",),
    ("variations.__init__", "variations.inside", "variations.table", "variations.witness"),
    ("variations.blame", "variations.choice", "variations.machine", "variations.pinned.__init__"),
    ("variations.conditions", "variations.pinned.sitecustomize", "variations.tools"),
    ("variations.checkout", "variations.suspects"),
    ("variations.bench", "variations.trial"),
    ("variations.symptoms",),
    ("variations.findings",),
    ("variations.check",),
    ("infer.__init__", "infer.candidate", "infer.generators", "infer.system", "infer.tags"),
    ("infer.deflate", "infer.metadata", "infer.options", "infer.pythons", "infer.stamps"),
    ("infer.styles",),
    ("infer.candidates",),
    ("verify.__init__", "verify.means", "verify.packing", "verify.revision", "verify.subject"),
    ("verify.verification",),
    ("verify.attempt", "verify.document", "verify.judgement", "verify.kept"),
    ("verify.verify",),
    ("verify.task",),
    ("verify.targets",),
    ("fleet.__init__", "fleet.inputs.__init__", "fleet.record", "fleet.workers.__init__"),
    ("fleet.inputs.entries", "fleet.inputs.wanted", "fleet.workers.engine", "fleet.workers.work"),
    ("fleet.inputs.projects", "fleet.inputs.requirements"),
    ("fleet.inputs.locks",),
    ("fleet.inputs.named",),
    ("fleet.workers.batch", "fleet.workers.cluster", "fleet.workers.pool"),
    ("fleet.backend", "fleet.store.__init__", "fleet.store.documents", "fleet.store.owner"),
    ("fleet.store.first", "fleet.store.runs", "fleet.store.status"),
    ("fleet.store.schema",),
    ("fleet.store.file",),
    ("fleet.store.store",),
    ("fleet.store.figures", "fleet.store.tried"),
    ("fleet.export",),
    ("fleet.plan",),
    ("fleet.loop.__init__", "fleet.loop.outage"),
    ("fleet.loop.lookahead", "fleet.loop.rounds", "fleet.loop.tickets"),
    ("fleet.loop.backlog",),
    ("fleet.loop.audit",),
    ("migrate.__init__", "migrate.facts", "migrate.lines", "migrate.manifest"),
    ("migrate.patterns", "migrate.probe"),
    ("migrate.checkout", "migrate.leftovers", "migrate.packed", "migrate.rules", "migrate.tree"),
    ("migrate.before", "migrate.metadata", "migrate.sdist_rules", "migrate.version"),
    ("migrate.expected", "migrate.tables", "migrate.wheel_rules"),
    ("migrate.around", "migrate.proof", "migrate.pyproject", "migrate.refusals"),
    ("migrate.plan", "migrate.wrapper"),
    ("migrate.kit",),
    ("migrate.migration",),
    ("migrate.stay",),
    ("release.__init__", "release.record", "release.rules", "release.seal"),
    ("release.signed.__init__", "release.signed.gnupg", "release.signed.identity"),
    ("release.signed.strict",),
    ("release.signed.envelope", "release.signed.statement"),
    ("release.signed.keyring", "release.signed.signing"),
    ("release.signed.decision",),
    ("release.folder", "release.statements"),
    ("release.commands", "release.steps", "release.upload"),
    ("release.checklist",),
    ("release.listed",),
    ("release.publish",),
    ("release.checks.__init__", "release.checks.generated", "release.checks.tracked"),
    ("release.checks.wording",),
    ("release.checks.checksums", "release.checks.contents", "release.checks.installed"),
    ("release.checks.metadata", "release.checks.preflight", "release.checks.smoke"),
    ("release.rulebook",),
    ("release.offer", "release.target"),
    ("release.confirm", "release.preparation"),
    ("release.prepare",),
    ("report.__init__", "report.explanations", "report.visible"),
    ("report.templates",),
    ("report.check", "report.document", "report.html", "report.migration", "report.text"),
    ("report.check_page", "report.confirmation", "report.release"),
    ("report.verification",),
    ("report.audit", "report.status", "report.verification_page"),
    ("report.site.__init__", "report.site.chrome", "report.site.folder", "report.site.names"),
    ("report.site.badges", "report.site.words"),
    ("report.site.plots",),
    ("report.site.pages",),
    ("report.site.tables",),
    ("report.site.writer",),
    ("cli.__init__", "cli.console", "cli.group", "cli.options", "cli.sections"),
    ("cli.workshop",),
    ("cli.verifying",),
    ("cli.auditing.__init__", "cli.auditing.found", "cli.auditing.live", "cli.auditing.options"),
    ("cli.auditing.outputs",),
    ("cli.auditing.running",),
    ("cli.audit", "cli.build", "cli.check", "cli.completion", "cli.diff", "cli.explain"),
    ("cli.migrate", "cli.verify"),
    ("cli.release.__init__", "cli.release.options"),
    ("cli.release.confirm", "cli.release.prepare", "cli.release.publish", "cli.release.status"),
    ("cli.release.group",),
    ("cli.main",),
    ("__main__",),
)
CORE_LAYERS = (
    ("__init__",),
    ("epoch", "errors"),
    ("deflate",),
    ("canonical", "git", "settings"),
    ("inner", "tree"),
    ("sdist_version",),
    ("build",),
    ("backend", "hatch"),
)
LEVEL = {module: number for number, layer in enumerate(LAYERS) for module in layer}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")
}
STANDARD_LIBRARY_ONLY = (
    "guard",
    "hook.sitecustomize",
    "sandbox.inside",
    "sandbox.noted.sitecustomize",
    "variations.inside",
    "variations.witness",
)

#: What modules of the core import besides the standard library: the plugin the host that runs it,
#: the settings tomllib's backport, where there is none.
CORE_GUESTS = {"hatch": {"hatchling"}, "settings": {"tomli"}}


def imported(path: Path) -> Iterator[str]:
    """Full names of the modules and members that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_module(name: str) -> str | None:
    """Which module of ours a full name lies in."""
    parts = name.split(".")
    if parts[0] != "samebytes":
        return None
    for end in range(len(parts), 1, -1):
        if (module := ".".join(parts[1:end])) in MODULES:
            return module
    return "__init__"


def test_every_module_has_its_layer() -> None:
    assert sorted(MODULES) == sorted(LEVEL)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_one_way(module: str) -> None:
    needed = {own_module(name) for name in imported(MODULES[module])} - {None}
    assert {other for other in needed if LEVEL[str(other)] > LEVEL[module]} == set()


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_what_runs_inside_backends_needs_the_standard_library_only(module: str) -> None:
    for name in imported(MODULES[module]):
        if (own := own_module(name)) is not None:
            assert own in STANDARD_LIBRARY_ONLY
        else:
            assert name.split(".")[0] in sys.stdlib_module_names


def test_the_core_is_small_and_stands_alone() -> None:
    modules = {path.stem: path for path in CORE.glob("*.py")}
    level = {module: number for number, layer in enumerate(CORE_LAYERS) for module in layer}
    assert sorted(modules) == sorted(level)
    assert (
        sum(len(re.findall(r"(?m)^.*\S.*$", path.read_text())) for path in modules.values()) <= 1000
    )
    for module, path in modules.items():
        for name in imported(path):
            package, _, rest = name.partition(".")
            if package == "samebytes_core":
                own = rest.partition(".")[0]
                assert level.get(own, 0) <= level[module], (module, name)
            else:
                assert package in {*sys.stdlib_module_names, *CORE_GUESTS.get(module, ())}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_module_is_too_long(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= 400
