"""The command line, noting when each name was given: ``python -m tests.benchmarks.told_names attend …``.

A bundle says since when a face has its name, reaching back to its first frame. How long a person sat there
before the name was known is not in it; this writes it down beside, into ``ROLLCALL_TEST_NAMINGS``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from models.frame import EncodedFrame, FrameJudgement
from recognition.worker import RecognitionWorker
from supervision_api.cli.main import main
from supervision_api.pipeline import offline


class TellingWorker(RecognitionWorker):
    """The product's worker; each name also goes into the file."""

    def judge(self, frame: EncodedFrame) -> FrameJudgement:
        judgement = super().judge(frame)
        with Path(os.environ["ROLLCALL_TEST_NAMINGS"]).open("a", encoding="utf-8") as file:
            for naming in judgement.namings:
                file.write(json.dumps({"at": frame.at.isoformat(), "trainee": naming.trainee}) + "\n")
        return judgement


if __name__ == "__main__":
    offline.RecognitionWorker = TellingWorker  # type: ignore[misc]
    main()
