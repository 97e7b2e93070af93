"""A configured camera, as a recorder needs to know it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.address import StreamAddress, Transport, parse_address, with_login


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera of a room.

    ``address`` may carry user and password; better in ``username`` and ``password``. None of the three is
    in ``repr``. ``transport``: TCP unless a bad line makes UDP worth its losses; ``None`` leaves it to the
    address (``#transport=udp``).
    """

    camera_id: str
    address: str = field(repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    transport: Transport | None = None
    room: str = ""

    def stream_address(self) -> StreamAddress:
        """The address to open.

        Raises:
            StreamUnsupported: an address of a kind that is not read here.
        """
        return parse_address(with_login(self.address, self.username, self.password), self.transport)
