"""What a store holds, for other programs: as JSON lines, or as Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samebytes.atomic import unnamed_file
from samebytes.errors import UserError
from samebytes.fleet.store.figures import Figures, Row

if TYPE_CHECKING:
    import pyarrow

#: What is written at a time to a Parquet file: so many rows, or bytes of documents.
_ROWS, _BYTES = 2000, 32 * 1024 * 1024
#: After how many rows it is told how far it is.
_OFTEN = 200
_SUFFIXES = (".jsonl", ".parquet")


def check_export(path: Path) -> None:
    """Raises UserError where nothing can be exported to this file, before any work is done."""
    if path.suffix not in _SUFFIXES:
        raise UserError(
            f"{path} is neither JSON lines nor Parquet.",
            hint="Name a file that ends in .jsonl or .parquet.",
        )
    if path.is_dir():
        raise UserError(f"{path} is a folder.", hint="Name a file.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent}.", hint="Make the folder first.")
    if path.suffix == ".parquet":
        _pyarrow()


def export(
    figures: Figures, path: Path, progress: Callable[[int, int], object] = lambda _done, _of: None
) -> int:
    """Write all artifacts to a file, whole or not at all; returns how many these are.

    ``progress`` is told, now and then, how many are written, and of how many. Raises UserError as
    ``check_export`` does, and when the store cannot be read, or the file not be written.
    """
    check_export(path)
    write = _write_parquet if path.suffix == ".parquet" else _write_lines
    count, total = 0, sum(figures.shares().values())

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal count
        for row in figures.rows():
            yield record(figures, row)
            count += 1
            if count % _OFTEN == 0:
                progress(count, max(count, total))

    with _writing(path), unnamed_file(path) as part:
        write(part, counted())
    progress(count, max(count, total))
    return count


def record(figures: Figures, row: Row) -> dict[str, Any]:
    """One artifact with all that is known of it; its columns are in docs/reference/store.md."""
    result = figures.result(row)
    failure = result and result["failure"]
    return {
        "filename": row.filename,
        "sha256": str(row.sha256),
        "project": row.project,
        "version": str(row.version),
        "uploaded": row.uploaded,
        "month": row.month,
        "yanked": row.yanked,
        "rank": row.rank,
        "verdict": row.verdict,
        "backend": row.backend,
        "places": result["places"] if result else [],
        "causes": [each["cause"] for each in result["causes"]] if result else [],
        "phase": failure["phase"] if failure else None,
        "message": failure["message"] if failure else None,
        "finished_at": row.finished_at,
        "seconds": row.seconds,
        "source": row.source,
        "inference": row.inference,
        "lasting": None if row.record is None else row.lasting,
        "terms": row.terms,
        "worker": row.worker,
        "attempts": [asdict(each) for each in figures.attempts(row)],
        "result": result,
    }


def _write_lines(path: Path, records: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for each in records:
            file.write(json.dumps(each, default=datetime.isoformat, ensure_ascii=False))
            file.write("\n")


def _write_parquet(path: Path, records: Iterator[dict[str, Any]]) -> None:
    _pyarrow()
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetWriter

    schema = _schema()
    with ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _batches(records):
            writer.write_batch(RecordBatch.from_pylist(rows, schema=schema))


def _batches(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for each in records:
        result = each["result"]
        each["result"] = None if result is None else json.dumps(result, ensure_ascii=False)
        rows.append(each)
        size += len(each["result"] or "")
        if len(rows) >= _ROWS or size >= _BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, time, texts = pa.string(), pa.timestamp("us", tz="UTC"), pa.list_(pa.string())
    attempt = {
        "run": pa.int64(),
        "number": pa.int64(),
        "begun_at": time,
        "ended_at": time,
        "worker": text,
        "outcome": text,
        "reason": text,
    }
    columns = {
        "filename": text,
        "sha256": text,
        "project": text,
        "version": text,
        "uploaded": time,
        "month": text,
        "yanked": text,
        "rank": pa.int64(),
        "verdict": text,
        "backend": text,
        "places": texts,
        "causes": texts,
        "phase": text,
        "message": text,
        "finished_at": time,
        "seconds": pa.float64(),
        "source": text,
        "inference": pa.int64(),
        "lasting": pa.bool_(),
        "terms": text,
        "worker": text,
        "attempts": pa.list_(pa.struct(list(attempt.items()))),
        "result": text,
    }
    return pa.schema(list(columns.items()))


def _pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UserError(
            "To write Parquet needs pyarrow, which is not installed.",
            hint="pip install 'samebytes[parquet]', or name a file that ends in .jsonl.",
        ) from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="See that the folder can be written and has room, or name another file.",
        ) from None
