"""A configured camera, as a recorder needs to know it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.address import StreamAddress, Transport, parse_address, with_login


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera of a room.

    ``address`` may carry user and password; better in ``username`` and ``password``. None of the three is
    in ``repr``. ``transport``: TCP unless a bad line makes UDP worth its losses; ``None`` leaves it to the
    address (``#transport=udp``). ``ca_file``: certificates (PEM) of the authorities that may vouch for a
    camera over TLS; ``None`` encrypts without asking who answers, for most cameras sign their own.
    """

    camera_id: str
    address: str = field(repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    transport: Transport | None = None
    room: str = ""
    ca_file: Path | None = None

    def stream_address(self) -> StreamAddress:
        """The address to open.

        Raises:
            StreamUnsupported: an address of a kind that is not read here.
        """
        address = parse_address(with_login(self.address, self.username, self.password), self.transport)
        return replace(address, ca_file=self.ca_file)
