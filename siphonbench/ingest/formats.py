"""Formats of logs by name: what reads each, and which mapping says what is what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from siphonbench.ingest import langfuse, otel, source_files
from siphonbench.ingest.source_files import Entry, Source


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    description : str
        What is read, for a person.
    entries : callable
        Source -> entries, one per call.
    """

    description: str
    entries: Callable[[Source], Iterator[Entry]]


FORMATS = {
    "otel": Format("spans of OpenTelemetry's GenAI conventions: OTLP as JSON or protobuf", otel.entries),
    "litellm": Format("spend logs of LiteLLM's proxy: JSON or CSV of its table", source_files.entries),
    "langfuse": Format(
        "Langfuse's export: JSON or CSV of observations, or of traces with theirs", langfuse.entries
    ),
    "jsonl": Format("JSON in lines, or CSV, of any names: give a mapping", source_files.entries),
}
