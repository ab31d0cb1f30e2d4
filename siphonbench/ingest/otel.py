"""OTLP: spans of files of JSON or protobuf, flattened to one table of attributes each."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from generator.errors import UserError
from siphonbench.ingest import source_files
from siphonbench.ingest.faults import Faults
from siphonbench.ingest.source_files import Entry, Source

_FIELD_1 = 0x0A  # first byte of an unframed message: field 1, resource spans
_FRAME = 4  # bytes of a length, big-endian, as the collector's file exporter writes them
_JSON = (b"{", b"[", b"")
_AI = ("gen_ai.", "llm.", "openinference.")
_ERROR = (2, "2", "STATUS_CODE_ERROR")
_INPUTS = ("gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message")
_OUTPUT, _PROMPT, _COMPLETION = "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"
_MISSING = "protobuf can't be read without opentelemetry-proto: pip install 'siphonbench[ingest]'"


def entries(source: Source) -> Iterator[Entry]:
    """Every span about a model, of files of JSON (lines, or whole documents) and of protobuf.

    Parameters
    ----------
    source : Source
        Files.

    Yields
    ------
    tuple of str and dict
        Where it stands; attributes by name, with "span.start", "span.end", "span.id", "span.status",
        "span.input_messages" and "span.output_messages", and those of the resource behind "resource.".
    """
    for name, stream in source.streams():
        read = source_files.entries_of if source_files.first_byte(stream) in _JSON else _messages
        for where, message in read(name, stream, source.faults):
            yield from _spans(where, message, source.faults)


def _messages(name: str, stream: BinaryIO, faults: Faults) -> Iterator[Entry]:
    """Messages of protobuf as the same JSON that files of JSON hold."""
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
    except ImportError as error:
        raise UserError(_MISSING) from error
    for number, body in enumerate(_frames(name, stream, faults), 1):
        where = f"{name} message {number}"
        try:
            yield where, MessageToDict(TracesData.FromString(body))
        except (DecodeError, ValueError, RecursionError):
            faults.add("no JSON", where)


def _frames(name: str, stream: BinaryIO, faults: Faults) -> Iterator[bytes]:
    """Bodies of messages: each behind its length, or one that fills the file."""
    try:
        start = stream.read(_FRAME)
        if start[:1] == bytes([_FIELD_1]):
            body = start + stream.read(source_files.MOST * 16)
            yield body
            return
        number = 0
        while len(start) == _FRAME:
            number += 1
            (length,) = struct.unpack(">I", start)
            if length > source_files.MOST * 16:
                faults.add("too long", f"{name} message {number}")
                return
            body = stream.read(length)
            if len(body) < length:
                faults.add("too early", f"{name} message {number}")
                return
            yield body
            start = stream.read(_FRAME)
        if start:
            faults.add("too early", f"{name} message {number + 1}")
    except source_files.BROKEN:
        faults.add("too early", name)


def _spans(where: str, message: dict[str, Any], faults: Faults) -> Iterator[Entry]:
    for of_resource in _list(message, "resourceSpans", "resource_spans"):
        resource = _attributes(_table(of_resource, "resource").get("attributes"))
        for of_scope in _list(of_resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for span in _list(of_scope, "spans"):
                flat = _flat(span)
                if any(key.startswith(_AI) for key in flat):
                    yield where, flat | {f"resource.{key}": value for key, value in resource.items()}
                else:
                    faults.add("no call", where)
    if not _list(message, "resourceSpans", "resource_spans"):
        faults.add("no JSON", where)


def _flat(span: dict[str, Any]) -> dict[str, Any]:
    flat = _attributes(span.get("attributes"))
    flat["span.id"] = span.get("spanId") or span.get("span_id")
    flat["span.start"] = span.get("startTimeUnixNano") or span.get("start_time_unix_nano")
    flat["span.end"] = span.get("endTimeUnixNano") or span.get("end_time_unix_nano")
    with suppress(KeyError, TypeError, ValueError, OverflowError):  # in seconds
        wait = round(float(flat["gen_ai.response.time_to_first_chunk"]) * 1e9)
        flat["span.first_token"] = int(flat["span.start"]) + wait
    failed = _table(span, "status").get("code") in _ERROR or "error.type" in flat
    flat["span.status"] = "error" if failed else "ok"
    inputs, outputs = [], []
    for event in _list(span, "events"):
        said = _attributes(event.get("attributes"))
        name = str(event.get("name"))
        if name in _INPUTS:
            inputs.append({"role": name.split(".")[1], **said})
        elif name == _OUTPUT:
            outputs.append(said)
        flat |= {k: v for k, v in said.items() if name in (_PROMPT, _COMPLETION)}
        flat |= {k: v for k, v in said.items() if k in ("gen_ai.input.messages", "gen_ai.output.messages")}
    flat["span.input_messages"] = inputs or _numbered(flat, "gen_ai.prompt")
    flat["span.output_messages"] = outputs or _numbered(flat, "gen_ai.completion")
    return flat


def _numbered(flat: dict[str, Any], stem: str) -> list[dict[str, Any]]:
    """Messages of attributes such as gen_ai.prompt.0.content."""
    messages: dict[int, dict[str, Any]] = {}
    for key, value in flat.items():
        if key.startswith(stem + "."):
            number, _, part = key.removeprefix(stem + ".").partition(".")
            if number.isdecimal() and len(number) < 6 and part in ("role", "content"):
                messages.setdefault(int(number), {})[part] = value
    return [messages[n] for n in sorted(messages)]


def _attributes(pairs: Any) -> dict[str, Any]:
    """Attributes as plain values; those that are a table already stay one."""
    if isinstance(pairs, dict):
        return dict(pairs)
    if not isinstance(pairs, list):
        return {}
    return {str(p.get("key")): _plain(p.get("value")) for p in pairs if isinstance(p, dict)}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for kind, inner in value.items():
        if kind in ("arrayValue", "array_value"):
            values = _table(value, kind).get("values")
            return [_plain(v) for v in values] if isinstance(values, list) else []
        if kind in ("kvlistValue", "kvlist_value"):
            return _attributes(_table(value, kind).get("values"))
        return inner
    return None


def _table(of: dict[str, Any], key: str) -> dict[str, Any]:
    value = of.get(key)
    return value if isinstance(value, dict) else {}


def _list(of: dict[str, Any], *keys: str) -> list[dict[str, Any]]:
    """Tables in the list under the first key that holds one."""
    found: list[Any] = next((of[key] for key in keys if isinstance(of.get(key), list)), [])
    return [value for value in found if isinstance(value, dict)]
