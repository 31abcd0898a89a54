from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm import textrank

SENTENCES = st.lists(
    st.lists(st.sampled_from(["简历", "项目", "排版", "cache", "offer"])), max_size=30
)


def test_a_sentence_that_others_resemble_comes_first() -> None:
    sentences = [
        ["天气", "吃饭"],
        ["简历", "排版"],
        ["简历", "排版", "项目", "描述"],
        ["项目", "描述"],
    ]
    assert textrank.best(sentences, 1) == [2]


def test_what_shares_no_word_with_anything_comes_last() -> None:
    assert textrank.best([["天气"], ["简历", "排版"], ["简历", "字体"]], 3)[-1] == 0


def test_equals_keep_the_order_in_which_they_were_said() -> None:
    assert textrank.best([["简历"], ["简历"], ["简历"]], 3) == [0, 1, 2]


def test_nothing_and_silence_have_a_ranking_too() -> None:
    assert textrank.best([], 5) == []
    assert textrank.best([[], []], 5) == [0, 1]


def test_the_best_of_a_long_text_is_found_across_its_blocks() -> None:
    chatter = [[f"词{i}", f"语{i}"] for i in range(1700)]
    theme = [["简历", "排版"], ["简历", "排版", "字体"], ["简历", "字体"]]
    sentences = chatter[:100] + theme[:2] + chatter[100:] + theme[2:] * 2
    assert textrank.best(sentences, 3)[0] == 101


@given(SENTENCES, st.integers(min_value=1, max_value=40))
@settings(max_examples=50, deadline=None)
def test_the_best_are_different_sentences_of_the_text_and_as_many_as_asked(
    sentences: list[list[str]], count: int
) -> None:
    best = textrank.best(sentences, count)
    assert len(best) == len(set(best)) == min(count, len(sentences))
    assert set(best) <= set(range(len(sentences)))
    assert best == textrank.best(sentences, count)
