"""The company of the packaged sample recordings, dated to the last days.

A sample is `TM-<start>-<meeting code>-recording-1.m4a|mp4`, with a script (`.txt`, one turn a line)
where there are words, and who was there (`.json`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import av

from .company import Company, Person, Record, RecordFile, Stay
from .transcription import Sample
from .wire import Json

FOLDER = Path(__file__).resolve().parent.parent / "samples"
ADMIN = Person("admin", "管理员", is_admin=True)
FIRST_ID = 13_339_451_618_278_424_869  # above 2**63
HOURS_APART = 8
CHINA = "+0800"


@dataclass(frozen=True)
class SampleFile:
    """One packaged recording with its sidecar and script."""

    media: Path

    @cached_property
    def facts(self) -> Json:
        """Return the sidecar: subject, teacher_id, meeting_id and participants."""
        return dict(json.loads(self.media.with_suffix(".json").read_text("utf-8")))

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Return the lines of the script, `speaker: text`; none when nothing is said."""
        script = self.media.with_suffix(".txt")
        return tuple(script.read_text("utf-8").splitlines()) if script.exists() else ()

    @cached_property
    def seconds(self) -> float:
        """Return the duration in the container, 0 for a damaged file."""
        try:
            with av.open(str(self.media)) as container:
                return (container.duration or 0) / 1_000_000
        except av.FFmpegError:
            return 0.0

    @property
    def started_at(self) -> float:
        """Return the start in its name, in Unix seconds."""
        stamp = self.media.stem.split("-")[1]
        return datetime.strptime(f"{stamp}{CHINA}", "%Y%m%d%H%M%S%z").timestamp()

    @property
    def people(self) -> list[Person]:
        """Return the participants with an account."""
        known = [person for person in self.facts["participants"] if person.get("userid")]
        return [Person(person["userid"], person["name"]) for person in known]

    def stays(self, started_at: float) -> Iterator[Stay]:
        """Return the visits, moved to a recording that starts at this time."""
        shift = started_at - self.started_at
        for person in self.facts["participants"]:
            joined, left = (
                datetime.fromisoformat(person[name]).timestamp() + shift
                for name in ("join_time", "left_time")
            )
            yield Stay(person["name"], joined, left, person.get("userid", ""))

    def transcript(self) -> str:
        """Return Tencent's text file: `name(hh:mm:ss): text`, timed by the length of the lines."""
        return "\n".join(self._native_lines())

    def _native_lines(self) -> Iterator[str]:
        teacher = self.facts["teacher_id"]
        names = {person.userid == teacher: person.name for person in self.people}
        letters, spoken = sum(map(len, self.lines)), 0
        for line in self.lines:
            label, _, text = line.partition(": ")
            minutes, second = divmod(int(self.seconds * spoken / letters), 60)
            name = names[label in ("老师", "Teacher")]
            yield f"{name}({minutes // 60:02d}:{minutes % 60:02d}:{second:02d}): {text}"
            spoken += len(line)


def sample_files() -> list[SampleFile]:
    """Return the packaged recordings in the order of their names."""
    media = sorted(path for path in FOLDER.iterdir() if path.suffix in (".m4a", ".mp4"))
    return [SampleFile(path) for path in media]


def spoken_samples() -> list[Sample]:
    """Return the duration and script of every sample that has a script."""
    return [Sample(one.seconds, one.lines) for one in sample_files() if one.lines]


def sample_company(now: float) -> Company:
    """Return a company whose recordings are the samples, one every eight hours until now.

    Every second one has Tencent's own transcript.
    """
    samples = sample_files()
    hours = [HOURS_APART * (len(samples) - place) for place in range(len(samples))]
    records = [
        _record(place, sample, now - hours[place] * 3_600, place % 2 == 0)
        for place, sample in enumerate(samples)
    ]
    return Company([ADMIN, *(person for one in samples for person in one.people)], records)


def _record(place: int, sample: SampleFile, started_at: float, with_transcript: bool) -> Record:
    media = sample.media
    stays = tuple(sample.stays(started_at))
    file = RecordFile(
        record_file_id=str(FIRST_ID + 2 * place + 1),
        started_at=started_at,
        ended_at=started_at + (sample.seconds or 60.0),
        video=media if media.suffix == ".mp4" else None,
        audio=media if media.suffix == ".m4a" else None,
        transcript=sample.transcript() if with_transcript else "",
    )
    return Record(
        meeting_record_id=str(FIRST_ID + 2 * place),
        meeting_id=str(sample.facts["meeting_id"]),
        meeting_code=media.stem.split("-")[2],
        owner=str(sample.facts["teacher_id"]),
        subject=str(sample.facts["subject"]),
        started_at=started_at,
        files=(file,),
        stays=stays,
    )
