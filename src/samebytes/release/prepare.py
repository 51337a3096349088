"""A release up to the point where others confirm it: checked, built, tried, and signed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from samebytes import __version__
from samebytes.digest import Digest
from samebytes.errors import ArtifactError, UserError
from samebytes.index import address
from samebytes.interpreter import find_interpreter
from samebytes.pipeline import build_release
from samebytes.recipe import BuildInfo
from samebytes.release.checks.checksums import ChecksumFacts, checksum_file
from samebytes.release.checks.contents import check_contents
from samebytes.release.checks.metadata import check_metadata, check_rendering
from samebytes.release.checks.preflight import (
    check_changelog,
    check_index,
    check_tag,
    check_tree,
    uncommitted,
)
from samebytes.release.checks.smoke import try_artifact
from samebytes.release.checks.tracked import read_tracked
from samebytes.release.preparation import Preparation
from samebytes.release.record import OUTCOMES, RECORD, STATEMENTS, checklist_digest
from samebytes.release.signed.gnupg import SecretKeys
from samebytes.release.signed.statement import provenance
from samebytes.release.steps import Result, Stage, Step, carry_out, is_over
from samebytes.request import Request
from samebytes.variations.check import check
from samebytes.variations.choice import CheckRequest
from samebytes.variations.table import chosen
from samebytes.workspace import Workspace, workspace

_IRREPRODUCIBLE = (
    "The project does not build reproducibly, so that nobody could confirm it: 'samebytes check' "
    "says what breaks it."
)
_CHANGES = (
    "Built once more, it is not the same bytes: something besides the commit is at work. Compare "
    "with 'samebytes build' and 'samebytes diff'."
)


def _built(work: Preparation) -> dict[str, object]:
    """The artifacts, and who will sign for them: nobody does for what another one saw."""
    digests = {name: str(digest) for name, digest in work.artifacts.items()}
    return {**digests, "key": work.signer.keyid}


def _target_facts(work: Preparation) -> Mapping[str, object]:
    return work.target.facts


def _tag(work: Preparation) -> Result:
    target, keys = work.target, work.keyring
    # Where a signature is needed and nobody was named, it is the releaser's own.
    own = SecretKeys(work.workshop.runner, work.workshop.environ)
    trusted = keys or (own if target.rules.signed_tag else None)
    return check_tag(
        target.source, target.tag, target.name, target.rules, trusted, signed=keys is not None
    )


def _tag_inputs(work: Preparation) -> dict[str, object]:
    keys = () if work.keyring is None else work.keyring.keys
    return {**work.target.facts, "object": work.target.tag_object} | {
        "keys": sorted(key.keyid for key in keys)
    }


def _tree(work: Preparation) -> Result:
    return check_tree(work.target.source, besides=work.folder.root)


def _tree_inputs(work: Preparation) -> dict[str, object]:
    source = work.target.source
    changed = uncommitted(source, work.folder.root)
    return {"commit": source.commit, "uncommitted": sorted(changed)}


def _changelog(work: Preparation) -> Result:
    target = work.target
    return check_changelog(target.source, target.version, target.rules)


def _index(work: Preparation) -> Result:
    return check_index(work.index, work.target.name, work.target.version)


def _index_inputs(work: Preparation) -> dict[str, object]:
    return {**work.target.facts, "indexes": [*map(address.public, work.index.settings.urls)]}


def _build(work: Preparation) -> Result:
    folder = work.making("build")
    options = work.options
    request = Request(
        source=work.target.source,
        python=options.python,
        as_of=options.as_of,
        newest=options.newest,
        config_settings=options.config_settings,
        deflate=options.deflate,
        timeout=options.timeout,
    )
    outcome = build_release(request, work.workshop, folder)
    if outcome.disagreement is not None:
        return Result(
            problems=(
                "The wheel from the tree and the wheel from the sdist are not the same bytes: "
                f"{outcome.disagreement.reason} 'samebytes build' says more.",
            )
        )
    built = outcome.buildinfo
    names = [*(artifact.filename for artifact in built.artifacts), built.filename]
    facts = tuple(f"{artifact.digest}  {artifact.filename}" for artifact in built.artifacts)
    return Result(facts=facts, files=tuple(folder / name for name in names))


def _build_inputs(work: Preparation) -> dict[str, object]:
    source = work.target.source.identity.to_dict()
    return {
        "source": source,
        "samebytes": __version__,
        "key": work.signer.keyid,
        **work.options.to_dict(),
    }


def _check(work: Preparation) -> Result:
    """Built again, plainly and with everything varied, it must be the same bytes."""
    options = work.options
    request = CheckRequest(
        source=work.target.source,
        raw=False,
        variations=chosen(None, raw=False),
        python=options.python,
        as_of=options.as_of,
        newest=options.newest,
        config_settings=options.config_settings,
        deflate=options.deflate is not None,
        timeout=options.timeout,
    )
    found = check(request, work.workshop)
    problems = [] if found.is_reproducible else [_IRREPRODUCIBLE]
    if dict(found.digests) != work.artifacts:
        problems.append(_CHANGES)
    facts = [f"the same bytes with {len(found.tried)} things varied: {', '.join(found.tried)}"]
    facts += [
        f"not varied: {name}, as {found.not_tried[name]}"
        for name in request.variations
        if name in found.not_tried
    ]
    return Result(facts=tuple(facts) if not problems else (), problems=tuple(problems))


def _metadata(work: Preparation) -> Result:
    target = work.target
    return check_metadata(work.paths, target.name, target.version, target.rules)


def _proof_inputs(work: Preparation) -> dict[str, object]:
    return {**_built(work), **work.target.facts}


def _rendering(work: Preparation) -> Result:
    return check_rendering(work.paths)


def _contents(work: Preparation) -> Result:
    with _space(work, "contents") as space:
        tracked = read_tracked(work.target.source, space.root / "tracked")
    return check_contents(work.sdist, work.wheel, tracked, work.target.rules)


def _try_wheel(work: Preparation) -> Result:
    return _try(work, work.wheel)


def _try_sdist(work: Preparation) -> Result:
    return _try(work, work.sdist)


def _try(work: Preparation, artifact: Path) -> Result:
    target, workshop = work.target, work.workshop
    interpreter = find_interpreter(work.options.python, workshop.runner, workshop.environ)
    with _space(work, artifact.name) as space:
        result = try_artifact(
            artifact,
            target.rules.smoke,
            name=target.name,
            version=target.version,
            toolshed=workshop.toolshed(interpreter),
            folder=space.shelf(),
            beside=work.options.beside,
        )
        kept = work.making(artifact.name)
        files = tuple(Path(shutil.copy(path, kept)) for path in result.files)
    facts = result.facts if target.rules.smoke else (*result.facts, "no rule names a smoke test")
    return replace(result, facts=facts, files=files)


def _space(work: Preparation, purpose: str) -> AbstractContextManager[Workspace]:
    """A folder that is gone afterwards, where builds are, too: on a fast disk, if there is one."""
    key = Digest.of(f"{purpose} of {work.target.source.key}".encode()).hex
    return workspace(key, base=work.workshop.base, guarded=True)


def _try_inputs(work: Preparation) -> dict[str, object]:
    return {**_built(work), "rules": str(work.target.rules.digest), **work.options.to_dict()}


def _installed_inputs(work: Preparation) -> dict[str, object]:
    wheels = [path for folder in work.options.beside for path in folder.glob("*.whl")]
    beside = {path.name: str(Digest.of_file(path)) for path in wheels}
    return _try_inputs(work) | ({"beside": beside} if beside else {})


def _checksums(work: Preparation) -> Result:
    target, signer = work.target, work.signer
    epoch = BuildInfo.read(work.buildinfo).recipe.epoch
    facts = ChecksumFacts(
        name=target.rules.project or target.name,
        version=target.version,
        tag=target.tag,
        commit=target.source.commit,
        date=epoch.moment.date(),
        key=signer.keyid,
        signer=signer.label,
    )
    name, text = checksum_file(work.paths, target.rules.checksums, facts)
    path = work.making("checksums") / name
    path.write_text(text, encoding="utf-8")
    return Result(facts=(name,), files=(path,))


def _signature(work: Preparation) -> Result:
    signed = work.signer.clearsign(work.checksums.read_text(encoding="utf-8"))
    if signed is None:
        return Result(facts=("that of the statement: only an OpenPGP key signs a text",))
    path = work.making("signature") / f"{work.checksums.name}.asc"
    path.write_text(signed, encoding="utf-8")
    return Result(facts=(f"{path.name}, by {work.signer.label}",), files=(path,))


def _statement(work: Preparation) -> Result:
    record = work.folder.record.step("build")
    assert record is not None
    built = BuildInfo.read(work.buildinfo)
    if {each.filename: each.digest for each in built.artifacts} != work.artifacts:
        raise ArtifactError(
            f"{built.filename} is not the recipe of the files that were built: it names others.",
            hint=f"Nothing is signed. Remove {work.buildinfo}, and run it again.",
        )
    files = {path.name: Digest.of_file(path) for path in (work.buildinfo, work.checksums)}
    statement = provenance(
        built,
        tag=work.target.tag,
        source_uri=work.target.source_uri,
        builder=work.signer.verifier,
        started=record.started,
        finished=record.finished,
        byproducts={**files, OUTCOMES: checklist_digest(work.folder.record)},
    )
    path = work.making("statement") / f"provenance.{work.signer.keyid[:16]}.json"
    path.write_text(work.signer.sign(statement), encoding="utf-8")
    return Result(facts=(f"{path.name}, by {work.signer.label}",), files=(path,))


def _signature_inputs(work: Preparation) -> dict[str, object]:
    files = (*work.paths, work.buildinfo, work.checksums)
    digests = {path.name: str(Digest.of_file(path)) for path in files}
    return {**digests, **work.target.facts, "key": work.signer.keyid}


def _statement_inputs(work: Preparation) -> dict[str, object]:
    return {**_signature_inputs(work), OUTCOMES: str(checklist_digest(work.folder.record))}


#: The release manager's checklist up to the confirmations, in its order.
STEPS: tuple[Step[Preparation], ...] = (
    Step("tag", "The tag is annotated, and of this version", Stage.PREFLIGHT, _tag_inputs, _tag),
    Step("tree", "The working tree is clean", Stage.PREFLIGHT, _tree_inputs, _tree),
    Step(
        "changelog",
        "The changelog is as the rules want it",
        Stage.PREFLIGHT,
        _target_facts,
        _changelog,
    ),
    Step("index", "The index has no such version yet", Stage.PREFLIGHT, _index_inputs, _index),
    Step("build", "The sdist and the wheel are built", Stage.BUILD, _build_inputs, _build),
    Step("check", "Built again, varied, it is the same bytes", Stage.PROOF, _try_inputs, _check),
    Step("metadata", "The metadata agrees with the tag", Stage.PROOF, _proof_inputs, _metadata),
    Step("twine", "An index can show the description", Stage.PROOF, _built, _rendering),
    Step("contents", "The files are those of the commit", Stage.PROOF, _proof_inputs, _contents),
    Step(
        "wheel",
        "The wheel installs, and the smoke tests pass",
        Stage.PROOF,
        _installed_inputs,
        _try_wheel,
    ),
    Step(
        "sdist",
        "The sdist installs, and the smoke tests pass",
        Stage.PROOF,
        _installed_inputs,
        _try_sdist,
    ),
    Step("checksums", "The checksum file is written", Stage.SIGNATURE, _proof_inputs, _checksums),
    Step(
        "signature",
        "A signature covers the checksum file",
        Stage.SIGNATURE,
        _signature_inputs,
        _signature,
    ),
    Step(
        "statement",
        "How it was built is signed for",
        Stage.SIGNATURE,
        _statement_inputs,
        _statement,
        folder=STATEMENTS,
    ),
)


TITLES = tuple((step.id, step.title) for step in STEPS)


def prepare(work: Preparation) -> bool:
    """Do what is not done yet; whether all is. What is done stays done, whatever is raised.

    Only the user's own record says what is done. Raises UserError where that has been uploaded,
    and is not what is asked for now.
    """
    if work.folder.record.step("upload") is not None:
        _check_published(work)
    _adopt(work)
    return carry_out(STEPS, work, work.folder, work.workshop.reporter)


def _check_published(work: Preparation) -> None:
    """Raises UserError where anything would be done again: what was published is in the folder."""
    record, asked = work.folder.record, work.target.record
    name = f"{record.name} {record.version}"
    hint = "What is published stays: release another version."
    if record.commit != asked.commit:
        raise UserError(
            f"The tag {asked.tag} has moved from {record.commit} to {asked.commit}, and {name} was "
            "uploaded from the first.",
            hint=hint,
        )
    if not work.folder.is_own:
        raise UserError(
            f"{name} was uploaded, says the {RECORD}, which was written by somebody else, or "
            "edited: all of it would be done again.",
            hint=f"{hint} If it is not, prepare it in a new folder: -o DIR.",
        )
    # In their order: what one rests on is there only if those before it are done.
    for step in STEPS:
        if not is_over(step, work, work.folder):
            raise UserError(
                f"{name} was uploaded, and this would be done again: {step.title}.", hint=hint
            )


def _adopt(work: Preparation) -> None:
    """Have the record name what is asked for now, and nothing that somebody else says was done."""
    folder, record, asked = work.folder, work.folder.record, work.target.record
    if not folder.is_own and record.steps:
        work.workshop.reporter.warn(
            f"{RECORD} was written by somebody else, or edited: everything is done again."
        )
    if record.commit != asked.commit:
        work.workshop.reporter.warn(
            f"The tag {asked.tag} has moved from {record.commit} to {asked.commit}: what rests on "
            "it is done again, and who has confirmed it must do so again."
        )
    steps = record.steps if folder.is_own else ()
    adopted = replace(asked, arguments=work.options.arguments, steps=steps)
    if not folder.is_own:
        folder.begin(adopted)
    elif adopted != record:
        folder.rewrite(adopted)
