"""ffmpeg as a child: it hangs, dies, complains at length, or loses its parent."""

import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.adapters.processes.command import run
from meeting_pipeline.errors import ConfigError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from tests.support.generated_media import Take, record
from tests.support.processes import until_gone
from tests.support.system_programs import require_program

PATIENCE_S = 20.0


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "program"
    path.write_text(f"#!{sys.executable}\nimport os, subprocess, sys, time\n{body}\n")
    path.chmod(0o700)
    return str(path)


def refusal(command: list[str], stall_s: float = PATIENCE_S) -> str:
    with pytest.raises(RetryableError) as refused:
        run(command, bytearray().extend, stall_s)
    return refused.value.code


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_everything_it_writes_arrives(tmp_path: Path) -> None:
    heard = bytearray()
    ended = run([script(tmp_path, "sys.stdout.write('声音' * 100_000)")], heard.extend)
    assert heard.decode() == "声音" * 100_000
    assert ended.returncode == 0


def test_row_47_a_child_that_hangs_is_killed_with_its_own_children(tmp_path: Path) -> None:
    body = f"""
child = subprocess.Popen(["sleep", "1000"])
open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
print("one sign of life", flush=True)
child.wait()"""
    assert refusal([script(tmp_path, body)], stall_s=5.0) == "media_tool_stalled"
    leader, grandchild = map(int, (tmp_path / "pids").read_text().split())
    assert not is_alive(leader)
    until_gone(grandchild)


def test_row_47_complaining_for_ever_is_no_progress(tmp_path: Path) -> None:
    body = "while True: sys.stderr.write('x' * 10_000)"
    assert refusal([script(tmp_path, body)], stall_s=1.0) == "media_tool_stalled"


def test_row_47_what_hung_is_left_to_a_later_run(tmp_path: Path) -> None:
    """Three times two minutes of a core are no price for one recording."""
    with pytest.raises(RetryableError) as refused:
        run([script(tmp_path, "time.sleep(1000)")], bytearray().extend, stall_s=0.1)
    assert not refused.value.within_run


def test_row_47_a_child_that_closes_its_pipes_and_stays_is_killed(tmp_path: Path) -> None:
    body = "os.close(1); os.close(2); time.sleep(1000)"
    assert refusal([script(tmp_path, body)], stall_s=1.0) == "media_tool_stalled"


def test_row_48_security_07_of_megabytes_of_complaints_the_end_is_kept(tmp_path: Path) -> None:
    body = "sys.stderr.write('x' * 5_000_000 + '\\n\\x1b[31m[aac @ 0x55ca] 坏\\n'); sys.exit(1)"
    ended = run([script(tmp_path, body)], bytearray().extend)
    assert len(ended.complaints) <= 8192
    assert ended.reason == "?[31m[aac] 坏"


def test_row_48_a_killed_child_may_succeed_later(tmp_path: Path) -> None:
    body = "os.kill(os.getpid(), 9)"
    assert refusal([script(tmp_path, body)]) == "media_tool_killed"


SLOW_TO_BE_LIMITED = "import resource\nwhile resource.getrlimit({what})[0] < 0: pass\n"


@pytest.mark.parametrize(
    ("what", "most", "greed"),
    [
        (resource.RLIMIT_AS, 1 << 30, "bytearray(2 << 30)"),
        (resource.RLIMIT_FSIZE, 1 << 20, "open('large', 'wb').write(bytes(2 << 20))"),
    ],
)
def test_security_07_a_child_gets_no_more_than_its_share(
    what: int, most: int, greed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    greedy = [script(tmp_path, SLOW_TO_BE_LIMITED.format(what=what) + greed)]
    ended = run(greedy, bytearray().extend, limits={what: most})
    assert ended.returncode == 1
    assert re.search("MemoryError|File too large", ended.complaints)


def test_security_07_a_child_that_computes_for_ever_is_killed(tmp_path: Path) -> None:
    endless = script(tmp_path, "while True: print('still alive', flush=True)")
    with pytest.raises(RetryableError) as killed:
        run([endless], bytearray().extend, PATIENCE_S, limits={resource.RLIMIT_CPU: 1})
    assert killed.value.code == "media_tool_killed"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-ffmpeg"):
        run([str(tmp_path / "no-such-ffmpeg")], bytearray().extend)


def test_a_child_sees_none_of_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIMI_API_KEY", "geheim")
    heard = bytearray()
    run([script(tmp_path, "print(dict(os.environ))")], heard.extend)
    assert b"geheim" not in heard


def test_row_48_an_ffmpeg_that_ends_early_without_an_error_gives_a_short_result(
    tmp_path: Path,
) -> None:
    media = record(tmp_path / "a.wav", Take("pcm_s16le", layout="mono"))
    liar = script(tmp_path, "sys.stdout.write('ab' * 16_000)")
    audio = FFmpegMedia(liar, PyAVMedia()).extract(media, tmp_path / "out", "wav", no_progress)
    assert audio.duration_s == 1.0


def test_trouble_of_the_caller_ends_the_child(tmp_path: Path) -> None:
    def disturbed(block: bytes) -> None:
        raise KeyboardInterrupt

    body = f"""
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
print("hello", flush=True)
time.sleep(1000)"""
    with pytest.raises(KeyboardInterrupt):
        run([script(tmp_path, body)], disturbed)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_ffmpeg_does_not_outlive_a_parent_killed_with_9(tmp_path: Path) -> None:
    """The parent stops reading in the middle, as if busy, and is then killed without warning."""
    media = record(tmp_path / "long.wav", Take("pcm_s16le", seconds=60, silent=True))
    program = f"""
import signal
from pathlib import Path
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia

def pause(fraction):
    if fraction > 0.05:
        print("reading", flush=True)
        signal.pause()

media = FFmpegMedia({require_program("ffmpeg", "ffmpeg")!r}, PyAVMedia())
media.extract(Path({str(media)!r}), Path({str(tmp_path / "out")!r}), "wav", pause)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"reading\n"
        (child,) = _children(parent.pid)
        assert is_alive(child)
        parent.send_signal(signal.SIGKILL)
    until_gone(child)
    assert (tmp_path / "out").stat().st_size < 60 * 32_000


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]
