"""One verification as part of a JSON document; see docs/reference/schemas/verify-1.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from samebytes.compare.document import difference_document
from samebytes.compare.model import Verdict
from samebytes.index.provenance import Provenance
from samebytes.verify.verification import Verification
from samebytes.wire import storable

#: One result of a document, as ``result_document`` gives it, or as it was kept.
Result = Mapping[str, Any]

_UNCONFINED = "It was built without a sandbox: the build could fetch what it is said to make."
_SIDES = re.compile(r"\b([Tt]he) (first|second)\b")


def result_document(found: Verification, *, sandboxed: bool) -> dict[str, object]:
    """One verification as part of a document; ``sandboxed``: whether builds were confined."""
    is_equivalent = found.verdict is Verdict.EQUIVALENT
    differences = [difference_document(each) for each in found.differences]
    comparison = found.comparison
    return {
        "artifact": storable(found.artifact),
        "sha256": found.digest and str(found.digest),
        "source": storable(found.source),
        "verdict": str(found.verdict),
        "places": [str(place) for place in found.places],
        "phantoms": [storable(name) for name in found.phantoms],
        "problems": [storable(text) for text in found.problems],
        "corrections": differences if is_equivalent else [],
        "differences": [] if is_equivalent else differences,
        "recompressed": comparison and comparison.recompressed,
        "causes": [
            {
                "cause": each.cause,
                "title": each.title,
                "reason": spoken(storable(each.reason)),
                "fix": each.fix,
                "count": len(each.differences),
            }
            for each in (comparison.explanations if comparison else ())
        ],
        "failure": found.failure
        and {key: storable(text) for key, text in found.failure.to_dict().items()},
        "recipe": found.recipe and found.recipe.to_dict(),
        "evidence": [
            {key: storable(text) for key, text in each.to_dict().items()} for each in found.evidence
        ],
        "tried": [{"act": str(each.act), "what": storable(each.what)} for each in found.tried],
        "remarks": [
            *(() if sandboxed or not found.attempts else (_UNCONFINED,)),
            *map(storable, found.remarks),
        ],
        "provenance": found.provenance and _provenance_document(found.provenance),
        "sandboxed": sandboxed,
        "kept": None,
        "attempts": found.attempts,
        "seconds": round(found.seconds, 3),
    }


def _provenance_document(found: Provenance) -> dict[str, object]:
    return {
        "signature": str(found.signature),
        "remark": storable(found.remark),
        "attestations": [
            {
                "publisher": {
                    name: text and storable(text) for name, text in asdict(each.publisher).items()
                },
                "predicate_type": storable(each.predicate_type),
            }
            for each in found.attestations
        ],
    }


def spoken(text: str) -> str:
    """What is said of the first and the second artifact of a comparison, of these two."""
    names = {"first": "published file", "second": "rebuilt file"}
    return _SIDES.sub(lambda found: f"{found[1]} {names[found[2]]}", text)
