"""Answers of /audio/transcriptions: the known text of the upload, without a recogniser.

Tone recordings are read burst by burst. A registered sample (recognised by its length) gets its
script, spread over the places where there is sound. Any other speech is owned up to as unknown.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import tones
from .faults import Kind, Strike
from .tones import RATE
from .wire import Json

UNKNOWN = "（沙盒未识别的语音）"
LETTERS_PER_SECOND = 3.5
SENTENCES = (
    "我们继续看这份简历，项目描述要写清楚结果和数字，排版再简单一点。",
    "这个项目的架构分成三层，请说明数据库为什么这样设计，性能指标怎么样。",
    "现在做一次模拟面试，请先做自我介绍，再回答你最大的优点和缺点。",
    "关于录用通知，我们比较一下薪资、岗位和入职时间，再决定怎么回复。",
    "回去以后把今天的内容整理成文档，下周三之前发给老师检查一遍。",
)


@dataclass(frozen=True)
class Sample:
    """A recording with known words; its lines are `speaker: text`."""

    seconds: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """A span of an upload, in seconds from its start; `burst` is (recording, place) of a tone."""

    start_s: float
    end_s: float
    text: str
    burst: tuple[int, int] | None = None


def listen(upload: bytes, suffix: str, samples: list[Sample]) -> tuple[float, list[Heard]]:
    """Return duration and text; raise av.FFmpegError when the upload is not audio."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(upload)
        file.flush()
        sound = tones.decode(Path(file.name))
    seconds, found = len(sound) / RATE, tones.spans(sound)
    bursts = [_burst(sound[start:stop], start / RATE, stop / RATE) for start, stop in found]
    known = next((one for one in samples if abs(one.seconds - seconds) < 0.5), None)  # noqa: PLR2004 - s
    if known and not any(one.burst for one in bursts):
        return seconds, _spread(known.lines, [(a / RATE, b / RATE) for a, b in found])
    return seconds, bursts


def burst_text(number: int, place: int, seconds: float) -> str:
    """Return the words of one burst: its numbers, then as much of a sentence as fills the time."""
    fill = SENTENCES[place % len(SENTENCES)][: round(seconds * LETTERS_PER_SECOND)]
    return f"录音{number}第{place}句：{fill}"


def _burst(sound: tones.Samples, start_s: float, end_s: float) -> Heard:
    burst = tones.heard(sound)
    if burst is None:
        return Heard(start_s, end_s, UNKNOWN)
    text = burst_text(burst.number, burst.place, end_s - start_s)
    return Heard(start_s, end_s, text, (burst.number, burst.place))


def _spread(lines: tuple[str, ...], found: list[tuple[float, float]]) -> list[Heard]:
    """Give each line a share of the sounding time by its length."""
    words = [line.partition(": ")[2] or line for line in lines]
    per_letter = sum(stop - start for start, stop in found) / max(1, sum(map(len, words)))
    spoken, result = 0.0, []
    for text in words:
        start_s = _wall(found, spoken)
        spoken += len(text) * per_letter
        result.append(Heard(start_s, max(start_s, _wall(found, spoken - 1e-3)), text))
    return result


def _wall(found: list[tuple[float, float]], spoken: float) -> float:
    """Return the time after this many seconds of sound, without pauses."""
    for start, stop in found:
        if spoken < stop - start:
            return start + spoken
        spoken -= stop - start
    return found[-1][1] if found else 0.0


def bent(heard: list[Heard], strike: Strike) -> list[Heard]:
    """Return the spans changed by the faults."""
    if Kind.EMPTY_TEXT in strike:
        return []
    if Kind.SEGMENT_LOST in strike:
        return [one for place, one in enumerate(heard) if place != len(heard) // 2]
    if Kind.HALLUCINATION in strike:
        return [Heard(one.start_s, one.end_s, "字幕由志愿者提供" * 12) for one in heard]
    return heard


def verbose(heard: list[Heard], seconds: float, language: str, strike: Strike) -> Json:
    """Return the verbose_json answer."""
    answer: Json = {
        "task": "transcribe",
        "language": language,
        "duration": seconds,
        "text": plain(heard),
        "segments": list(_segments(heard)),
        "usage": {"type": "duration", "seconds": round(seconds)},
    }
    if fault := strike.get(Kind.WRONG_DURATION):
        answer["duration"] = fault.amount
    if Kind.NO_SEGMENTS in strike:
        del answer["segments"]
    return answer


def plain(heard: list[Heard]) -> str:
    """Return the words alone."""
    return "".join(one.text for one in heard)


def _segments(heard: list[Heard]) -> Iterator[Json]:
    for place, one in enumerate(heard):
        yield {
            "id": place,
            "seek": 0,
            "start": round(one.start_s, 3),
            "end": round(one.end_s, 3),
            "text": one.text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": -0.2,
            "compression_ratio": 1.2,
            "no_speech_prob": 0.01,
        }
