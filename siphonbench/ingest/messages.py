"""What messages say, in whichever of the usual forms they are: system prompt, last user turn, answer, how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from siphonbench.ingest.mapping import parsed

_SYSTEM, _USER = ("system", "developer"), ("user", "human")
_TEXTS = ("content", "parts", "text", "message", "messages", "input_text", "output", "choices", "value")
"""Keys below which a message has its words."""
_DEEPEST = 8


class Conversation(NamedTuple):
    """What was sent.

    Attributes
    ----------
    system : str
        System prompt; "" without one.
    user : str
        Last turn of the user.
    turns : int
        Messages, the system prompt left out.
    """

    system: str
    user: str
    turns: int


def conversation(value: Any) -> Conversation | None:
    """Read messages; None if there are no words.

    Parameters
    ----------
    value : object
        A list of messages with role and content or parts, an object that holds one, JSON of either, or plain text.

    Examples
    --------
    >>> conversation([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}])
    Conversation(system='Be brief.', user='Why?', turns=1)
    >>> conversation('[{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]').user
    'Why?'
    """
    value = parsed(value) if isinstance(value, str) else value
    if isinstance(value, dict) and "role" not in value:
        inner = next((value[k] for k in ("messages", "input", "prompt", "contents") if value.get(k)), None)
        system = text_of(value.get("system") or value.get("instructions"))
        found = conversation(inner) if inner is not None else None
        return found._replace(system=found.system or system) if found else None
    messages = [_message(m) for m in (value if isinstance(value, list) else [value])]
    system = "\n".join(text for role, text in messages if role in _SYSTEM and text)
    turns = [(role, text) for role, text in messages if role not in _SYSTEM]
    user = next((text for role, text in reversed(turns) if role in _USER and text), "")
    return Conversation(system, user, len(turns)) if user or system else None


def text_of(value: Any) -> str:
    """All words of a message, a part of one, an answer or a list of such.

    Parameters
    ----------
    value : object
        In any of the usual forms; JSON as text is looked into.
    """
    return "\n".join(_texts(parsed(value) if isinstance(value, str) else value, _DEEPEST))


def _message(message: Any) -> tuple[str, str]:
    role = message.get("role") or message.get("type") if isinstance(message, dict) else "user"
    return str(role).lower(), text_of(message)


def _texts(value: Any, deep: int) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, list) and deep:
        for part in value:
            yield from _texts(part, deep - 1)
    elif isinstance(value, dict) and deep:
        for key in _TEXTS:
            if key in value:
                yield from _texts(value[key], deep - 1)
