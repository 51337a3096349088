"""Which records of releases a user has written: what is done again, and what is believed.

Whoever can write into a release's folder can say there that all was checked and built. So the
digests of the records lie elsewhere, in a folder of the user's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samebytes.atomic import sync
from samebytes.digest import Digest
from samebytes.errors import UserError

#: The folder of the seals, in that of the user's data.
SEALS = "releases"


@dataclass(frozen=True, slots=True)
class Seal:
    """What is known of the record of the release in the folder ``root``; kept in ``seals``."""

    seals: Path
    root: Path

    @property
    def path(self) -> Path:
        name = Digest.of(os.fsencode(self.root.resolve())).hex
        return self.seals / f"{name}.json"

    def fits(self, record: Digest) -> bool:
        """Whether the user has written the record of this digest here, or was about to."""
        try:
            document = json.loads(self.path.read_bytes())
            return str(record) in document["records"]
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            return False

    def write(self, records: Iterable[Digest]) -> None:
        """Have these be the user's own, and no others; raises UserError if it cannot be kept."""
        document = {"folder": str(self.root.resolve()), "records": sorted(map(str, records))}
        try:
            self.seals.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Nobody else writes it: who does has the release's folder locked.
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(document) + "\n", encoding="ascii")
            sync(part)
            os.replace(part, self.path)
        except OSError as error:
            raise UserError(
                f"{self.seals} cannot be written: {error.strerror or error}.",
                hint="There is kept which releases are your own: have it writable, or set "
                "XDG_DATA_HOME.",
            ) from None
