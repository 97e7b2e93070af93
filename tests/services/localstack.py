"""LocalStack as an S3 server that honours Object Lock, on loopback, forgotten when it stops.

    python -m tests.services.localstack        start one by hand; prints its address

It lives in an environment of its own (tests/services/install.sh), since its dependencies are not ours.
It accepts any secret, so what needs real authentication is tested against radosgw.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.processes import (
    answers,
    cache_folder,
    free_port,
    serve_until_interrupted,
    server,
    wait_until,
)

VERSION = "4.13.1"
ACCESS_KEY, SECRET_KEY = "rollcall-test", "rollcall-test-secret"
_READY_WITHIN_S = 120.0
# Its folder for objects is written into its source: all servers of a machine would share it and
# leave it full.
_START = """
import os
import localstack.services.s3.provider as provider
provider.DEFAULT_S3_TMP_DIR = os.environ["ROLLCALL_S3_FOLDER"]
from localstack.runtime.main import main
main()
"""


def python() -> Path:
    """The interpreter of its environment. Raises ``SystemExit`` where it is not installed."""
    found = cache_folder() / f"localstack-{VERSION}" / "bin" / "python"
    if not found.exists():
        raise SystemExit("LocalStack is not installed; run: bash tests/services/install.sh")
    return found


@contextmanager
def localstack() -> Iterator[dict[str, str]]:
    """A throw-away server; yields ``ROLLCALL_TEST_S3_LOCALSTACK`` as address, key and secret."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rollcall-localstack-", ignore_cleanup_errors=True) as name:
        log = Path(name) / "localstack.log"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ROLLCALL"))},
            "SERVICES": "s3",
            "EAGER_SERVICE_LOADING": "1",
            "GATEWAY_SERVER": "hypercorn",
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "OVERRIDE_IN_DOCKER": "0",  # else it writes below /var/lib where it finds itself in a container
            "FILESYSTEM_ROOT": name,
            "ROLLCALL_S3_FOLDER": f"{name}/objects",
            "TMPDIR": name,
        }
        with server([str(python()), "-c", _START], log, environment) as process:
            wait_until(lambda: answers(port, "/_localstack/health"), process, _READY_WITHIN_S, log)
            yield {"ROLLCALL_TEST_S3_LOCALSTACK": f"http://{ACCESS_KEY}:{SECRET_KEY}@127.0.0.1:{port}"}


if __name__ == "__main__":
    with localstack() as addresses:
        serve_until_interrupted(addresses)
