"""What is spared: silence behind the sound, and nothing of the sound."""

import ctranslate2
import numpy as np

from meeting_pipeline.adapters.asr.trimmed_encoder import TrimmedWhisperEncoder


class Encoder:
    """Stands for CTranslate2, and notes how many frames it was given."""

    def __init__(self) -> None:
        self.lengths: list[tuple[int, ...]] = []

    def encode(self, features: ctranslate2.StorageView, *, to_cpu: bool) -> ctranslate2.StorageView:
        self.lengths.append(tuple(features.shape))
        return ctranslate2.StorageView.from_array(np.asarray(features)[:, :1, ::2].copy())


def encoded(*seconds: int) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    features = np.zeros((len(seconds), 80, 3000), np.float32)
    for window, length in zip(features, seconds, strict=True):
        window[:, : length * 100] = 0.5
    encoder = Encoder()
    whole = TrimmedWhisperEncoder(encoder).encode(ctranslate2.StorageView.from_array(features))
    return encoder.lengths, tuple(whole.shape)


def test_each_window_is_encoded_alone_as_long_as_the_longest_and_a_second_more() -> None:
    lengths, whole = encoded(21, 24)
    assert lengths == [(1, 80, 2500)] * 2
    assert whole[0] == 2


def test_a_full_window_stays_as_it_is() -> None:
    assert encoded(30)[0] == [(1, 80, 3000)]


def test_a_short_one_gets_the_silence_that_whisper_knows_behind_speech() -> None:
    assert encoded(3)[0] == [(1, 80, 1500)]
