"""Whether the simulated camera keeps real time on one core: media seconds for each second of processor time.

    python -m tests.benchmarks.camera_pace [--scenario acceptance] [--seconds 60] [--json]

Drawing and encoding together, in this process, packet by packet as a recorder would read them; processor
time, so that a busy machine does not count. Above 1 the camera keeps up. Preparation is told apart.
"""

from __future__ import annotations

import argparse
import json
import time

from ingest.synthetic.scenarios import SCENARIOS, scenario
from ingest.synthetic.source import SyntheticSource


def measure(name: str, seconds: float) -> dict[str, object]:
    """Figures of the first ``seconds`` of a scenario's media time."""
    chosen = scenario(name)
    begun_s = time.process_time()
    source = SyntheticSource(chosen)
    frames, size = 0, 0
    first_s = 0.0
    while frames < round(seconds * chosen.fps) and (packet := source.read()) is not None:
        first_s = first_s or time.process_time() - begun_s
        frames += 1
        size += packet.size
    spent_s = time.process_time() - begun_s - first_s
    source.close()
    media_s = frames / chosen.fps
    return {
        "scenario": name,
        "size": f"{chosen.width}x{chosen.height}",
        "seats": len(chosen.people),
        "pictures_per_second": chosen.fps,
        "media_s": round(media_s, 1),
        "prepared_s": round(first_s, 2),
        "processor_s": round(spent_s, 2),
        "ratio": round(media_s / spent_s, 2),
        "megabits_per_second": round(8 * size / media_s / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.camera_pace", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="acceptance")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.scenario, options.seconds)
    if options.json:
        print(json.dumps(figures))
        return
    print(
        f"{figures['scenario']}: {figures['seats']} people, {figures['size']}, "
        f"{figures['pictures_per_second']} pictures a second, {figures['megabits_per_second']} Mbit/s\n"
        f"ready after {figures['prepared_s']} s; then {figures['media_s']} s of lesson took "
        f"{figures['processor_s']} s of one core: {figures['ratio']} times real time"
    )


if __name__ == "__main__":
    main()
