"""What stands around the application: security headers, rates per address, logs without tokens."""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_TOKEN = re.compile(r"sb[0-9]{1,9}_[A-Za-z0-9_-]+|(?i:(?<=bearer )|(?<=bearer%20))\S+")
_ADDRESSES = 20_000


def secured(app: App) -> App:
    """An application whose every answer carries `HEADERS`, and whose HEAD is its GET without a body.

    Parameters
    ----------
    app : ASGI application
        What answers.
    """
    extra = [(k.encode(), v.encode()) for k, v in HEADERS.items()]

    async def wrapped(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        head = scope.get("method") == "HEAD"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            elif head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        # A copy: the server itself must know that it was HEAD.
        await app({**scope, "method": "GET"} if head else scope, receive, sending)

    return wrapped


class Rate:
    """How often something may happen per key, over a sliding window.

    Parameters
    ----------
    most : int
        Times within a window.
    seconds : float
        Length of the window.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, count: bool = True) -> float:
        """Seconds to wait before it may happen again, 0 if it may now.

        Parameters
        ----------
        key : str
            Whose it is.
        count : bool
            Whether it counts if it may happen now.
        """
        now = time.monotonic()
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        if len(self._times) > _ADDRESSES:  # a swarm of addresses must not fill the memory
            self._times.popitem(last=False)
        while times and times[0] <= now - self.seconds:
            times.popleft()
        if len(times) >= self.most:
            return times[0] + self.seconds - now
        if count:
            times.append(now)
        return 0.0


def network(address: str | None) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one.

    Parameters
    ----------
    address : str or None
        Of a client.

    Examples
    --------
    >>> network("192.0.2.7"), network("2001:db8::7"), network(None)
    ('192.0.2.7', '2001:db8::/64', 'unknown')
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class NoTokens(logging.Filter):
    """Takes tokens out of log records, wherever a client put them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true, after the record is cleaned.

        Parameters
        ----------
        record : logging.LogRecord
            Changed in place.
        """
        record.msg, record.args = cleaned(record.getMessage()), None
        if record.exc_info:
            record.exc_text = cleaned(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def cleaned(text: str) -> str:
    """Text without tokens and without what could forge another line of a log.

    Parameters
    ----------
    text : str
        Of a log record.

    Examples
    --------
    >>> cleaned("PUT /x?token=sb7_abc-DEF")
    'PUT /x?token=[token]'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in _TOKEN.sub("[token]", text))
