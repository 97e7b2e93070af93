"""``rollcall bench upload`` against a server that is started for it (or that the tests' environment names).

python -m tests.benchmarks.upload [--files 12] [--file-mb 16] [--store localstack|radosgw] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from supervision_api.benches.upload import Figures, bench_upload
from tests.drills.drill_store import LOCALSTACK, SERVERS, DrillStore, drill_store


def measure(store: DrillStore, files: int, file_mb: int) -> Figures:
    """The bench's figures on this server."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        settings = store.settings(Path(name), s3_read_timeout_s=120.0)
        return bench_upload(settings, files, file_mb, lambda _share, _what: None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--file-mb", type=int, default=16)
    parser.add_argument("--store", choices=SERVERS, default=LOCALSTACK)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with drill_store(chosen.store) as store:
        figures = measure(store, chosen.files, chosen.file_mb)
    if chosen.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<20} {value:.4g}" if isinstance(value, float) else f"{name:<20} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
