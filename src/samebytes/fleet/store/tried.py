"""What was verified before without a verdict that lasts."""

from __future__ import annotations

from samebytes.fleet.record import Artifact, Key
from samebytes.fleet.store.file import errors
from samebytes.fleet.store.store import Store
from samebytes.wire import storable

_PASSING = (
    "SELECT 1 FROM artifact a JOIN verdict v ON v.artifact = a.id"
    " WHERE (a.filename, a.sha256) = (?, ?) AND v.inference = ? AND v.source = ?"
    " AND v.yanked IS ? AND NOT v.lasting LIMIT 1"
)


def has_passing(store: Store, artifact: Artifact, key: Key) -> bool:
    """Whether there is a verdict with this key that may be otherwise now, on any terms.

    Raises UserError as the store does.
    """
    yanked = None if key.yanked is None else storable(key.yanked)
    values = (key.inference, storable(key.source), yanked)
    with errors(store.path):
        row = store.connection.execute(
            _PASSING, (storable(artifact.filename), str(artifact.digest), *values)
        ).fetchone()
    return row is not None
