"""Files of a source, entry by entry: JSON in lines, arrays or documents, and CSV; packed by gzip or not."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from generator.errors import UserError
from siphonbench.ingest.faults import Faults

MOST = 16 << 20
"""Bytes of the longest entry that is read."""
_CHUNK = 1 << 18  # characters read at a time
_NEAR = 16  # characters; an error so near the end of what was read may be that the rest is missing
_BETWEEN, _BETWEEN_OF_ARRAY = re.compile(r"[\s\x00\ufeff]*"), re.compile(r"[\s,\[\]\x00\ufeff]*")
_NEXT_OF_ARRAY, _NEXT_LINE = re.compile(r"\}\s*,(?=\s*\{)"), re.compile(r"\n")
BROKEN = (EOFError, OSError, zlib.error)
"""What reading a packed file may raise that was cut or damaged."""
Tick = Callable[[int, int], None]
Entry = tuple[str, dict[str, Any]]
"""Where it stands, and what it says."""


@dataclass
class Source:
    """A file or a folder of files, and how far it was read.

    Attributes
    ----------
    paths : list of Path
        Files in the order of their names.
    faults : Faults
        What was wrong.
    tick : callable
        Told (done, total) in bytes.
    """

    paths: list[Path]
    faults: Faults
    tick: Tick = lambda done, total: None

    @property
    def size(self) -> int:
        """Bytes of all files, packed or not."""
        return sum(p.stat().st_size for p in self.paths)

    def streams(self) -> Iterator[tuple[str, io.BufferedReader]]:
        """Name and unpacked bytes of each file, told to `tick` when it is done."""
        total, before = self.size, 0
        for path in self.paths:
            with path.open("rb") as raw:
                packed = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                counted = _Pieces(raw.read, partial(self._told, raw, before, total))
                if packed:  # read1 gives what was unpacked before a cut; read would lose it
                    unpacked = gzip.GzipFile(fileobj=io.BufferedReader(counted, _CHUNK))
                    counted = _Pieces(unpacked.read1)
                yield path.name, io.BufferedReader(counted, _CHUNK)
            before += path.stat().st_size
            self.tick(before, total)

    def _told(self, raw: BinaryIO, before: int, total: int) -> None:
        self.tick(before + raw.tell(), total)


class _Pieces(io.RawIOBase):
    """A stream that is read piece by piece."""

    def __init__(self, read: Callable[[int], bytes], after: Callable[[], None] = lambda: None) -> None:
        self._read, self._after = read, after

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        self._after()
        return len(content)


def open_source(path: Path, faults: Faults, tick: Tick) -> Source:
    """Look for the files of a source.

    Parameters
    ----------
    path : Path
        File, or folder whose files are all read.
    faults : Faults
        Gets what is wrong.
    tick : callable
        Told (done, total) in bytes.

    Raises
    ------
    UserError
        If nothing is there, or it can't be read.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist: name the file of your export, or the folder that holds it")
    found = (
        sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        if path.is_dir()
        else [path]
    )
    try:
        for file in found:
            file.open("rb").close()
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}; check its permissions") from error
    if not found:
        raise UserError(f"{path} holds no file: name the file of your export, or the folder that holds it")
    return Source(found, faults, tick)


def entries(source: Source) -> Iterator[Entry]:
    """Every entry of files of JSON or CSV, whichever each is.

    Parameters
    ----------
    source : Source
        Files.

    Yields
    ------
    tuple of str and dict
        Where it stands, and what it says.
    """
    for name, stream in source.streams():
        yield from entries_of(name, stream, source.faults)


def entries_of(name: str, stream: io.BufferedReader, faults: Faults) -> Iterator[Entry]:
    """Every entry of one file.

    Parameters
    ----------
    name : str
        Of the file.
    stream : io.BufferedReader
        Unpacked.
    faults : Faults
        Gets what is wrong.

    Yields
    ------
    tuple of str and dict
        Where it stands, and what it says.
    """
    first = first_byte(stream)
    if first in (b"{", b"[", b""):
        yield from _json_entries(name, stream, first == b"[", faults)
    else:
        yield from _csv_entries(name, stream, faults)


def first_byte(stream: io.BufferedReader) -> bytes:
    """First byte that is no space; nothing of it is used up.

    Parameters
    ----------
    stream : io.BufferedReader
        At its start.
    """
    try:
        return stream.peek(1).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    except BROKEN:
        return b""  # told when it is read


def _json_entries(name: str, stream: io.BufferedReader, array: bool, faults: Faults) -> Iterator[Entry]:
    """Objects one after the other, whatever stands between them: lines, an array, or documents of many lines."""
    text = _Text(name, stream, faults)
    decoder = json.JSONDecoder()
    while text.skip(_BETWEEN_OF_ARRAY if array else _BETWEEN):
        where = text.where
        try:
            value, end = decoder.raw_decode(text.ahead, text.at)
        except (ValueError, RecursionError) as error:
            if _may_go_on(error, text) and text.more():
                continue
            long = len(text.ahead) - text.at > MOST
            if not text.ended or long:
                faults.add("too long" if long else "no JSON", where)
            elif "too early" not in faults.counts:
                faults.add("no JSON" if text.whole_line() else "too early", where)
            text.leap(_NEXT_OF_ARRAY if array else _NEXT_LINE)
            continue
        long = end - text.at > MOST
        text.advance(end)
        if isinstance(value, dict) and not long:
            yield where, value
        else:
            faults.add("too long" if long else "no JSON", where)


def _may_go_on(error: Exception, text: _Text) -> bool:
    """Whether the rest of an entry may not have been read yet."""
    if not isinstance(error, json.JSONDecodeError) or len(text.ahead) - text.at > MOST:
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= len(text.ahead) - _NEAR


class _Text:
    """A stream as text: what was read and not yet used, and the line that it begins in."""

    def __init__(self, name: str, stream: io.BufferedReader, faults: Faults) -> None:
        self.ahead, self.at, self.ended = "", 0, False
        self._name, self._stream, self._faults, self._line = name, stream, faults, 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def where(self) -> str:
        return f"{self._name} line {self._line}"

    def more(self) -> bool:
        """Read on, as much again as is waiting; whether anything came."""
        if self.ended:
            return False
        waiting = self.ahead[self.at :]
        pieces, wanted = [], max(_CHUNK, len(waiting))
        while wanted > 0 and not self.ended:
            try:
                piece = self._stream.read1(_CHUNK)
            except BROKEN:
                self._faults.add("too early", self.where)
                piece = b""
            self.ended = not piece
            wanted -= len(piece)
            pieces.append(self._decoder.decode(piece, self.ended))
        self.ahead, self.at = waiting + "".join(pieces), 0
        return len(self.ahead) > len(waiting)

    def skip(self, between: re.Pattern[str]) -> bool:
        """Pass over what stands between entries; whether one follows."""
        while True:
            found = between.match(self.ahead, self.at)
            self.advance(found.end() if found else self.at)
            if self.at < len(self.ahead):
                return True
            if not self.more() and self.at >= len(self.ahead):
                return False

    def leap(self, mark: re.Pattern[str]) -> None:
        """Pass over everything up to a mark, and the mark."""
        while True:
            if found := mark.search(self.ahead, self.at):
                self.advance(found.end())
                return
            self.advance(len(self.ahead))
            if not self.more():
                return

    def advance(self, end: int) -> None:
        self._line += self.ahead.count("\n", self.at, end)
        self.at = end

    def whole_line(self) -> bool:
        """Whether the line that is ahead ends as lines do."""
        return "\n" in self.ahead[self.at :]


def _csv_entries(name: str, stream: io.BufferedReader, faults: Faults) -> Iterator[Entry]:
    csv.field_size_limit(MOST)
    rows = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""))
    head: list[str] = []
    while True:
        where = f"{name} line {rows.line_num + 1}"
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            faults.add("too long" if "limit" in str(error) else "no JSON", where)
            continue
        except BROKEN:
            faults.add("too early", where)
            return
        if not head:
            head = row
        elif len(row) == len(head):
            yield where, dict(zip(head, row, strict=True))
        elif row:
            faults.add("no JSON", where)
