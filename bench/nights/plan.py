"""What a night of the benchmark is made of, and the earliest end that physics and limits allow."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

PAGE = 20
POISON_EVERY = 20
MINUTE_S = 60.0


class Fate(StrEnum):
    """What happens to a record: nothing, trouble that passes, or trouble that stays."""

    GOOD = "good"
    MEDIA_503 = "media 503, once"
    DROPPED = "connection dropped half way, once"
    EXPIRED = "link expired, once"
    TRUNCATED = "truncated media"
    HTML = "HTML for media"
    NO_AUDIO = "no audio track"
    ASR_500 = "speech service fails for it always"


TRANSIENT = (Fate.MEDIA_503, Fate.DROPPED, Fate.EXPIRED)
POISON = (Fate.ASR_500, Fate.TRUNCATED, Fate.HTML, Fate.NO_AUDIO)


@dataclass(frozen=True)
class Night:
    """The parameters; both sides compute what follows from them.

    megabits: a second, shared by all downloads. asr_s: a call, give or take asr_jitter of it.
    llm_low_s, llm_high_s: a call. slots: calls at once, beyond which the server answers 429.
    rpm: calls in any minute. faults: one record in twenty is poison, another one meets trouble.
    """

    records: int = 120
    faults: bool = False
    seed: int = 20
    clip_s: float = 90.0
    clip_bytes: int = 10_200_000
    megabits: float = 300.0
    asr_s: float = 0.8
    asr_jitter: float = 0.05
    asr_slots: int = 3
    asr_rpm: int = 6_000
    llm_low_s: float = 0.4
    llm_high_s: float = 1.2
    llm_slots: int = 5
    llm_rpm: int = 6_000
    tencent_rpm: int = 6_000

    @property
    def bytes_per_s(self) -> float:
        """What all downloads together get."""
        return self.megabits * 1e6 / 8

    def fate(self, place: int) -> Fate:
        """What happens to the record at this place of the list."""
        if not self.faults:
            return Fate.GOOD
        turn, rest = divmod(place, POISON_EVERY)
        if rest == POISON_EVERY // 4:
            return POISON[turn % len(POISON)]
        if rest == POISON_EVERY * 3 // 4:
            return TRANSIENT[turn % len(TRANSIENT)]
        return Fate.GOOD

    def fates(self) -> list[Fate]:
        return [self.fate(place) for place in range(self.records)]

    @property
    def good(self) -> int:
        """How many records can be done."""
        return sum(fate not in POISON for fate in self.fates())

    @property
    def asr_poison(self) -> frozenset[int]:
        """Which of the different uploads, in the order of their arrival, always fail."""
        count = self.fates().count(Fate.ASR_500)
        return frozenset(POISON_EVERY // 4 + POISON_EVERY * turn for turn in range(count))

    def size_of(self, place: int) -> int:
        """Bytes that a client has to take for this record."""
        fate = self.fate(place)
        if fate is Fate.HTML:
            return 0
        return int(self.clip_bytes * TRUNCATED_SHARE) if fate is Fate.TRUNCATED else self.clip_bytes

    def asr_times(self, count: int) -> list[float]:
        """How long each answered call takes, in the order of arrival; seconds."""
        chance = random.Random(f"asr {self.seed}")
        low, high = 1 - self.asr_jitter, 1 + self.asr_jitter
        return [self.asr_s * chance.uniform(low, high) for _ in range(count)]

    def llm_times(self, count: int) -> list[float]:
        """As asr_times, for the language model."""
        chance = random.Random(f"llm {self.seed}")
        return [chance.uniform(self.llm_low_s, self.llm_high_s) for _ in range(count)]

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Night":
        return cls(**json.loads(text))


TRUNCATED_SHARE = 0.05
"""Of the whole file, most of which is padding: half of the sound."""


@dataclass(frozen=True)
class Term:
    """One resource: head + work / capacity + tail, in seconds."""

    name: str
    head_s: float
    work_s: float
    capacity: float
    tail_s: float

    @property
    def seconds(self) -> float:
        return self.head_s + self.work_s / self.capacity + self.tail_s

    def __str__(self) -> str:
        return (
            f"{self.name:>8}: {self.head_s:.2f} + {self.work_s:.1f} / {self.capacity:g}"
            f" + {self.tail_s:.2f} = {self.seconds:.2f} s"
        )


def terms(night: Night, audio_cpu_s: float, cores: int) -> list[Term]:
    """Every lower bound there is: no schedule whatever ends before the largest of them.

    audio_cpu_s: what the audio of one clip costs. A poison record counts with its bytes alone.
    Start-up of the program, listing and rows are not in it: they are ours to keep small.
    """
    good = night.good
    asr, llm = night.asr_times(good), night.llm_times(good)
    fetch, hear, sum_up = night.clip_bytes / night.bytes_per_s, min(asr), min(llm)
    net = sum(map(night.size_of, range(night.records))) / night.bytes_per_s
    audio = audio_cpu_s * good
    return [
        Term("net", 0.0, net, 1, audio_cpu_s + hear + sum_up),
        Term("cpu", fetch, audio, cores, hear + sum_up),
        Term("asr", fetch + audio_cpu_s, sum(asr), night.asr_slots, sum_up),
        Term("llm", fetch + audio_cpu_s + hear, sum(llm), night.llm_slots, 0.0),
        _rate("asr rpm", fetch + audio_cpu_s, good, night.asr_rpm, hear + sum_up),
        _rate("llm rpm", fetch + audio_cpu_s + hear, good, night.llm_rpm, sum_up),
        _rate("api rpm", 0.0, night.records, night.tencent_rpm, fetch + audio_cpu_s + hear),
        Term("longest", fetch + audio_cpu_s, max(asr), 1, sum_up),
    ]


def _rate(name: str, head_s: float, calls: int, per_minute: int, tail_s: float) -> Term:
    """Return the full minutes that must pass before the last call."""
    return Term(name, head_s, MINUTE_S * ((calls - 1) // per_minute), 1, tail_s)


def lower_bound(bounds: Sequence[Term]) -> Term:
    """The term that binds."""
    return max(bounds, key=lambda term: term.seconds)
