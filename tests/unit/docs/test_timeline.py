"""The picture of a rollout is drawn from the record beside it, and the record shows what the page says."""

from __future__ import annotations

from pathlib import Path

from tests.timeline import picture
from tests.timeline.__main__ import PICTURE, RECORD
from tests.timeline.recording import Recording


def test_the_picture_is_that_of_the_record(tmp_path: Path) -> None:
    drawn = tmp_path / "rollout.svg"
    picture.draw(Recording.read(RECORD), drawn)
    assert drawn.read_text() == PICTURE.read_text(), "run `.venv/bin/python -m tests.timeline draw`"


def test_the_record_shows_a_promotion_and_an_abort() -> None:
    recording = Recording.read(RECORD)
    told = [entry.reason for entry in recording.history if entry.reason not in picture.LEFT_OUT]
    walk = ["CandidateStarted", "WeightApplied", "WeightApplied"]
    assert told == [*walk, "Promoted", *walk, "Aborted"]
    failed = [sample.seconds for sample in recording.samples if sample.errors[1]]
    judged = next(s.seconds for s in recording.samples if s.verdict == "Fail")
    assert judged - failed[0] <= 2, "two scrapes"
    assert not any(sample.errors[1] for sample in recording.samples if sample.seconds > judged)
