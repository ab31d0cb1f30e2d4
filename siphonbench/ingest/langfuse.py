"""Langfuse's exports: observations one by one, with what their trace says of user and session."""

from __future__ import annotations

from collections.abc import Iterator

from siphonbench.ingest import source_files
from siphonbench.ingest.source_files import Entry, Source


def entries(source: Source) -> Iterator[Entry]:
    """Observations, of rows of theirs, of traces that hold them, and of pages of the API.

    Parameters
    ----------
    source : Source
        Files of JSON or CSV.

    Yields
    ------
    tuple of str and dict
        Where it stands, and the observation with its trace under "trace".
    """
    for where, entry in source_files.entries(source):
        page = entry.get("data")
        for record in page if isinstance(page, list) else [entry]:
            if not isinstance(record, dict):
                source.faults.add("no JSON", where)
                continue
            trace = record.get("trace") if isinstance(record.get("trace"), dict) else record
            observations = record.get("observations")
            if not isinstance(observations, list):
                yield where, record
                continue
            context = {k: v for k, v in (trace or {}).items() if k not in ("observations", "input", "output")}
            for observation in observations:
                if isinstance(observation, dict):
                    yield where, {**observation, "trace": context}
