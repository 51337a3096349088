"""What keys are called: the URI that stands in a statement as who verified, or who built."""

from __future__ import annotations

import importlib.util

from securesystemslib.signer import Key, SigstoreSigner

from samebytes.errors import UserError


def openpgp_uri(fingerprint: str) -> str:
    """An OpenPGP key, by the registered scheme."""
    return f"openpgp4fpr:{fingerprint.lower()}"


def key_uri(keyid: str) -> str:
    """A key in a file."""
    return f"urn:samebytes:key:{keyid}"


def identity_uri(identity: str) -> str:
    """What Sigstore certifies: an address of a workflow is one, an e-mail address is made one."""
    return identity if "://" in identity else f"mailto:{identity}"


def sigstore_key(identity: str, issuer: str) -> Key:
    """What checks signatures of an identity that ``issuer`` vouches for.

    Raises UserError where the issuer cannot be one, or the extra is not installed.
    """
    if not identity or not issuer.startswith("https://"):
        raise UserError(
            f"{identity}@{issuer} is not an identity and the https:// address of its issuer.",
            hint="For example: sigstore:anna@example.org@https://github.com/login/oauth",
        )
    if importlib.util.find_spec("sigstore") is None:
        raise UserError(
            "Sigstore's own package is not installed.",
            hint="Install it: pip install 'samebytes[sigstore]'",
        )
    _, key = SigstoreSigner.import_(identity, issuer)
    return key
