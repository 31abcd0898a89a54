"""What an operator should know about a recording, in words."""

from meeting_pipeline.domain.audio_warnings import (
    INCOMPLETE,
    NOISE_TRACK,
    UNDECODABLE_TRACK,
    covered_percent,
    decoded_part,
    is_amount,
)
from meeting_pipeline.domain.views import RecordingDetail

_WORDS = {
    INCOMPLETE: "录音已损坏，只转写了能解码的部分 it is damaged and incomplete: only what can be "
    "decoded is transcribed",
    UNDECODABLE_TRACK: "有音轨无法解码，未转写 an audio track that cannot be decoded is left out",
    NOISE_TRACK: "有音轨只有噪声，未转写 an audio track with nothing but noise is left out",
    "possibly_truncated": "转写可能不完整 the transcript may be incomplete",
}


def warnings_in_words(detail: RecordingDetail) -> list[str]:
    """Return the warnings of a recording in Chinese and English; none before it is transcribed."""
    codes = detail.transcript.warnings if detail.transcript else ()
    part = decoded_part(codes)
    amount = f" ({part[0]} / {part[1]} 秒 s)" if part else ""
    return [
        _in_words(code) + amount * (code == INCOMPLETE) for code in codes if not is_amount(code)
    ]


def _in_words(code: str) -> str:
    percent = covered_percent(code)
    if percent is None:
        return _WORDS.get(code, code)
    return f"识别文本只覆盖 {percent}% 的语音 the text covers only {percent}% of the speech"
