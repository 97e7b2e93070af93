"""The recogniser: encoded frames in, judged frames out.

One worker belongs to one thread. It keeps the state of the lessons it was given and nothing else; time
enters with the frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.errors import Conflict, FrameDamaged, NotFound
from models.frame import EncodedFrame, FrameJudgement
from models.policy import RecognitionPolicy
from models.ports import Detector, Encoder, Picture
from recognition.calibration import Calibration
from recognition.camera_view import Networks
from recognition.decode import decoded_picture
from recognition.gallery import Template, build_gallery
from recognition.lens import DAMAGED
from recognition.lesson_room import LessonRoom, LessonSummary


class RecognitionWorker:
    """Judges frames of open lessons."""

    def __init__(
        self,
        detector: Detector,
        encoder: Encoder,
        calibration: Calibration,
        policy: RecognitionPolicy | None = None,
    ) -> None:
        """
        Raises:
            Conflict: the calibration belongs to another encoder.
        """
        if calibration.encoder != encoder.fingerprint:
            raise Conflict(
                f"the calibration was made for {calibration.encoder}, the encoder is {encoder.fingerprint}",
                hint="make a calibration for this encoder from labelled photos",
            )
        self._networks = Networks(detector, encoder, calibration)
        self._policy = policy or RecognitionPolicy()
        self._rooms: dict[str, LessonRoom] = {}
        self.model = f"{detector.fingerprint}|{encoder.fingerprint}|{calibration.fingerprint}"

    def open_lesson(
        self,
        lesson_id: str,
        templates: Iterable[Template],
        *,
        policy: RecognitionPolicy | None = None,
        unknown_given: int = 0,
    ) -> None:
        """Starts judging a lesson against the templates of its roster (which may be empty).

        ``unknown_given``: how many keys of unknown people an earlier worker has given in this lesson.

        Raises:
            Conflict: it is open already.
            InvalidInput: a template of another encoder, or damaged.
        """
        if lesson_id in self._rooms:
            raise Conflict(f"lesson {lesson_id} is being judged already", hint="close it first")
        gallery = build_gallery(templates, self._networks.encoder.fingerprint)
        self._rooms[lesson_id] = LessonRoom(
            lesson_id, gallery, self._networks, policy or self._policy, unknown_given
        )

    def add_template(self, lesson_id: str, template: Template) -> None:
        """Takes a new photo of a trainee, or a new trainee, into a running lesson.

        Raises:
            NotFound: no such open lesson.
            InvalidInput: a template of another encoder, or damaged.
        """
        self._room(lesson_id).add_template(template)

    def judge(self, frame: EncodedFrame) -> FrameJudgement:
        """Says who is seen in a frame.

        A frame that cannot be decoded gives a judgement with lens ``"damaged"`` and no sightings, and is
        counted: it covers no time, and the stream goes on.

        Raises:
            NotFound: its lesson is not open.
            StreamUnsupported: a codec without decoder.
        """
        return self.judge_with_picture(frame)[0]

    def judge_with_picture(self, frame: EncodedFrame) -> tuple[FrameJudgement, Picture | None]:
        """The same, and the decoded picture (``None`` where it is damaged) for those who show it."""
        room = self._room(frame.lesson_id)
        try:
            picture = decoded_picture(frame)
        except FrameDamaged:
            room.counts["frames_damaged"] += 1
            return self._damaged(frame), None
        return room.judge(frame, picture, self.model), picture

    def desired_sampling(self, lesson_id: str, camera_id: str, at: datetime) -> timedelta:
        """How often this camera should be sampled from now on.

        Raises:
            NotFound: no such open lesson.
        """
        return self._room(lesson_id).desired_sampling(camera_id, at)

    def summary(self, lesson_id: str) -> LessonSummary:
        """What is known of a lesson so far.

        Raises:
            NotFound: no such open lesson.
        """
        return self._room(lesson_id).summary()

    def close_lesson(self, lesson_id: str) -> LessonSummary:
        """Ends a lesson, forgets its faces and gives its summary.

        Raises:
            NotFound: no such open lesson.
        """
        summary = self._room(lesson_id).summary()
        del self._rooms[lesson_id]
        return summary

    def _room(self, lesson_id: str) -> LessonRoom:
        room = self._rooms.get(lesson_id)
        if room is None:
            raise NotFound(f"lesson {lesson_id} is not being judged", hint="open it first")
        return room

    def _damaged(self, frame: EncodedFrame) -> FrameJudgement:
        return FrameJudgement(
            camera_id=frame.camera_id,
            lesson_id=frame.lesson_id,
            sequence=frame.sequence,
            at=frame.at,
            pts_s=frame.pts_s,
            width=frame.width,
            height=frame.height,
            lens=DAMAGED,
            faces_found=0,
            sightings=(),
            namings=(),
            model=self.model,
        )
