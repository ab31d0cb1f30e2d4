"""The HTTP server: one process, small headers, and no patience with clients that send them slowly."""

from __future__ import annotations

import asyncio
import copy
import sys
from typing import Any

import h11
import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.h11_impl import H11Protocol

from leaderboard.intake import security

_HEADER_SECONDS = 10.0
_BODY_SECONDS = 2.0  # that a body which nobody reads any more may go on, so that its sender sees the answer
_HEADER_BYTES = 16 << 10
_CONNECTIONS = 1000
_TURN_SECONDS = 0.0005


class Impatient(H11Protocol):
    """HTTP/1.1 that closes a connection whose first request has not come in time, or whose body is refused."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock.

        Parameters
        ----------
        transport : asyncio.Transport
            The connection.
        """
        super().connection_made(transport)
        self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def on_response_complete(self) -> None:
        """Close the connection if its client goes on to send what was answered already."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(_BODY_SECONDS, self._hang_up, self.cycle)

    def _hang_up(self, answered: object) -> None:
        if self.cycle is answered and self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self.transport.close()

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def serve(app: security.App, host: str, port: int, proxy: str = "", log_level: str = "info") -> None:
    """Serve an application until SIGINT or SIGTERM; what it is answering may take 10 s to end.

    Parameters
    ----------
    app : ASGI application
        See `security.secured`.
    host, port
        Where to listen.
    proxy : str
        Addresses of proxies whose X-Forwarded-For is believed, with commas between; nobody's without.
    log_level : str
        Of the access log and errors.
    """
    # A thread that reads a board must not hold up the one that answers: 5 ms a turn would add up.
    sys.setswitchinterval(_TURN_SECONDS)
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=Impatient,
        ws="none",
        lifespan="on",
        proxy_headers=bool(proxy),
        forwarded_allow_ips=proxy or None,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        server_header=False,
        log_config=logs(),
        log_level=log_level,
    )


def logs() -> dict[str, Any]:
    """Uvicorn's logging, without tokens."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"no_tokens": {"()": security.NoTokens}}
    # The cleaned record is one text: uvicorn's own access format wants its parts.
    config["formatters"] = {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}}
    for handler in config["handlers"].values():
        handler |= {"filters": ["no_tokens"], "formatter": "plain", "stream": "ext://sys.stderr"}
    config["loggers"]["leaderboard"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    config["disable_existing_loggers"] = False
    return config
