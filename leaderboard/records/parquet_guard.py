"""What the pages of a Parquet file say they decode to, read from their own headers before one is decoded.

The footer says it too, but nothing binds it: a file of 50 KB whose footer promises little can decode to gigabytes.
What allocates memory are the headers in front of the pages, so these are added up.

Source: Apache Parquet format, parquet.thrift (PageHeader) in Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData, FileMetaData

_HEADER_BYTES = 1 << 16  # a header with statistics of long texts; a longer one is not read
_MOST_PAGES = 20_000
_PREFIXES_BYTES = 256 << 20
"""(a) What pages of prefixes (DELTA_BYTE_ARRAY) may decode to if every value repeats its whole page."""
_DELTA_BYTE_ARRAY = 7
_SIZE, _COMPRESSED, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8  # fields of PageHeader
_VALUES = 1  # field of the header of each kind of page
_ENCODING = {_DATA: 2, _DATA_V2: 4}

Fields = dict[int, "int | Fields"]


@dataclass(frozen=True)
class Page:
    """What one page says of itself.

    Attributes
    ----------
    size, compressed : int
        Bytes once it is decoded, and in the file.
    values : int
        How many it holds.
    data : bool
        Whether they are rows, and no dictionary.
    prefixes : bool
        Whether each value may repeat the one before.
    """

    size: int
    compressed: int
    values: int
    data: bool
    prefixes: bool


def check(file: Path, metadata: FileMetaData, most_bytes: int, most_values: int) -> str:
    """What is wrong with the pages of a file; "" if they decode to no more than they may.

    Parameters
    ----------
    file : Path
        Parquet file.
    metadata : pyarrow.parquet.FileMetaData
        Of its footer.
    most_bytes : int
        That all pages may decode to.
    most_values : int
        That one page, and the pages of one column, may hold.

    Raises
    ------
    ValueError
        If a header is none, or says what can't be.
    """
    total = pages = 0
    with file.open("rb") as source:
        columns = range(metadata.num_columns)
        for chunk in (metadata.row_group(g).column(c) for g in range(metadata.num_row_groups) for c in columns):
            at, end, values = _start(chunk), _start(chunk) + chunk.total_compressed_size, 0
            # As Arrow reads: until the column has its values.
            while at < end and values < chunk.num_values:
                page, header = _page(source, at)
                at += header + page.compressed
                values += page.values if page.data else 0
                pages += 1
                total += page.size
                if total > most_bytes:
                    return f"its pages decode to more than {most_bytes:,} bytes"
                if pages > _MOST_PAGES or max(values, page.values) > most_values:
                    return f"its pages hold more than {most_values:,} values, or are too many"
                if page.prefixes and page.size * page.values > _PREFIXES_BYTES:
                    return f"{chunk.path_in_schema} is written as DELTA_BYTE_ARRAY; write it with a dictionary"
    return ""


def _start(chunk: ColumnChunkMetaData) -> int:
    dictionary = chunk.dictionary_page_offset if chunk.has_dictionary_page else None
    return min(chunk.data_page_offset, dictionary) if dictionary else int(chunk.data_page_offset)


def _page(source: BinaryIO, at: int) -> tuple[Page, int]:
    """Page whose header stands at an offset, and the length of the header."""
    source.seek(at)
    reader = _Reader(source.read(_HEADER_BYTES))
    fields = reader.struct()
    kind = next((k for k in (_DATA, _DATA_V2, _DICTIONARY) if k in fields), 0)
    own = fields.get(kind, {})
    size, compressed = fields.get(_SIZE), fields.get(_COMPRESSED)
    values = own.get(_VALUES) if isinstance(own, dict) and kind else 0
    numbers = [n for n in (size, compressed, values) if isinstance(n, int) and n >= 0]
    if len(numbers) < 3 or not isinstance(own, dict):
        raise ValueError(f"no page header at byte {at:,}")
    prefixes = own.get(_ENCODING.get(kind, -1)) == _DELTA_BYTE_ARRAY
    return Page(numbers[0], numbers[1], numbers[2], kind in _ENCODING, prefixes), reader.at


class _Reader:
    """Thrift's compact protocol, as far as page headers need it: numbers and structs; the rest is skipped."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self, depth: int = 0) -> Fields:
        """The fields of a struct, by their ids."""
        if depth > 8:
            raise ValueError("a page header is nested too deep")
        fields: Fields = {}
        id_ = 0
        while head := self._byte():
            id_ = id_ + (head >> 4) if head >> 4 else self._integer()
            kind = head & 0x0F
            if kind == 12:
                fields[id_] = self.struct(depth + 1)
            elif kind in _SKIPPED:
                _SKIPPED[kind](self)
            elif kind in (4, 5, 6):
                fields[id_] = self._integer()
            else:
                raise ValueError(f"a page header has a field of kind {kind}")
        return fields

    def _byte(self) -> int:
        if self.at >= len(self.content):
            raise ValueError("a page header does not end")
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a page header has an endless number")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)  # zigzag

    def skip(self, size: int) -> None:
        """Go on behind some bytes."""
        self.at += size


_SKIPPED: Final[dict[int, Callable[[_Reader], None]]] = {
    1: lambda reader: None,  # true and false stand in the field's head
    2: lambda reader: None,
    3: lambda reader: reader.skip(1),
    7: lambda reader: reader.skip(8),
    8: lambda reader: reader.skip(reader._varint()),
}
