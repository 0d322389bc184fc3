"""Rows of an export as tables: CSV with the standard library, Parquet with pyarrow (extra ``parquet``)."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from control_plane.cli.faults import Fault

Row = dict[str, Any]
Write = Callable[[Row], None]
GROUP = 10_000  # rows that are written to Parquet at once
_INTEGERS = ("number", "status", "bytes")
_NUMBERS = (*_INTEGERS, "duration_ms")


def flat(line: Row) -> Row:
    """A ``row`` line as the columns of a table."""
    event = dict(line["event"])
    event["metadata"] = json.dumps(event["metadata"], ensure_ascii=False)
    return {"number": line["number"], **event}


def deep(columns: Row) -> Row:
    """The ``row`` line of which ``flat`` made these columns."""
    event = dict(columns)
    number = int(event.pop("number"))
    event["metadata"] = json.loads(event["metadata"])
    return {"type": "row", "number": number, "event": event}


@contextmanager
def csv_writer(path: Path) -> Iterator[Write]:
    """Write rows as RFC 4180 has them; what is no text and does not exist is an empty field."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table: csv.DictWriter[str] | None = None

        def write(row: Row) -> None:
            nonlocal table
            if table is None:
                table = csv.DictWriter(file, list(row))
                table.writeheader()
            table.writerow({name: "" if value is None else value for name, value in row.items()})

        yield write


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows that ``csv_writer`` wrote."""
    csv.field_size_limit(1 << 24)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            columns: Row = dict(row)
            for name in _NUMBERS:
                columns[name] = _number(name, columns[name])
            yield deep(columns)


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    return int(text) if name in _INTEGERS else float(text)


@contextmanager
def parquet_writer(path: Path) -> Iterator[Write]:
    """Write rows in groups."""
    arrow, parquet = _arrow()
    waiting: list[Row] = []
    made: list[Any] = []

    def flush() -> None:
        if not waiting:
            return
        if not made:
            made.append(parquet.ParquetWriter(str(path), _schema(arrow, waiting[0])))
        made[0].write_table(arrow.Table.from_pylist(waiting, schema=made[0].schema))
        waiting.clear()

    def write(row: Row) -> None:
        waiting.append(row)
        if len(waiting) >= GROUP:
            flush()

    yield write
    flush()
    if made:
        made[0].close()
    else:
        parquet.write_table(arrow.table({"number": arrow.array([], arrow.int64())}), str(path))


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows that ``parquet_writer`` wrote."""
    _, parquet = _arrow()
    with parquet.ParquetFile(str(path)) as file:
        for batch in file.iter_batches(GROUP):
            for row in batch.to_pylist():
                yield deep(row)


def _schema(arrow: Any, row: Row) -> Any:  # noqa: ANN401 - pyarrow is optional and has no types
    kinds = dict.fromkeys(_INTEGERS, arrow.int64()) | {"duration_ms": arrow.float64()}
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in row])


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy
        from pyarrow import parquet  # noqa: PLC0415 - so is this
    except ImportError as error:
        raise Fault("Parquet needs pyarrow", "pip install 'proxenia[parquet]', or use csv") from error
    return pa, parquet


WRITERS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
    "csv": csv_writer,
    "parquet": parquet_writer,
}
READERS: dict[str, Callable[[Path], Iterator[Row]]] = {"csv": csv_rows, "parquet": parquet_rows}
