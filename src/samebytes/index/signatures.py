"""The signatures of a provenance, checked by pypi-attestations where that is installed.

It needs no network: what Sigstore trusts comes with it, or was fetched by it before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from samebytes.index import address
from samebytes.index.listing import IndexFile
from samebytes.index.provenance import Provenance, Signature

_NOT_INSTALLED = "the signatures were not checked: that takes pip install 'samebytes[attestations]'"


def check_signatures(provenance: Provenance, document: bytes, file: IndexFile) -> Provenance:
    """``provenance``, which was read from ``document``, with what its signatures say.

    A signature is right when a certificate of Sigstore for this very publisher made it, and it is
    in the public log.
    """
    if provenance.problems:
        return replace(
            provenance, remark="the signatures were not checked, as they are for something else"
        )
    try:
        import pypi_attestations
    except ImportError:
        return replace(provenance, remark=_NOT_INSTALLED)
    problems = []
    with _silence():
        try:
            parsed = pypi_attestations.Provenance.model_validate_json(document)
            named = pypi_attestations.Distribution(
                name=file.filename, digest=file.required_digest().hex
            )
        except ValueError as error:
            reason = address.scrubbed(" ".join(str(error).split()))
            return replace(provenance, remark=f"the signatures could not be checked: {reason}")
        for bundle in parsed.attestation_bundles:
            for attestation in bundle.attestations:
                try:
                    attestation.verify(bundle.publisher, named, offline=True)
                except Exception as error:  # whatever strangers can provoke in there
                    reason = " ".join(str(error).split()) or type(error).__name__
                    problems.append(address.scrubbed(f"a signature is wrong: {reason}"))
    signature = Signature.FAILED if problems else Signature.VERIFIED
    return replace(provenance, signature=signature, problems=tuple(problems))


@contextmanager
def _silence() -> Iterator[None]:
    """Sigstore logs a warning when it uses no network; that is what is wanted here."""
    logger, handler = logging.getLogger("sigstore"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
