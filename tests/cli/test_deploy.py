"""deploy.sh in copies of the installation; Python, crontab and apt are stand-ins on PATH."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

PROJECT = Path(__file__).parents[2]
ENOUGH_TO_DEPLOY = ("deploy.sh", ".env.example", "pyproject.toml", "constraints.txt")
OTHERS = "MAILTO=ops@example.com\n15 4 * * 1 /usr/local/bin/backup  # 每周备份\n"
REPLACED = ("python", "crontab", "apt-get", "sudo", "pidof")

PYTHON = """#!/bin/sh
# makes environments at once; pip writes the commands; everything else is answered by the real one
case "$1 $2" in
  "-m venv")
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo "#!$PWD/$3/bin/python" >"$3/bin/pip" ;;
  "-m pip")
    echo "pip $*" >>"$CALLS"
    if [ -n "$KILL_DURING_PIP" ]; then kill -9 "$PPID"; exit 1; fi
    if [ -n "$PIP_FAILS" ]; then echo "ERROR: no route to the index"; exit 1; fi
    for command in meeting ruff mypy lint-imports codespell
    do cp "$COMMAND" ".venv/bin/$command"; done ;;
  "-m pytest") shift 2; echo "pytest $*" >>"$CALLS"; echo "== 7 passed ==" ;;
  "-c import ensurepip"*) test -z "$WITHOUT_VENV" || test -e "$WITHOUT_VENV" ;;
  *) exec {real} "$@" ;;
esac
"""
COMMAND = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
if [ "$1" = doctor ]; then exit "${DOCTOR:-0}"; fi
"""
CRONTAB = """#!/bin/sh
if [ "$1" = - ] && [ -n "$CRONTAB_CLOSED" ]; then echo "crontab: not allowed" >&2; exit 1; fi
if [ "$1" = - ]; then cat >"$CRONTAB"; exit; fi
if [ -n "$CRONTAB_BROKEN" ]; then echo "crontab: permission denied" >&2; exit 1; fi
cat "$CRONTAB" 2>/dev/null || { echo "no crontab for somebody" >&2; exit 1; }
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case "$*" in *install*) touch "$WITHOUT_VENV" ;; esac
"""
SUDO = """#!/bin/sh
shift; exec "$@"
"""


@dataclass
class Machine:
    """A machine with one installation on it; its programs are the real ones but for REPLACED."""

    root: Path
    home: Path
    real_programs: Path
    settings: dict[str, str] = field(default_factory=dict)

    def deploy(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.home / "deploy.sh"), *arguments],
            cwd=cwd or self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:{self.real_programs}",
            "CALLS": str(self.root / "calls"),
            "CRONTAB": str(self.root / "crontab"),
            "COMMAND": str(self.root / "command"),
            "LANG": "C.UTF-8",
            "MEETING_TZ": "UTC",
            **self.settings,
        }

    def calls(self, program: str) -> list[str]:
        path = self.root / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(program)]

    @property
    def crontab(self) -> str:
        path = self.root / "crontab"
        return path.read_text() if path.exists() else ""

    @crontab.setter
    def crontab(self, text: str) -> None:
        (self.root / "crontab").write_text(text)

    def jobs(self) -> list[str]:
        return [line for line in self.crontab.splitlines() if "cron_incremental.py" in line]

    def as_cron_runs_it(self, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        """Run the only job; what it prints is what cron mails."""
        (line,) = self.jobs()
        command = line.split(maxsplit=5)[5].replace("\\%", "%")
        return subprocess.run(
            [shell, "-c", command],
            env=self.environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def copy_project(home: Path) -> None:
    home.mkdir(parents=True)
    for name in ENOUGH_TO_DEPLOY:
        (home / name).write_bytes((PROJECT / name).read_bytes())
    (home / "deploy.sh").chmod(0o755)
    (home / "cron_incremental.py").write_text("print('夜间运行')\n")


@pytest.fixture(scope="module")
def real_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binaries = tmp_path_factory.mktemp("programs")
    for path in (*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()):
        link = binaries / path.name
        if not path.name.startswith(REPLACED) and not link.is_symlink():
            link.symlink_to(path)
    return binaries


@pytest.fixture
def machine(tmp_path: Path, real_programs: Path) -> Machine:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    program(binaries / "python3", PYTHON.replace("{real}", shlex.quote(sys.executable)))
    for name, text in (("crontab", CRONTAB), ("apt-get", APT_GET), ("sudo", SUDO)):
        program(binaries / name, text)
    program(tmp_path / "command", COMMAND)
    copy_project(tmp_path / "srv" / "meeting")
    return Machine(tmp_path, tmp_path / "srv" / "meeting", real_programs)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_security_08_a_fresh_machine_is_installed_and_told_what_to_do_next(
    machine: Machine,
) -> None:
    done = machine.deploy()
    assert done.returncode == 0, done.stderr
    assert machine.calls("meeting") == ["meeting db upgrade", "meeting doctor"]
    assert "-c constraints.txt -e .[offline]" in machine.calls("pip")[0]
    assert (mode(machine.home / "data"), mode(machine.home / "logs")) == (0o700, 0o700)
    assert "Next:" in done.stdout


def test_three_runs_leave_one_crontab_line_and_the_lines_of_others(machine: Machine) -> None:
    machine.crontab = OTHERS
    for _ in range(3):
        assert machine.deploy().returncode == 0
    line = (
        f"{three_o_clock('UTC')} * * * cd {machine.home} && {{ .venv/bin/python cron_incremental.py"
        " >> logs/cron.out 2>> logs/cron.err"
        ' || { code=$?; echo "meeting: exit code $code"; tail -n 20 logs/cron.err; exit $code; }; }'
        f"  # meeting-pipeline {machine.home}\n"
    )
    assert machine.crontab == OTHERS + line


def test_the_line_of_an_older_version_is_replaced_and_its_hours_stay(machine: Machine) -> None:
    old = (
        f"30 2 * * * cd {machine.home} && .venv/bin/python cron_incremental.py"
        f" >> logs/cron.out 2>&1  # meeting-pipeline {machine.home}\n"
    )
    machine.crontab = OTHERS + old
    assert machine.deploy().returncode == 0
    (line,) = machine.jobs()
    assert line.startswith("30 2 * * * ")
    assert "cron.err" in line


def test_hours_that_an_operator_chose_stay(machine: Machine) -> None:
    machine.deploy()
    machine.crontab = machine.crontab.replace(f"{three_o_clock('UTC')} * * *", "30 19 * * mon-fri")
    machine.deploy()
    assert [line[:17] for line in machine.jobs()] == ["30 19 * * mon-fri"]


def test_the_line_follows_an_installation_that_moved(machine: Machine) -> None:
    machine.deploy()
    machine.home = machine.home.rename(machine.root / "新目录")
    assert machine.deploy().returncode == 0
    (line,) = machine.jobs()
    assert line.endswith(f"# meeting-pipeline {machine.home}")
    assert f"cd '{machine.home}' &&" in line


def test_a_second_installation_has_its_own_line(machine: Machine) -> None:
    machine.deploy()
    first, machine.home = machine.home, machine.root / "srv" / "meeting2"
    copy_project(machine.home)
    machine.deploy()
    assert len(machine.jobs()) == 2
    machine.home = first
    machine.deploy("uninstall")
    assert [line.endswith("srv/meeting2") for line in machine.jobs()] == [True]


def test_uninstall_takes_the_line_and_nothing_else(machine: Machine) -> None:
    machine.crontab = OTHERS
    machine.deploy()
    done = machine.deploy("uninstall")
    assert done.returncode == 0
    assert machine.crontab == OTHERS
    assert "Everything else stays" in done.stdout
    assert all((machine.home / name).exists() for name in (".env", ".venv/installed", "data"))


def test_this_installation_is_meant_whatever_the_shell_has_set(machine: Machine) -> None:
    machine.settings["MEETING_HOME"] = "/srv/another"
    program(machine.root / "command", '#!/bin/sh\necho "meeting in $MEETING_HOME" >>"$CALLS"\n')
    assert machine.deploy().returncode == 0
    assert set(machine.calls("meeting")) == {f"meeting in {machine.home}"}


def with_a_home(machine: Machine) -> Path:
    """Give the user a home, and return where the link will be."""
    home = machine.root / "home of 李"
    home.mkdir()
    machine.settings["HOME"] = str(home)
    return home / ".local" / "bin" / "meeting"


def test_the_command_is_put_on_the_path_announced_and_taken_off_again(machine: Machine) -> None:
    link = with_a_home(machine)
    target = machine.home / ".venv" / "bin" / "meeting"

    for _ in range(2):
        done = machine.deploy()
        assert done.returncode == 0, done.stderr
        assert link.readlink() == target
        assert f"{link} -> {target}" in done.stderr
    assert "not on your PATH" in done.stderr

    removed = machine.deploy("uninstall")
    assert not link.is_symlink()
    assert f"removed {link}" in removed.stderr
    assert target.exists()


def test_where_the_folder_is_on_the_path_the_next_steps_are_short(machine: Machine) -> None:
    link = with_a_home(machine)
    machine.settings["PATH"] = f"{machine.environment()['PATH']}:{link.parent}"

    done = machine.deploy()

    assert "not on your PATH" not in done.stderr
    assert "2. meeting doctor" in done.stdout
    subprocess.run(["meeting", "status"], env=machine.environment(), check=True)
    assert machine.calls("meeting")[-1] == "meeting status"


def test_a_command_of_that_name_that_is_not_ours_stays(machine: Machine) -> None:
    link = with_a_home(machine)
    link.parent.mkdir(parents=True)
    program(link, "#!/bin/sh\n")

    done = machine.deploy()

    assert (done.returncode, link.read_text()) == (0, "#!/bin/sh\n")
    assert f"{link} exists and is not of this installation" in done.stderr
    machine.deploy("uninstall")
    assert link.exists()


def test_the_link_of_a_second_installation_stays_and_that_of_a_moved_one_follows(
    machine: Machine,
) -> None:
    link = with_a_home(machine)
    machine.deploy()
    first, machine.home = machine.home, machine.root / "srv" / "meeting2"
    copy_project(machine.home)
    assert machine.deploy().returncode == 0
    assert link.readlink() == first / ".venv" / "bin" / "meeting"

    first.rename(machine.root / "away")
    machine.deploy()
    assert link.readlink() == machine.home / ".venv" / "bin" / "meeting"


def test_without_a_link_nothing_is_put_on_the_path(machine: Machine) -> None:
    link = with_a_home(machine)
    assert machine.deploy("--no-link").returncode == 0
    assert not link.is_symlink()


def test_without_cron_the_crontab_is_not_touched(machine: Machine) -> None:
    machine.deploy("--no-cron")
    assert not (machine.root / "crontab").exists()


@pytest.mark.parametrize("closed", ["CRONTAB_BROKEN", "CRONTAB_CLOSED"])
def test_a_user_who_may_not_use_cron_gets_everything_else_and_is_told(
    machine: Machine, closed: str
) -> None:
    machine.crontab = OTHERS
    machine.settings[closed] = "1"
    link = with_a_home(machine)

    done = machine.deploy()

    assert done.returncode == 0, done.stderr
    assert machine.crontab == OTHERS
    assert "permission denied" in done.stderr or "not allowed" in done.stderr
    assert "No night starts by itself until" in done.stderr
    assert "cron_incremental.py >> logs/cron.out" in done.stderr
    assert link.is_symlink()
    assert "Next:" in done.stdout


def test_a_user_without_cron_and_without_sudo_gets_everything_else_and_is_told(
    machine: Machine,
) -> None:
    (machine.root / "bin" / "crontab").unlink()
    program(machine.root / "bin" / "apt-get", "#!/bin/sh\nexit 100\n")
    program(machine.root / "bin" / "sudo", "#!/bin/sh\nexit 1\n")
    link = with_a_home(machine)

    done = machine.deploy()

    assert done.returncode == 0, done.stderr
    assert "cron is not installed" in done.stderr
    assert "No night starts by itself until" in done.stderr
    assert "deploy.sh: stopped at" not in done.stderr
    assert link.is_symlink()
    assert "Next:" in done.stdout


def test_a_crontab_that_cannot_be_read_is_not_overwritten_by_uninstall(machine: Machine) -> None:
    machine.crontab = OTHERS
    machine.settings["CRONTAB_BROKEN"] = "1"
    done = machine.deploy("uninstall")
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert machine.crontab == OTHERS


def test_an_unusual_path_works_from_any_directory_and_as_cron_runs_it(machine: Machine) -> None:
    machine.home = machine.home.rename(machine.root / "100% it's 我的 meeting")
    for _ in range(2):
        assert machine.deploy(cwd=Path("/")).returncode == 0
    ended = machine.as_cron_runs_it()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (machine.home / "logs" / "cron.out").read_text() == "夜间运行\n"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_night_that_failed_gives_cron_something_to_mail_and_keeps_its_code(
    machine: Machine, shell: str
) -> None:
    machine.deploy()
    (machine.home / "cron_incremental.py").write_text(
        "import sys\n"
        "print('列出 李雷的课')\n"
        "for number in range(100): print('line', number, file=sys.stderr)\n"
        "print('meeting: bad_setting: JOBS', file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    ended = machine.as_cron_runs_it(shell)
    assert ended.returncode == 3
    said = ended.stdout.splitlines()
    assert (said[0], said[1], said[-1]) == (
        "meeting: exit code 3",
        "line 81",
        "meeting: bad_setting: JOBS",
    )
    assert "李雷" not in ended.stdout, "titles stay on this machine"


def test_a_night_that_succeeded_gives_cron_nothing_to_mail(machine: Machine) -> None:
    machine.deploy()
    (machine.home / "cron_incremental.py").write_text(
        "import sys\nprint('report')\nprint('INFO a log line', file=sys.stderr)\n"
    )
    ended = machine.as_cron_runs_it()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("missing", [".venv/bin/python", "cron_incremental.py", "logs", "."])
def test_what_cannot_even_start_gives_cron_something_to_mail(
    machine: Machine, missing: str
) -> None:
    machine.deploy()
    (machine.home / missing).rename(machine.root / "away")
    ended = machine.as_cron_runs_it()
    assert ended.returncode != 0
    assert len((ended.stdout + ended.stderr).splitlines()) >= 1
    assert missing == "." or "meeting: exit code" in ended.stdout


def three_o_clock(zone: str) -> str:
    """Minute and hour of this machine's own clock when it is 03:00 there today."""
    there = datetime.now(ZoneInfo(zone)).replace(hour=3, minute=0)
    here = subprocess.run(
        ["date", "-d", f"@{there.timestamp():.0f}", "+%-M %-H"],
        env={name: value for name, value in os.environ.items() if name != "TZ"},
        capture_output=True,
        text=True,
        check=True,
    )
    return here.stdout.strip()


def offset_here(day: str) -> str:
    """How far this machine's own clock is from UTC on a day."""
    without = {name: value for name, value in os.environ.items() if name != "TZ"}
    return subprocess.check_output(["date", "-d", day, "+%z"], env=without, text=True)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Pacific/Kiritimati", "Asia/Kathmandu"])
def test_the_line_gets_the_hour_that_is_three_o_clock_in_the_zone_of_the_settings(
    machine: Machine, zone: str
) -> None:
    machine.settings["MEETING_TZ"] = zone
    done = machine.deploy()
    (line,) = machine.jobs()
    assert line.startswith(f"{three_o_clock(zone)} * * * cd ")
    assert "change the line's" not in done.stderr


def test_the_zone_may_be_in_the_settings_file_and_is_shanghai_where_it_is_not(
    machine: Machine,
) -> None:
    machine.settings["MEETING_TZ"] = ""
    machine.deploy()
    assert machine.jobs()[0].startswith(f"{three_o_clock('Asia/Shanghai')} * * * ")

    machine.crontab = ""
    (machine.home / ".env").write_text('MEETING_TZ="Asia/Kathmandu"\n')
    machine.deploy()
    assert machine.jobs()[0].startswith(f"{three_o_clock('Asia/Kathmandu')} * * * ")


def test_other_hours_are_kept_and_the_ones_to_write_are_pointed_out(machine: Machine) -> None:
    machine.deploy()
    machine.crontab = machine.crontab.replace(f"{three_o_clock('UTC')} * * *", "7 5 * * *")
    machine.settings["MEETING_TZ"] = "Pacific/Kiritimati"
    done = machine.deploy()
    assert machine.jobs()[0].startswith("7 5 * * * ")
    assert f'"{three_o_clock("Pacific/Kiritimati")}"' in done.stderr


def test_a_line_that_was_not_changed_by_hand_follows_the_zone_of_the_settings(
    machine: Machine,
) -> None:
    for zone in ("UTC", "Asia/Kathmandu", "Pacific/Kiritimati"):
        machine.settings["MEETING_TZ"] = zone
        done = machine.deploy()
        (line,) = machine.jobs()
        assert line.startswith(f"{three_o_clock(zone)} * * * ")
        assert "change the line's" not in done.stderr


def test_a_line_of_a_version_that_kept_no_hours_follows_from_the_zone_of_that_time(
    machine: Machine,
) -> None:
    machine.settings["MEETING_TZ"] = ""
    machine.deploy()
    (machine.home / "data" / "scheduled-hours").unlink(missing_ok=True)
    machine.settings["MEETING_TZ"] = "Asia/Kathmandu"
    machine.deploy()
    assert machine.jobs()[0].startswith(f"{three_o_clock('Asia/Kathmandu')} * * * ")


def test_daylight_saving_time_is_explained_where_there_is_any(machine: Machine) -> None:
    january, july = (offset_here(f"2026-{month}-15") for month in ("01", "07"))
    assert ("daylight saving" in machine.deploy().stderr) is (january != july)
    machine.settings["MEETING_TZ"] = "America/New_York"
    assert "nights begin an hour earlier" in machine.deploy().stderr


def test_env_is_written_for_its_owner_only(machine: Machine) -> None:
    machine.deploy()
    assert mode(machine.home / ".env") == 0o600
    assert (machine.home / ".env").read_text() == (machine.home / ".env.example").read_text()


def test_an_existing_env_keeps_its_content_and_is_closed_to_others(machine: Machine) -> None:
    env = machine.home / ".env"
    env.write_text("TQM_SECRET_ID=甲\n")
    env.chmod(0o644)
    done = machine.deploy()
    assert (env.read_text(), mode(env)) == ("TQM_SECRET_ID=甲\n", 0o600)
    assert "mode 600" in done.stderr


def test_a_second_run_installs_nothing_until_the_packages_change(machine: Machine) -> None:
    machine.deploy()
    machine.deploy()
    assert len(machine.calls("pip")) == 1
    with (machine.home / "constraints.txt").open("a") as constraints:
        constraints.write("# newer\n")
    machine.deploy()
    assert len(machine.calls("pip")) == 2


def test_an_installation_killed_in_the_middle_is_made_anew(machine: Machine) -> None:
    machine.settings["KILL_DURING_PIP"] = "1"
    assert machine.deploy().returncode == -9
    (machine.home / ".venv" / "half").touch()
    machine.settings.clear()
    assert machine.deploy().returncode == 0
    assert not (machine.home / ".venv" / "half").exists()


@pytest.mark.parametrize("damage", ["bin/python", "bin/pip"])
def test_a_broken_environment_is_repaired(machine: Machine, damage: str) -> None:
    machine.deploy()
    (machine.home / ".venv" / damage).unlink()
    assert machine.deploy().returncode == 0
    assert (machine.home / ".venv" / damage).exists()


def test_a_failed_step_is_named_with_its_reason(machine: Machine) -> None:
    machine.settings["PIP_FAILS"] = "1"
    done = machine.deploy()
    assert done.returncode == 1
    assert "no route to the index" in done.stderr
    assert 'stopped at "Installing meeting[offline]' in done.stderr
    assert "run it again" in done.stderr


def test_a_machine_without_a_new_python_is_told_what_to_install(machine: Machine) -> None:
    program(machine.root / "bin" / "python3", "#!/bin/sh\nexit 1\n")
    done = machine.deploy()
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_the_venv_module_that_debian_keeps_apart_is_installed(machine: Machine) -> None:
    machine.settings["WITHOUT_VENV"] = str(machine.root / "venv-is-there")
    assert machine.deploy().returncode == 0
    assert machine.calls("apt-get")[-1].endswith("--no-remove python3-venv")


def test_red_checks_do_not_stop_the_installation(machine: Machine) -> None:
    machine.settings["DOCTOR"] = "3"
    done = machine.deploy()
    assert done.returncode == 0
    assert "red checks" in done.stderr
    assert len(machine.jobs()) == 1


def test_a_doctor_that_breaks_stops_the_installation(machine: Machine) -> None:
    machine.settings["DOCTOR"] = "1"
    assert machine.deploy().returncode == 1
    assert machine.jobs() == []


def test_demo_needs_no_settings_and_no_apt(machine: Machine) -> None:
    assert machine.deploy("demo", "--quiet").returncode == 0
    assert machine.calls("meeting") == ["meeting demo --quiet"]
    assert machine.calls("apt-get") == []
    assert not (machine.home / ".env").exists()


def test_the_test_verb_checks_first_and_ends_with_pytest(machine: Machine) -> None:
    done = machine.deploy("test", "-k", "窗口 or window")
    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in machine.calls("")[1:] if "apt-get" not in call] == [
        "ruff",
        "ruff",
        "mypy",
        "lint-imports",
        "codespell",
        "pytest",
    ]
    assert machine.calls("pytest") == ["pytest -n 2 --dist loadfile -k 窗口 or window"]
    assert done.stdout.splitlines()[-1] == "== 7 passed =="


def test_an_argument_that_means_nothing_is_refused(machine: Machine) -> None:
    done = machine.deploy("--no-corn")
    assert done.returncode == 2
    assert "--no-corn" in done.stderr
    assert machine.calls("") == []


def test_help_names_every_verb(machine: Machine) -> None:
    text = machine.deploy("help").stdout
    for verb in ("install", "demo", "test", "uninstall", "setup", "check"):
        assert verb in text
