"""The web server, which at its end also lets go of clients that no longer read."""

from __future__ import annotations

import asyncio
import socket

import uvicorn


class WebServer(uvicorn.Server):
    """uvicorn's server, but no connection outlives it.

    A browser that paused a film reads nothing more, so what is written to it never drains, and closing such a
    connection waits for ever. uvicorn stops waiting after ``timeout_graceful_shutdown`` and leaves it open.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then drops what is still connected."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the loop closes an aborted connection at its next turn
