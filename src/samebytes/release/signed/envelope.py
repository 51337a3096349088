"""Envelopes: a statement and its signatures, by DSSE (https://github.com/secure-systems-lab/dsse)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error
from securesystemslib.signer import Signer

from samebytes.errors import UserError
from samebytes.release.signed.strict import read_strictly, shown
from samebytes.wire import Node, dump_document

#: What an envelope holds: an in-toto statement.
PAYLOAD_TYPE = "application/vnd.in-toto+json"

_MOST_SIGNATURES = 50


def seal(statement: Mapping[str, object], signer: Signer) -> str:
    """A signed statement, as JSON; raises what the ``signer`` raises."""
    payload = json.dumps(statement, ensure_ascii=False).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return dump_document(envelope.to_dict())


def read_envelope(data: bytes) -> Envelope:
    """An envelope of a statement, whose signatures are not checked yet.

    Raises UserError for what is none, with the path of what is wrong.
    """
    node = read_strictly(data, "envelope")
    if (kind := node["payloadType"].expect(str)) != PAYLOAD_TYPE:
        raise UserError(f"The payload's type is {shown(kind)!r}, and not {PAYLOAD_TYPE!r}.")
    node["payload"].expect(str)
    _check_signatures(node["signatures"])
    try:
        return Envelope.from_dict(node.expect(dict))
    except (ValueError, KeyError, Error) as error:
        raise UserError(f"The envelope cannot be decoded: {shown(str(error))}.") from None


def _check_signatures(node: Node) -> None:
    """A key that signs twice is refused: which of its signatures counts?"""
    signatures = node.expect(list)
    if not 1 <= len(signatures) <= _MOST_SIGNATURES:
        raise node.error(
            f"{len(signatures)} signatures, where 1 to {_MOST_SIGNATURES} are expected"
        )
    keyids = []
    for each in node:
        each["sig"].expect(str)
        keyids.append(each["keyid"].expect(str))
    if len(set(keyids)) != len(keyids):
        raise node.error("one key signs twice")
