"""Verifications, made by hand: one of each verdict, with all that can be said of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from samebytes.compare.model import (
    Comparison,
    ContentView,
    Difference,
    Explanation,
    Line,
    Side,
    Verdict,
    Where,
)
from samebytes.digest import Digest
from samebytes.errors import UserError
from samebytes.index.provenance import Attestation, Provenance, Publisher, Signature
from samebytes.infer.candidate import Candidate, Decision, Stamps
from samebytes.interpreter import Interpreter
from samebytes.recipe import Pin, PythonId, Route, SdistFile
from samebytes.report.verification import Failed, results_document
from samebytes.sandbox.tried import Act, Tried
from samebytes.verify.document import result_document
from samebytes.verify.targets import NotVerified
from samebytes.verify.verification import Failure, Made, Phase, Verification

WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
ACTS = (Act.LEFT, Act.NETWORK, Act.READ, Act.WRITE)
EVIDENCE = (
    Decision("backend", "setuptools==75.6.0", "WHEEL says Generator: setuptools (75.6.0)"),
    Decision("requirements", "as of 2024-12-04 17:35:26 UTC", "its upload"),
    Decision("umask", "022", "the usual one"),
)


def digest(of: str = "") -> Digest:
    return Digest.of(of.encode())


def recipe() -> Made:
    interpreter = Interpreter(
        path=Path("/usr/bin/python3"),
        identity=PythonId(implementation="CPython", version=Version("3.13.0"), zlib="1.3.1"),
        platform="linux-x86_64",
    )
    candidate = Candidate(
        python=interpreter,
        pins=(Requirement("setuptools==75.6.0"),),
        as_of=datetime(2024, 12, 4, 17, 35, 26, tzinfo=UTC),
        route=Route.SDIST,
        stamps=Stamps(epoch=1733333724),
        umask=0o022,
        options={"universal": "1"},
        decisions=EVIDENCE,
    )
    pins = [("setuptools", "75.6.0"), ("wheel", "0.45.1")]
    return Made(
        source=SdistFile(filename=SDIST, digest=digest("sdist")),
        candidate=candidate,
        pins=tuple(
            Pin(name=canonicalize_name(name), version=Version(version), hashes=(digest(name),))
            for name, version in pins
        ),
        environment={"TZ": "UTC", "umask": "022"},
    )


def side(**fields: Any) -> Side:
    values: dict[str, Any] = {
        "filename": WHEEL,
        "form": "wheel",
        "format": "zip",
        "size": 11050,
        "digest": digest("published"),
        "members": 6,
        "backend": "setuptools 75.6.0",
    }
    return Side(**values | fields)


def comparison(*explanations: Explanation, **fields: Any) -> Comparison:
    other = side(digest=digest("rebuilt")) if explanations else side()
    values: dict[str, Any] = {"verdict": Verdict.IDENTICAL, "first": side(), "second": other}
    return Comparison(explanations=explanations, **values | fields)


def explanation(cause: str, *differences: Difference, reason: str = "A reason.") -> Explanation:
    return Explanation(
        cause=cause, title=f"title of {cause}", reason=reason, fix="A fix.", differences=differences
    )


def times(count: int = 2) -> Explanation:
    found = [
        Difference.of("zip-mtime", f"demo/{number}.py", "2024-12-04 17:35:24", "1980-01-01")
        for number in range(count)
    ]
    return explanation(
        "no-epoch", *found, reason="The members of the first have 2 times, of the second one."
    )


def identical(**fields: Any) -> Verification:
    values: dict[str, Any] = {
        "artifact": WHEEL,
        "digest": digest("published"),
        "source": SDIST,
        "verdict": Verdict.IDENTICAL,
        "comparison": comparison(),
        "recipe": recipe(),
        "evidence": EVIDENCE,
        "attempts": 1,
        "seconds": 2.345,
    }
    return Verification(**values | fields)


def equivalent(**fields: Any) -> Verification:
    found = comparison(times(), verdict=Verdict.EQUIVALENT)
    return identical(verdict=Verdict.EQUIVALENT, comparison=found, **fields)


def different(**fields: Any) -> Verification:
    """Of code and metadata, with a phantom and a member that is missing."""
    found = comparison(
        explanation(
            "chosen-files",
            Difference.of("member-only-in-first", "demo/extra.pth", "file, 20 bytes", "absent"),
            Difference.of("member-only-in-second", "demo/lost.py", "absent", "file, 9 bytes"),
        ),
        explanation(
            "other-source",
            Difference.of("member-content", "demo/1.py", "A = 1", "A = 2"),
            Difference.of("metadata-field", "demo-1.0.dist-info/METADATA", "old", "new", "Summary"),
        ),
        times(1),
        verdict=Verdict.DIFFERENT,
        where=(Where.MISSING, Where.CODE, Where.METADATA),
        contents=(
            ContentView(
                member="demo/1.py", form="text", lines=(Line("-", "A = 1"), Line("+", "A = 2"))
            ),
        ),
    )
    values: dict[str, Any] = {"comparison": found, "attempts": 4, "seconds": 10.0}
    return identical(verdict=Verdict.DIFFERENT, **values | fields)


def unreadable() -> Verification:
    return Verification(
        artifact=WHEEL,
        digest=digest("published"),
        source=SDIST,
        verdict=Verdict.DIFFERENT,
        problems=("It cannot be read in one way only: two members are called demo/1.py.",),
    )


def renamed() -> Verification:
    """Of the same bytes under another name."""
    problem = f"Its name is {WHEEL}, but what is built is demo-1.1-py3-none-any.whl."
    return identical(verdict=Verdict.DIFFERENT, problems=(problem,))


def unbuildable(**fields: Any) -> Verification:
    log = "".join(f"compiling part {number}\n" for number in range(12)) + "error: no compiler\n"
    failure = Failure(
        phase=Phase.BUILD, message="The build backend failed to build the wheel.", detail=log
    )
    values: dict[str, Any] = {"failure": failure, "attempts": 4}
    return identical(verdict=Verdict.UNBUILDABLE, comparison=None, **values | fields)


def without_sdist() -> Verification:
    message = "The index has no sdist of demo 1.0."
    return Verification(
        artifact=WHEEL,
        digest=digest("published"),
        source="",
        verdict=Verdict.UNBUILDABLE,
        failure=Failure(phase=Phase.DOWNLOAD, message=message),
    )


def suspicious() -> Verification:
    """What gives the same bytes, and tries more than it has to."""
    tried = [Tried(act, f"what {act}") for act in ACTS]
    remark = f"The index has another file of this name: SHA-256 {digest()}."
    return identical(tried=tuple(tried), remarks=(remark,))


def attested(signature: Signature = Signature.NOT_CHECKED) -> Verification:
    workflow = Publisher(
        kind="GitHub", repository="demo/demo", workflow="release.yml", environment="release"
    )
    account = Publisher(kind="Google", account="demo@example.org")
    found = tuple(
        Attestation(publisher=publisher, predicate_type="type") for publisher in (workflow, account)
    )
    remark = "" if signature is Signature.VERIFIED else "A remark."
    provenance = Provenance(attestations=found, signature=signature, remark=remark)
    return identical(provenance=provenance)


def hostile(text: str) -> Verification:
    """With the text wherever strangers can put one."""
    lines = (Line("-", text), Line("+", f"{text}."))
    phantom = Difference.of("member-only-in-first", text, text, "absent", text)
    changed = [Difference.of("member-content", text, each, "b") for each in (text, "a")]
    sides = [side(filename=text, backend=text, digest=digest(each)) for each in "ab"]
    found = comparison(
        explanation("other-source", phantom, *changed, reason=text),
        verdict=Verdict.DIFFERENT,
        first=sides[0],
        second=sides[1],
        contents=(ContentView(member=text, form="text", lines=lines),),
    )
    publisher = Publisher(kind=text, repository=text, workflow=text)
    attestation = Attestation(publisher=publisher, predicate_type=text)
    return different(
        artifact=text,
        source=text,
        comparison=found,
        problems=(text,),
        recipe=replace(recipe(), environment={text: text}),
        evidence=(Decision(text, text, text),),
        tried=tuple(Tried(act, text) for act in ACTS),
        remarks=(text,),
        provenance=Provenance(attestations=(attestation,), remark=text),
    )


def hostile_failure(text: str) -> Verification:
    failure = Failure(phase=Phase.BUILD, message=text, detail=f"{text}\nand more")
    return unbuildable(artifact=text, source=text, failure=failure)


def failed(text: str = "demo-1.1-py3-none-any.whl") -> Failed:
    error = UserError(f"{text} cannot be had.", hint="Try again.", detail=text)
    return Failed(artifact=text, error=error)


def skipped(text: str = "demo-1.0-cp313-win_amd64.whl") -> list[NotVerified]:
    return [NotVerified(filename=text, reason="it is for another platform")]


def document(*found: Verification, **others: Any) -> dict[str, object]:
    return results_document([result_document(each, sandboxed=True) for each in found], **others)
