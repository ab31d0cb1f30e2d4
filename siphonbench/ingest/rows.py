"""Records -> rows of the public tables: names as pseudonyms, texts as sketches, words of a closed list."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from generator import schema
from siphonbench.ingest import sketches
from siphonbench.ingest.pseudonyms import Pseudonyms
from siphonbench.ingest.record import UsageRecord

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,99}", re.ASCII)
_OTHER_MODEL = "other"
_DATE = re.compile(r"([-@:]\d{4}[\d-]*)?", re.ASCII)  # of a model, behind its name
_FREE_MAIL = (
    *(
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "yahoo.com",
        "icloud.com",
        "aol.com",
    ),
    *("proton.me", "protonmail.com", "gmx.de", "gmx.net", "web.de", "mail.ru", "yandex.ru", "qq.com", "163.com"),
)
_SCHOOL = re.compile(r"\.edu(\.[a-z]{2})?$|\.ac\.[a-z]{2}$")
_KEYED = {"api_key": 63, "conversation_id": 63, "end_user_id": 63, "tls_fingerprint": 31}
"""Columns that are pseudonyms of a field of the same name, and their bits."""
_PLAIN = (
    *("channel", "endpoint", "service_tier", "stream", "max_tokens", "temperature", "messages", "input_tokens"),
    *(
        "output_tokens",
        "reasoning_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "stop_reason",
    ),
    *("status", "error_type", "retries", "latency_ms", "ttft_ms", "sdk"),
)
"""Columns that are what the field of the same name says."""
_MOST = {"retries": 127, "messages": 32_767}
"""What the narrowest columns hold."""
_TEXT = ("system_prompt", "prompt")
ACCOUNT_COLUMNS = ("created", "email_domain", "email_type", "organization")
"""Of accounts, that a source may say with each call."""


def _spill_schema() -> pl.Schema:
    """Requests with what later steps need: where each stood, and what is said of its account."""
    requests = pl.Schema(pl.DataFrame(schema.arrow_schema("requests").empty_table()).schema)
    plain = {
        name: pl.String() if kind == pl.Categorical else kind for name, kind in requests.items() if name != "day"
    }
    plain |= {"ts": pl.Int64(), "where": pl.String()}
    plain |= {
        "created": pl.Int64(),
        "email_domain": pl.String(),
        "email_type": pl.String(),
        "organization": pl.String(),
    }
    return pl.Schema(plain | dict.fromkeys(_TEXT, pl.String()))


SPILL = _spill_schema()


@dataclass
class RowMaker:
    """What turns records into rows.

    Attributes
    ----------
    pseudonyms : Pseudonyms
        Of the key.
    keep_text : bool
        Whether prompts stay readable.
    """

    pseudonyms: Pseudonyms
    keep_text: bool = False

    def rows(self, records: Sequence[UsageRecord]) -> pl.DataFrame:
        """Rows of `SPILL`; what a record does not say is null.

        Parameters
        ----------
        records : sequence of UsageRecord
            Calls.
        """
        seed = self.pseudonyms.number("sketch", "", 63)
        table = [self._row(r) for r in records]
        prompts = [i for i, r in enumerate(records) if r.prompt]
        answers = [i for i, r in enumerate(records) if r.answer]
        texts = [records[i].prompt for i in prompts]
        for i, sketch, vector in zip(
            prompts, sketches.simhash(texts, seed), sketches.embeddings(texts, seed), strict=True
        ):
            table[i]["prompt_simhash"] = int(sketch)
            table[i] |= dict(zip(schema.EMBEDDING_COLUMNS, vector.tolist(), strict=True))
        for i, sketch in zip(
            answers, sketches.fingerprints([records[i].answer for i in answers], seed), strict=True
        ):
            table[i]["response_simhash"] = int(sketch)
        return pl.DataFrame(table, SPILL)

    def _row(self, record: UsageRecord) -> dict[str, Any]:
        values, hide = record.values, self.pseudonyms.number
        account = self.pseudonyms.account(record.account)
        row = {name: values.get(name) for name in _PLAIN}
        row |= {name: min(values[name], most) for name, most in _MOST.items() if name in values}
        row |= {
            "where": record.where,
            "account_id": account,
            "ts": record.ts,
            "model": _model(values.get("model")),
            "served_model": _served(values.get("served_model"), values.get("model")),
        }
        # Two accounts may number their calls alike; what has no id is told by where it stands.
        row["request_id"] = hide("request", f"{account}\0{values.get('request_id') or record.where}")
        row |= {n: hide(n, values[n], bits) for n, bits in _KEYED.items() if values.get(n)}
        if address := values.get("address"):
            row["ip_prefix"] = self.pseudonyms.network(address)
        if country := values.get("country"):
            row["country"] = f"c{hide('country', country.upper(), 16):05d}"
        row |= self._tools(values.get("tools"), answered=bool(record.prompt))
        if record.system:
            row["system_prompt_hash"] = hide("system prompt", record.system)
        if record.prompt:
            row["language"] = sketches.language(record.prompt)
        row |= self._account(values)
        if self.keep_text and record.prompt:
            row |= {"system_prompt": record.system or None, "prompt": record.prompt}
        return row

    def _tools(self, tools: Any, answered: bool) -> dict[str, Any]:
        """How many, and which; none where messages are told and tools are not."""
        if isinstance(tools, str):
            try:
                tools = json.loads(tools)
            except (ValueError, RecursionError):
                tools = None
        if isinstance(tools, list) and tools:
            told = json.dumps(tools, sort_keys=True)
            return {"tools": len(tools), "tools_hash": self.pseudonyms.number("tools", told)}
        if isinstance(tools, int) and not isinstance(tools, bool) and tools >= 0:
            return {"tools": min(tools, 30_000)}
        return {"tools": 0 if answered else None}

    def _account(self, values: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {"created": values.get("created")}
        domain = str(values.get("email", "")).rpartition("@")[2].strip().lower()
        if domain:
            kind = "free" if domain in _FREE_MAIL else "education" if _SCHOOL.search(domain) else "corporate"
            number = self.pseudonyms.number("domain", domain, 48)
            row |= {"email_domain": f"domain-{number:012x}", "email_type": kind}
        if organization := values.get("organization"):
            row["organization"] = f"organization-{self.pseudonyms.number('organization', organization, 48):012x}"
        return row


def to_arrow(frame: pl.DataFrame, table: str) -> pa.Table:
    """A frame as an Arrow table of the public schema, in which any column may be null.

    Parameters
    ----------
    frame : polars.DataFrame
        Some columns of the table; the others are null.
    table : str
        Key of `schema.TABLES`.
    """
    arrays = []
    for field in schema.arrow_schema(table):
        if field.name not in frame.columns:
            arrays.append(pa.nulls(len(frame), field.type))
        elif pa.types.is_dictionary(field.type):
            column = frame[field.name].cast(pl.String).to_arrow().cast(pa.string())
            arrays.append(column.dictionary_encode().cast(field.type))
        else:
            arrays.append(frame[field.name].to_arrow().cast(field.type))
    return pa.table(arrays, pa.schema([field.with_nullable(True) for field in schema.arrow_schema(table)]))


def _model(name: str | None) -> str | None:
    """Name of a model; of one's own fine-tuning its base, and no free text."""
    if name is None:
        return None
    base = ":".join(name.split(":")[1:2]) if name.startswith("ft:") else name
    return base if _MODEL.fullmatch(base) else _OTHER_MODEL


def _served(answers: str | None, asked: str | None) -> str | None:
    """Name of the model that answers; the one asked for where that is told with its date."""
    name = (asked or "").rpartition("/")[2]
    dated = bool(name and answers and answers.startswith(name) and _DATE.fullmatch(answers[len(name) :]))
    return _model(asked if dated else answers)
