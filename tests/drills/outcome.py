"""What a drill cost, in seconds and bytes of footage, as every drill prints it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE_S = 120.0


@dataclass
class Outcome:
    """What a drill cost on one store. ``seconds`` and ``size_bytes``: of footage that neither spool nor store
    holds whole and locked; ``facts``: what else it measured; ``notes``: sentences to print below;
    ``failures``: what must not be."""

    name: str
    store: str
    files: int = 0
    seconds: float = 0.0
    size_bytes: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures and self.seconds == 0 and self.size_bytes == 0

    def tell(self) -> int:
        """Prints it; the exit code."""
        facts = "".join(f"; {name} {value}" for name, value in self.facts.items())
        print(
            f"{self.name}, {self.store}: {self.files} files, "
            f"lost {self.seconds:.1f} s and {self.size_bytes} bytes{facts}",
            flush=True,
        )
        for line in (*self.notes, *(f"FAILED: {failure}" for failure in self.failures)):
            print(f"  {line}", flush=True)
        return 0 if self.passed else 1


def wait_until(ready: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> float:
    """Seconds until it was so. Raises ``SystemExit`` when it does not come."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > patience_s:
            raise SystemExit(f"{what} did not happen within {patience_s:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began
