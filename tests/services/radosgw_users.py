"""Keys of a running radosgw that are really withdrawn and given back; each takes effect at once.

A user that one test makes and takes away is no other's: the gateway's own user serves all tests of a run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

ADDRESS: Final = "ROLLCALL_TEST_S3_RADOSGW"
CONFIG: Final = "ROLLCALL_TEST_RADOSGW_CONFIG"
_PATIENCE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway. ``address``: with the key of its first user in it; ``config``: path of its
    configuration, by which ``radosgw-admin`` finds it."""

    address: str = field(repr=False)
    config: str

    def environment(self) -> dict[str, str]:
        """What a command needs to find the gateway again with ``in_environment``."""
        return {ADDRESS: self.address, CONFIG: self.config}

    def admin(self, *arguments: str) -> None:
        """Raises ``SystemExit`` with the command's last words, which hold no secret."""
        command = ["radosgw-admin", "-c", self.config, "-n", "client.rgw", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE_S)
        if done.returncode != 0:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise SystemExit(f"radosgw-admin {' '.join(arguments[:2])} failed: {''.join(last)}")

    def new_user(self) -> GatewayUser:
        """Somebody with one key and nothing else."""
        name = f"user-{os.urandom(6).hex()}"
        user = GatewayUser(self, name, f"{name}-key", os.urandom(16).hex())
        self.admin("user", "create", f"--uid={name}", f"--display-name={name}", *user.key)
        return user


@dataclass(frozen=True, slots=True)
class GatewayUser:
    """A user of a gateway, with one key."""

    gateway: Gateway
    name: str
    access_key: str
    secret_key: str = field(repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """As ``radosgw-admin`` takes it."""
        return f"--access-key={self.access_key}", f"--secret={self.secret_key}"

    @property
    def address(self) -> str:
        """The gateway's, with this user's key in it."""
        parts = urlsplit(self.gateway.address)
        return f"{parts.scheme}://{self.access_key}:{self.secret_key}@{parts.hostname}:{parts.port}"

    def remove_key(self) -> None:
        """From now on the gateway answers ``InvalidAccessKeyId``."""
        self._admin("key", "rm", "--key-type=s3", f"--access-key={self.access_key}")

    def restore_key(self) -> None:
        self._admin("key", "create", "--key-type=s3", *self.key)

    def suspend(self) -> None:
        """From now on the gateway answers ``UserSuspended``."""
        self._admin("user", "suspend")

    def enable(self) -> None:
        self._admin("user", "enable")

    def _admin(self, what: str, how: str, *more: str) -> None:
        self.gateway.admin(what, how, f"--uid={self.name}", *more)


def in_environment(environment: Mapping[str, str]) -> Gateway:
    """The gateway that was started by ``run_with_services`` or by hand. Raises ``SystemExit``."""
    if not environment.get(CONFIG):
        raise SystemExit(
            f"a key is withdrawn on the gateway itself: put the path of its ceph.conf into {CONFIG}, "
            f"or leave {ADDRESS} unset, so that a gateway is started"
        )
    return Gateway(environment[ADDRESS], environment[CONFIG])
