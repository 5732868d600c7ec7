"""Parquet files."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from django.utils.translation import gettext

from cultiva.capture.imports.sheets import cell_text
from cultiva.capture.imports.tables import Bad, Record, Table, UnreadableFile, name_columns

log = logging.getLogger(__name__)


def open_parquet(path: Path) -> Table:
    connection = duckdb.connect()
    try:
        connection.execute("SET threads = 1")
        result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        columns = name_columns([column[0] for column in result.description or ()])
    except duckdb.Error as error:
        connection.close()
        raise _unreadable_parquet(path, error) from error

    def records() -> Iterator[Record | Bad]:
        number = 0
        while rows := fetch():
            for row in rows:
                number += 1
                yield Record(number, [_parquet_value(value) for value in row])

    def fetch() -> list[Any]:
        try:
            return result.fetchmany(2000)
        except duckdb.Error as error:  # the end of a file is read first, the damage in its middle when it comes
            raise _unreadable_parquet(path, error) from error

    return Table(columns, records(), connection.close)


def _unreadable_parquet(path: Path, error: duckdb.Error) -> UnreadableFile:
    said = str(error).partition("\n")[0]
    log.info("event=import.unreadable format=parquet error=%r", said)
    if "encrypt" in said.casefold():
        return encrypted_parquet()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        is_whole = file.read() == b"PAR1"
    if not is_whole:
        return UnreadableFile(gettext("The end of the Parquet file is missing."), gettext("download it again"))
    return UnreadableFile(gettext("The Parquet file is damaged."), gettext("export it again"))


def encrypted_parquet() -> UnreadableFile:
    return UnreadableFile(gettext("The Parquet file is encrypted."), gettext("export it without encryption"))


def _parquet_value(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return value
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return cell_text(float(value)) if isinstance(value, float) else str(value)
    return cell_text(value)
