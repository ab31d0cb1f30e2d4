"""One call as every format gives it: plain values, checked; names and texts still as the source has them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from generator.traffic import provider
from siphonbench.ingest.faults import Faults
from siphonbench.ingest.mapping import FieldMapping
from siphonbench.ingest.messages import conversation, text_of

EARLIEST_MS = 1_420_070_400_000  # 2015: no earlier call is one of a language model
_AHEAD_MS = 2 * 86_400_000  # clocks that are so far ahead are wrong (a)
_MOST = {"tokens": 100_000_000, "ms": 604_800_000, "number": 30_000}
"""Largest values that can be: tokens of a call, a week, and whatever is counted in tens."""
_UNITS = ((1e17, 1e-6), (1e14, 1e-3), (1e11, 1.0), (1e8, 1e3))
"""Numbers above the first are ns, us, ms or s since 1970: times the second they are ms."""
_TRUE = {"true": True, "1": True, "t": True, "yes": True, "false": False, "0": False, "f": False, "no": False}
ANSWERED = 200
_STATUS = dict(zip(provider.ERRORS, provider.ERROR_STATUS.tolist(), strict=True))
"""Of errors, where the source does not say it."""

FIELDS: Mapping[str, tuple[str, str]] = {
    "request_id": ("text", "requests.request_id"),
    "account_id": ("text", "requests.account_id"),
    "ts": ("time", "requests.ts"),
    "ended": ("time", "requests.latency_ms"),
    "first_token": ("time", "requests.ttft_ms"),
    "latency_ms": ("ms", "requests.latency_ms"),
    "ttft_ms": ("ms", "requests.ttft_ms"),
    "api_key": ("text", "requests.api_key"),
    "channel": ("word", "requests.channel"),
    "endpoint": ("word", "requests.endpoint"),
    "model": ("text", "requests.model"),
    "served_model": ("text", "requests.served_model"),
    "service_tier": ("word", "requests.service_tier"),
    "stream": ("flag", "requests.stream"),
    "max_tokens": ("tokens", "requests.max_tokens"),
    "temperature": ("real", "requests.temperature"),
    "tools": ("any", "requests.tools, tools_hash"),
    "input_tokens": ("tokens", "requests.input_tokens"),
    "output_tokens": ("tokens", "requests.output_tokens"),
    "reasoning_tokens": ("tokens", "requests.reasoning_tokens"),
    "cache_creation_input_tokens": ("tokens", "requests.cache_creation_input_tokens"),
    "cache_read_input_tokens": ("tokens", "requests.cache_read_input_tokens"),
    "stop_reason": ("word", "requests.stop_reason"),
    "status": ("status", "requests.status"),
    "error_type": ("word", "requests.error_type"),
    "retries": ("number", "requests.retries"),
    "sdk": ("word", "requests.sdk"),
    "conversation_id": ("text", "requests.conversation_id"),
    "end_user_id": ("text", "requests.end_user_id"),
    "address": ("text", "requests.ip_prefix"),
    "tls_fingerprint": ("text", "requests.tls_fingerprint"),
    "country": ("text", "requests.country"),
    "messages": ("any", "requests.prompt_simhash, prompt_emb_*, language, messages"),
    "system_prompt": ("any", "requests.system_prompt_hash"),
    "response": ("any", "requests.response_simhash"),
    "created": ("time", "accounts.created"),
    "email": ("text", "accounts.email_domain, email_type"),
    "organization": ("text", "accounts.organization"),
}
"""What a source may say of a call: how it is read, and which column it becomes."""


@dataclass(slots=True)
class UsageRecord:
    """One call.

    Attributes
    ----------
    where : str
        File and line.
    ts : int
        When it came, ms since 1970.
    account : str
        Whose it is, as the source names him.
    values : dict of str to object
        Fields of `FIELDS` that the source says.
    system, prompt, answer : str
        Texts; "" where there are none.
    """

    where: str
    ts: int
    account: str
    values: dict[str, Any]
    system: str = ""
    prompt: str = ""
    answer: str = ""


def read_record(entry: Mapping[str, Any], where: str, mapping: FieldMapping, faults: Faults) -> UsageRecord | None:
    """An entry of a source as a call; None if it is none that can be used.

    Parameters
    ----------
    entry : mapping
        What the source says.
    where : str
        File and line.
    mapping : FieldMapping
        Which field is which.
    faults : Faults
        Gets what is wrong.
    """
    reader = _EntryReader(where, mapping, faults)
    values = {}
    for name in mapping.columns:
        if (value := mapping.first(entry, name)[1]) is not None:
            read = _READERS[FIELDS[name][0]](reader, name, value)
            if read is not None:
                values[name] = read
    if values.get("endpoint") == "-":
        faults.add("no call", where)
        return None
    account, ts = values.pop("account_id", None), values.pop("ts", None)
    if account is None or ts is None:
        if ts is not None or "absurd time" not in reader.met:
            faults.add("no account" if account is None else "no time", where)
        return None
    record = UsageRecord(where, ts, account, values)
    _finish(record, reader)
    return record


class _EntryReader:
    """Values of one entry, and where it stands for what is wrong with them."""

    def __init__(self, where: str, mapping: FieldMapping, faults: Faults) -> None:
        self.where, self.mapping, self.faults = where, mapping, faults
        self.met: set[str] = set()

    def fault(self, kind: str) -> None:
        if kind not in self.met:
            self.faults.add(kind, self.where)
            self.met.add(kind)

    def text(self, name: str, value: Any) -> str | None:
        return str(value).strip() or None if isinstance(value, str | int | float) else None

    def word(self, name: str, value: Any) -> str | None:
        """The word that stands for it here; a longer text is told by the first word of the table that it holds."""
        value = value[0] if isinstance(value, list) and value else value
        text = str(value).strip().lower()
        words = self.mapping.values.get(name, {})
        if text in words:
            return words[text]
        return next(
            (meaning for word, meaning in words.items() if word.endswith("*") and word[:-1] in text), words.get("")
        )

    def status(self, name: str, value: Any) -> int | None:
        """Status of HTTP, of a number or a word; any success is 200."""
        text = str(value).strip()
        word = text if text.isdecimal() else self.word(name, value)
        number = int(word) if word is not None and word.isdecimal() and len(word) == 3 else None
        return ANSWERED if number is not None and 200 <= number < 300 else number

    def flag(self, name: str, value: Any) -> bool | None:
        return value if isinstance(value, bool) else _TRUE.get(str(value).strip().lower())

    def real(self, name: str, value: Any) -> float | None:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
        self.fault("absurd count")
        return None

    def count(self, kind: str, value: Any) -> int | None:
        number = None if isinstance(value, bool) else self.real(kind, value)
        if number is not None and not 0 <= number <= _MOST[kind]:
            self.fault("absurd count")
            return None
        return None if number is None else round(number)

    def time(self, name: str, value: Any) -> int | None:
        """Milliseconds since 1970 of a number in any usual unit, or a date with or without a zone."""
        moment = self._moment(value)
        if moment is None:
            return None
        if not EARLIEST_MS <= moment <= time.time() * 1000 + _AHEAD_MS:
            self.fault("absurd time")
            return None
        return round(moment)

    def _moment(self, value: Any) -> float | None:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return self._date(value)
        return next((number * to_ms for least, to_ms in _UNITS if number > least), 0.0)

    def _date(self, value: Any) -> float | None:
        if not isinstance(value, datetime):
            try:
                value = datetime.fromisoformat(str(value).strip().removesuffix(" UTC"))
            except ValueError:
                return None
        if value.tzinfo is None:
            self.fault("no zone")
            value = value.replace(tzinfo=UTC)
        return float(value.timestamp()) * 1000


_READERS: Mapping[str, Callable[[_EntryReader, str, Any], Any]] = {
    "text": _EntryReader.text,
    "word": _EntryReader.word,
    "status": _EntryReader.status,
    "flag": _EntryReader.flag,
    "real": _EntryReader.real,
    "time": _EntryReader.time,
    "any": lambda reader, name, value: value,
    "tokens": lambda reader, name, value: reader.count("tokens", value),
    "ms": lambda reader, name, value: reader.count("ms", value),
    "number": lambda reader, name, value: reader.count("number", value),
}


def _finish(record: UsageRecord, reader: _EntryReader) -> None:
    """Durations of moments, the status of a word, and what messages say."""
    values = record.values
    for moment, duration in (("ended", "latency_ms"), ("first_token", "ttft_ms")):
        at = values.pop(moment, None)
        if at is not None and at < record.ts:
            reader.fault("backward clock")
        elif at is not None and duration not in values:
            values[duration] = min(at - record.ts, _MOST["ms"])
    _finish_status(values)
    if values.get("status") == ANSWERED and "input_tokens" not in values and "output_tokens" not in values:
        reader.fault("no usage")
    record.answer = text_of(values.pop("response", None))
    system, messages = values.pop("system_prompt", None), values.pop("messages", None)
    if messages is not None:
        if said := conversation(messages):
            record.prompt, record.system, values["messages"] = said.user, said.system, said.turns
        else:
            reader.fault("no text")
    record.system = text_of(system) or record.system


def _finish_status(values: dict[str, Any]) -> None:
    """What failed has an error and its status, what was answered has none."""
    status, error = values.get("status"), values.get("error_type")
    if status == ANSWERED:
        values.pop("error_type", None)
    elif status is None or status == _STATUS["api_error"]:
        if error is not None:
            values["status"] = _STATUS.get(error, _STATUS["api_error"])
        elif status is not None:
            values["error_type"] = "api_error"
    else:
        usual = "invalid_request_error" if status < _STATUS["api_error"] else "api_error"
        of_status = [word for word, number in _STATUS.items() if number == status] or [usual]
        values["error_type"] = error if error in of_status else of_status[0]
