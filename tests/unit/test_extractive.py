import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import ActionItem, Summary
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.services import Summarizer
from tests.support.transcripts import summary_job, transcript

LESSON = (
    "老师: 今天我们来修改你的简历，先看排版。",
    "学生: 好的老师。",
    "老师: 实习经历要突出结果，项目描述要有数字。",
    "学生: 那自我评价还需要保留吗？",
    "老师: 自我评价删掉，教育背景放在最上面，实习经历放前面。",
    "老师: 那就用一页的模板。",
    "老师: 第一，下周三之前把第二版简历发给我。",
    "学生: 好的，我下周三之前发给您。",
)
HEARD = (
    "今天我们来修改一下你的建立 这个牌板有点乱 字体不统一",
    "实习经历要放在最前面 然后用数字来亮化",
    "下周三之前把第二版减力发给我 记得改自我平价",
)
ENGLISH = (
    "Teacher: Let's go through your resume line by line and fix the formatting.",
    "Student: Should I keep the summary section of my resume?",
    "Teacher: No. We decided to cut your resume to one page.",
    "Teacher: Please send me the new version by Friday.",
    "Student: Sure, I'll send it by Friday.",
)


def summarize(
    lines: tuple[str, ...], folder: Path, subject: str = "", *names: str, speakers: bool = True
) -> Summary:
    said = transcript(lines, speakers=speakers)
    return ExtractiveSummarizer().summarize(said, summary_job(folder, subject, names))


@pytest.mark.slow
def test_it_says_that_no_language_model_was_at_work(tmp_path: Path) -> None:
    summary = summarize(LESSON, tmp_path)
    assert (summary.engine, summary.model) == ("extractive", "textrank")
    assert (summary.phase_method, summary.prompt) == ("rules", "")


def test_a_lesson_gets_its_phase_with_evidence(tmp_path: Path) -> None:
    summary = summarize(LESSON, tmp_path)
    assert summary.phase is Phase.RESUME
    assert summary.confidence > 0.6
    assert summary.evidence[0].quote == "今天我们来修改你的简历，先看排版。"
    assert "简历" not in summary.key_points


def test_key_points_are_sentences_that_were_said_in_their_order(tmp_path: Path) -> None:
    text = "".join(LESSON)
    places = [text.index(point) for point in summarize(LESSON, tmp_path).key_points]
    assert places
    assert places == sorted(places)


def test_the_abstract_states_and_does_not_ask_and_stays_short(tmp_path: Path) -> None:
    abstract = summarize(LESSON * 30, tmp_path).abstract
    assert abstract
    assert "？" not in abstract
    assert len(abstract) <= 200


def test_a_request_and_the_promise_that_answers_it_are_one_item(tmp_path: Path) -> None:
    assert summarize(LESSON, tmp_path).action_items == (
        ActionItem("下周三之前把第二版简历发给我", who="学生", due="下周三之前"),
    )


def test_without_known_speakers_nobody_is_named(tmp_path: Path) -> None:
    assert summarize(LESSON, tmp_path, speakers=False).action_items == (
        ActionItem("下周三之前把第二版简历发给我", who="", due="下周三之前"),
    )


def test_a_person_named_in_the_sentence_is_who_has_to_do_it(tmp_path: Path) -> None:
    (item,) = summarize(
        ("王芳记得周五之前把录音发给我",), tmp_path, "", "王芳", "李雷"
    ).action_items
    assert (item.who, item.due) == ("王芳", "周五之前")


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("回去以后把性能指标整理成表格，周日之前发给我", "周日之前"),
        ("三天之内把项目描述改完", "三天之内"),
        ("下次课之前请把自我介绍背熟", "下次课之前"),
        ("明天晚上八点之前提交", "明天晚上八点之前"),
        ("别忘了改简历", ""),
        ("Please revise the cover letter before next Monday.", "before next Monday"),
        ("Don't forget to practice", ""),
        ("You need to finish it by the end of next week", "by the end of next week"),
    ],
)
def test_a_task_is_found_with_its_day(said: str, due: str, tmp_path: Path) -> None:
    assert [item.due for item in summarize((said,), tmp_path).action_items] == [due]


@pytest.mark.parametrize(
    "said",
    [
        "下周三之前能发给我吗？",
        "上周三写完了",
        "我会先听他的想法",
        "今天我们做练习",
        "I want to learn how to make decisions",
        "I practice every day",
    ],
)
def test_questions_and_stories_are_no_tasks(said: str, tmp_path: Path) -> None:
    assert summarize((said,), tmp_path).action_items == ()


def test_what_was_settled_is_a_decision_and_what_is_open_is_not(tmp_path: Path) -> None:
    assert summarize(LESSON, tmp_path).decisions == ("那就用一页的模板。",)
    undecided = ("我还没决定", "怎么决定呢", "这取决于薪资", "决定因素很多")
    assert summarize(undecided, tmp_path).decisions == ()


def test_a_transcript_with_little_punctuation_and_wrong_characters_works(tmp_path: Path) -> None:
    summary = summarize(HEARD, tmp_path)
    assert summary.phase is Phase.RESUME
    assert [item.due for item in summary.action_items] == ["下周三之前"]
    assert summary.abstract.endswith("。")


def test_an_english_lesson_works_too(tmp_path: Path) -> None:
    summary = summarize(ENGLISH, tmp_path)
    assert summary.phase is Phase.RESUME
    assert summary.decisions == ("We decided to cut your resume to one page.",)
    assert summary.action_items == (
        ActionItem("Please send me the new version by Friday", who="Student", due="by Friday"),
    )
    assert "resume" in summary.title


def test_a_subject_that_somebody_gave_is_the_title(tmp_path: Path) -> None:
    assert summarize(LESSON, tmp_path, " 小明\n简历 第二次 ").title == "小明 简历 第二次"


@pytest.mark.parametrize(
    "subject", ["", "张老师预定的会议", "张三的快速会议", "TM-20260105193000-445999969-recording-1"]
)
def test_a_subject_that_a_machine_gave_is_not(subject: str, tmp_path: Path) -> None:
    assert summarize(LESSON, tmp_path, subject).title.startswith("简历 · ")


@pytest.mark.parametrize("lines", [(), ("",), (" \n", "……", "——")])
def test_a_transcript_without_words_is_refused(lines: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(RecordError) as refused:
        summarize(lines, tmp_path)
    assert refused.value.code == "empty_transcript"


def test_small_talk_has_a_summary_and_no_phase(tmp_path: Path) -> None:
    summary = summarize(("嗯", "好", "好的"), tmp_path)
    assert (summary.phase, summary.confidence) == (Phase.OTHER, 0.0)
    assert summary.abstract
    assert summary.title


def test_two_thousand_lines_come_to_an_end_with_everything_bounded(tmp_path: Path) -> None:
    summary = summarize(tuple(f"{line}第{i}次" for i in range(250) for line in LESSON), tmp_path)
    assert len(summary.action_items) <= 12
    assert len(summary.key_points) <= 6
    assert len(summary.evidence) <= 5
    assert summary.phase is Phase.RESUME


def test_a_run_without_any_full_stop_is_cut_into_quotes_of_readable_length(tmp_path: Path) -> None:
    summary = summarize(("修改简历排版教育背景" * 200,), tmp_path)
    assert all(len(quote.quote) <= 80 for quote in summary.evidence)


def test_threads_share_one_dictionary_and_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: summarize(LESSON, tmp_path), range(8)))
    assert len(set(summaries)) == 1


@pytest.mark.slow
def test_the_first_use_says_nothing_writes_nothing_and_agrees_with_other_processes(
    tmp_path: Path,
) -> None:
    script = (
        "import pathlib, tests.unit.test_extractive as t;"
        "print(t.summarize(t.LESSON, pathlib.Path('unused')))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", script],
        env={"TMPDIR": str(tmp_path), "PYTHONHASHSEED": "7", "PYTHONUTF8": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    assert run.stdout == f"{summarize(LESSON, tmp_path)}\n"
    assert list(tmp_path.iterdir()) == []


def test_its_settings_are_one_line_and_load_nothing_heavy() -> None:
    script = (
        "import sys; from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer;"
        "print(ExtractiveSummarizer().settings);"
        "print(sorted({'jieba', 'pypinyin', 'numpy'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    settings_line, loaded = out.splitlines()
    assert settings_line.startswith("extractive textrank v1 lexicon ")
    assert loaded == "[]"


def test_it_is_a_summarizer() -> None:
    summarizer: Summarizer = ExtractiveSummarizer()
    assert summarizer.settings == ExtractiveSummarizer().settings


@given(
    st.lists(
        st.text(max_size=60)
        | st.lists(st.sampled_from([*LESSON, *HEARD, *ENGLISH, "下周三", "发给我", "我会"])).map(
            "".join
        ),
        min_size=1,
        max_size=8,
    ),
    st.text(max_size=30),
)
@settings(max_examples=40, deadline=None)
def test_whatever_was_said_the_summary_is_made_of_it(lines: list[str], subject: str) -> None:
    said = transcript(["我们说话", *lines], speakers=False)
    job = summary_job(Path("unused"), subject)
    summary = ExtractiveSummarizer().summarize(said, job)
    assert summary == ExtractiveSummarizer().summarize(said, job)
    assert summary.phase in Phase
    assert 0 <= summary.confidence <= 1
    assert summary.title.strip()
    quotes = [*summary.key_points, *summary.decisions]
    quotes += [item.what for item in summary.action_items]
    quotes += [evidence.quote for evidence in summary.evidence]
    for quote in quotes:
        assert any(quote in segment.text for segment in said.segments)
