"""Ceph's radosgw as an S3 server with real authentication, on loopback, forgotten when it stops.

    python -m tests.services.radosgw           start one by hand; prints its address and its configuration

One monitor, one OSD that keeps everything in memory, one gateway, from Debian's packages. Nothing of it talks
to anything but 127.0.0.1 and all its files lie in a temporary folder.
"""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.services.processes import answers, free_port, serve_until_interrupted, server, wait_until
from tests.services.radosgw_users import Gateway

ACCESS_KEY, SECRET_KEY = "rollcall-test", "rollcall-test-secret"
_READY_WITHIN_S = 120.0
_CONF = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon}/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon pg warn min per osd = 0
osd heartbeat grace = 3600
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
keyring = {folder}/keyring
crash dir = {folder}
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
rgw lc debug interval = {lifecycle}
rgw enable usage log = false
rgw override bucket index max shards = 1
rgw rados pool pg num min = 1
mon data avail warn = 0
mon data avail crit = 0
"""


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-1500:]}")


def _make_cluster(folder: Path, mon: int) -> str:
    """Files of an empty cluster; returns the path of its configuration."""
    fsid = str(uuid.uuid4())
    conf = folder / "ceph.conf"
    conf.write_text(_CONF.format(fsid=fsid, mon=mon, folder=folder, lifecycle=5))
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    for name in ("mon.", "client.admin", "osd.0", "client.rgw"):
        caps = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"]
        keyring = folder / "keyring"
        create = [] if keyring.exists() else ["--create-keyring"]
        _run("ceph-authtool", *create, str(keyring), "--gen-key", "-n", name, *caps)
    monmap = str(folder / "monmap")
    _run("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{mon}]", "--fsid", fsid, monmap)
    _run("ceph-mon", "-c", str(conf), "--mkfs", "-i", "a", "--monmap", monmap)
    return str(conf)


@contextmanager
def radosgw() -> Iterator[dict[str, str]]:
    """A throw-away gateway; yields ``ROLLCALL_TEST_S3_RADOSGW`` as address, key and secret, and
    ``ROLLCALL_TEST_RADOSGW_CONFIG``, by which ``radosgw_users`` withdraws keys."""
    mon, port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-rgw-", ignore_cleanup_errors=True) as name,
        ExitStack() as parts,
    ):
        folder = Path(name)
        conf = _make_cluster(folder, mon)
        parts.enter_context(server(["ceph-mon", "-f", "-c", conf, "-i", "a"], folder / "monitor.log"))
        disk = str(uuid.uuid4())
        _run("ceph", "-c", conf, "--connect-timeout", "40", "osd", "new", disk, "0")
        _run("ceph-osd", "-c", conf, "--mkfs", "-i", "0", "--osd-uuid", disk)
        parts.enter_context(server(["ceph-osd", "-f", "-c", conf, "-i", "0"], folder / "disk.log"))
        frontend = f"--rgw-frontends=beast endpoint=127.0.0.1:{port}"
        log = folder / "gateway.log"
        gateway = parts.enter_context(
            server(["radosgw", "-f", "-c", conf, "-n", "client.rgw", frontend], log)
        )
        wait_until(lambda: answers(port, "/"), gateway, _READY_WITHIN_S, log)
        _run(
            *("radosgw-admin", "-c", conf, "-n", "client.rgw", "user", "create", "--uid=rollcall"),
            *("--display-name=Rollcall", f"--access-key={ACCESS_KEY}", f"--secret={SECRET_KEY}"),
        )
        yield Gateway(f"http://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:{port}", conf).environment()


if __name__ == "__main__":
    with radosgw() as addresses:
        serve_until_interrupted(addresses)
