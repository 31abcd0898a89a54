#!/usr/bin/env bash
# Install the program, its database and its nightly schedule on a bare machine. Running it again is always safe.
set -euo pipefail

home=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
tag="# meeting-pipeline"
step=starting
asked_python=
with_cron=yes
with_link=yes
command=.venv/bin/meeting

usage() {
  cat <<'TEXT'
usage: ./deploy.sh [install] [--no-cron] [--no-link] [--python PATH]   install, or update an installation
       ./deploy.sh demo [ARGUMENT...]                      process the sample recordings; needs only Python
       ./deploy.sh uninstall                               remove the nightly crontab line and the link, and nothing else
       ./deploy.sh help

for developers:
       ./deploy.sh setup                                   make the virtual environment with every tool
       ./deploy.sh check                                   ruff, mypy, import contracts, spelling
       ./deploy.sh test [PYTEST ARGUMENT...]               run check, then every test; installs what they need

--no-cron      leave the crontab alone
--no-link      do not put "meeting" on the PATH (a link in /usr/local/bin or ~/.local/bin)
--python PATH  use this Python (3.11 or newer) instead of searching for one

pip's own settings (PIP_INDEX_URL and the others) are honoured.
TEXT
}

main() {
  local verb=install
  case ${1:-} in
    install | demo | setup | check | test | uninstall | help) verb=$1 && shift ;;
    -h | --help) verb=help && shift ;;
  esac
  while (($#)); do
    case $1 in
      --no-cron) with_cron=no ;;
      --no-link) with_link=no ;;
      --python) use_python "${2:-}" && shift ;;
      *) break ;;
    esac
    shift
  done
  case $verb in
    demo | test) ;;
    *) (($# == 0)) || refuse "$1" ;;
  esac
  cd -- "$home"
  export MEETING_HOME=$home # this installation is meant, whatever the shell has set
  PATH=$PATH:/usr/sbin:/sbin # an ordinary user's PATH hides mariadbd on Debian
  trap on_exit EXIT
  "do_$verb" "$@"
}

refuse() {
  printf 'deploy.sh: cannot use "%s" here\n' "$1" >&2
  usage >&2
  exit 2
}

use_python() {
  asked_python=$(command -v -- "$1") || refuse "--python $1"
  asked_python=$(realpath -s -- "$asked_python")
}

say() {
  step=$1
  printf '==> %s\n' "$1" >&2
}

note() { printf '    %s\n' "$@" >&2; }

fail() {
  printf 'deploy.sh: %s\n' "$@" >&2
  exit 1
}

on_exit() {
  local code=$?
  ((code == 0)) && return
  printf 'deploy.sh: stopped at "%s" (exit code %d). Finished steps are kept; remove the cause and run it again.\n' \
    "$step" "$code" >&2
}

# Show the output of a command only when it fails. It goes to a file: a daemon started by apt would hold a pipe open.
quietly() {
  mkdir -p logs
  "$@" >logs/deploy.log 2>&1 || {
    local code=$?
    tail -n 30 logs/deploy.log >&2
    return "$code"
  }
}

# ---- verbs

do_help() { usage; }

do_install() {
  prepare_venv offline
  write_env_file
  say "Making data/ and logs/"
  install -d -m 700 data logs
  say "Bringing the database up to date"
  .venv/bin/meeting db upgrade
  run_doctor
  [[ $with_cron == no ]] || schedule
  [[ $with_link == no ]] || put_on_path
  say_what_next
}

do_demo() {
  prepare_venv offline
  exec .venv/bin/meeting demo "$@"
}

do_setup() { prepare_venv offline,dev; }

do_check() {
  do_setup
  say "ruff: rules" && .venv/bin/ruff check .
  say "ruff: layout" && .venv/bin/ruff format --check .
  say "mypy: types" && .venv/bin/mypy
  say "lint-imports: import contracts" && .venv/bin/lint-imports
  say "codespell: spelling" &&
    .venv/bin/codespell meeting_pipeline tests bench tools docs ./*.md ./*.py deploy.sh Makefile .env.example
}

do_test() {
  do_setup
  install_test_programs
  do_check
  say "pytest"
  exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"  # one worker a core
}

do_uninstall() {
  say "Removing the nightly line from the crontab"
  if has crontab; then
    read_crontab || fail "the crontab cannot be read: $(cat logs/deploy.log)"
    drop_line_of "$home"
    write_crontab
  fi
  rm -f data/scheduled-from data/scheduled-hours
  take_off_path
  echo "The nightly run is no longer scheduled. Everything else stays: recordings, database, .env, .venv."
}

# ---- Python and its packages

prepare_venv() {
  [[ -w . ]] || fail "$home cannot be written by $(id -un); run this as its owner"
  exec 9<. # two deployments at once: the second waits
  flock 9
  usable_venv || make_venv
  install_packages "$1"
  exec 9<&-
}

# True if the environment is complete, was made in this folder (a moved one points to its old place), and has the Python
# that was asked for.
usable_venv() {
  [[ ! -e .venv/unfinished ]] && grep -qsF "$home/.venv/bin/" .venv/bin/pip &&
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
    { [[ -z $asked_python ]] || [[ $(build_of .venv/bin/python) == "$(build_of "$asked_python")" ]]; }
}

make_venv() {
  find_python
  say "Making the virtual environment with $python"
  rm -rf .venv
  mkdir .venv
  touch .venv/unfinished # as long as it exists, the next run makes the environment from scratch
  quietly "$python" -m venv .venv
}

install_packages() {
  local extras=$1 fingerprint
  fingerprint="$(cat pyproject.toml constraints.txt | sha256sum | cut -d ' ' -f 1) $extras"
  if [[ $(cat .venv/installed 2>/dev/null) == "$fingerprint"* ]]; then return; fi
  say "Installing meeting[$extras] (some minutes the first time)"
  touch .venv/unfinished
  rm -f .venv/installed
  quietly .venv/bin/python -m pip install --quiet --no-input -c constraints.txt -e ".[$extras]" ||
    fail "pip could not install the packages; the reason is above. PIP_INDEX_URL chooses another package index."
  rm .venv/unfinished
  echo "$fingerprint" >.venv/installed
}

find_python() {
  local candidates=(python3 python3.11 python3.12 python3.13 python3.14) candidate
  [[ -z $asked_python ]] || candidates=("$asked_python")
  say "Looking for Python 3.11 or newer"
  for candidate in "${candidates[@]}"; do
    python=$candidate
    if new_enough "$python" && can_make_venv "$python"; then return; fi
  done
  for candidate in "${candidates[@]}"; do
    python=$candidate
    if new_enough "$python"; then
      add_venv_module
      return
    fi
  done
  fail "no Python 3.11 or newer among: ${candidates[*]}" \
    "Debian 12, Ubuntu 24.04 and later have it: apt-get install python3 python3-venv" \
    "If it is somewhere else: ./deploy.sh --python /path/to/python3"
}

add_venv_module() { # Debian keeps ensurepip apart from Python
  local package
  package=$(basename "$python")-venv
  [[ $package == python3* ]] || package=python3-venv
  install_by_apt "$package"
  can_make_venv "$python" || fail "$python cannot make virtual environments: its module ensurepip is missing"
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

build_of() { "$1" -c 'import sys; print(sys.base_prefix, sys.version)'; }

# ---- the system's packages

install_by_apt() {
  local as_root=()
  ((EUID == 0)) || as_root=(sudo -n)
  command -v apt-get >/dev/null || fail "missing here: $*. Install it with this system's package manager."
  ((EUID == 0)) || sudo -n true 2>/dev/null || fail "missing here: $*" "An administrator can: apt-get install $*"
  say "Installing $* (apt)"
  quietly "${as_root[@]}" apt-get update || note "the package lists could not be updated; using the old ones"
  quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends --no-remove "$@"
}

# The programs of servers without their services, since the tests start their own on free ports; and foreign recordings.
install_test_programs() {
  local missing=()
  has mariadbd && has mariadb-install-db || missing+=(mariadb-server-core)
  has mariadb-admin && has my_print_defaults || missing+=(mariadb-client)
  has ffmpeg && has ffprobe || missing+=(ffmpeg)
  has aria2c || missing+=(aria2)
  has strace || missing+=(strace)
  has apache2 || missing+=(apache2-bin)
  has busybox || missing+=(busybox)
  [[ -d /usr/share/pocketsphinx/test/data/librivox ]] || missing+=(pocketsphinx-testdata)
  [[ -d /usr/share/sounds/freedesktop/stereo ]] || missing+=(sound-theme-freedesktop)
  ((${#missing[@]} == 0)) || install_by_apt "${missing[@]}"
}

has() { command -v "$1" >/dev/null; }

# ---- settings and health

write_env_file() {
  if [[ ! -e .env ]]; then
    say "Writing .env from .env.example (only you can read it)"
    install -m 600 .env.example .env.part
    mv .env.part .env
  elif [[ -n $(find -L .env -perm /077) ]]; then
    say "Closing .env, which others could read (mode 600)"
    chmod 600 .env
  fi
}

run_doctor() {
  local code=0
  say "Checking the installation (meeting doctor)"
  .venv/bin/meeting doctor || code=$?
  case $code in
    0) ;;
    3) note "The red checks above (✗) say what is missing, those with ? what could not be checked; the installation" \
      "continues without it." ;;
    *) return "$code" ;;
  esac
}

say_what_next() {
  cat <<TEXT

Installed in $home. Next:
  1. Write your credentials into .env; every setting is explained there.
     Without any, recordings come from the directory in MEETING_FOLDER.
  2. $command doctor                  what is still missing, and how to fix it
  3. $command run --since yesterday   the first run by hand
To see it work before you have credentials: ./deploy.sh demo
To upgrade: git pull && ./deploy.sh
TEXT
}

# ---- the command on the PATH

# Link .venv/bin/meeting into the first folder that is on the PATH and ours to write, so that it works anywhere.
put_on_path() {
  local folder link
  say "Putting meeting on the PATH (--no-link skips this)"
  folder=$(link_folder) || { note "No HOME is set: call $home/.venv/bin/meeting instead."; return 0; }
  link=$folder/meeting
  if is_foreign "$link"; then
    note "$link exists and is not of this installation; it stays. Call $home/.venv/bin/meeting here."
    return 0
  fi
  mkdir -p "$folder"
  ln -sfn -- "$home/.venv/bin/meeting" "$link"
  note "$link -> $home/.venv/bin/meeting"
  if on_path "$folder"; then
    command=meeting
  else
    note "$folder is not on your PATH yet: log in again, or add it in your shell's profile."
  fi
}

take_off_path() {
  local link
  for link in /usr/local/bin/meeting ${HOME:+"$HOME/.local/bin/meeting"}; do
    [[ $(readlink -- "$link") == "$home/.venv/bin/meeting" ]] || continue
    rm -f -- "$link"
    note "removed $link"
  done
}

link_folder() {
  if on_path /usr/local/bin && [[ -w /usr/local/bin ]]; then
    echo /usr/local/bin
  else
    [[ -n ${HOME:-} ]] && echo "$HOME/.local/bin"
  fi
}

on_path() { [[ :$PATH: == *:"$1":* ]]; }

# True for whatever is no link to an installation, and for a link to another one that is still there.
is_foreign() {
  local target
  [[ -e $1 || -L $1 ]] || return 1
  target=$(readlink -- "$1") || return 0
  [[ $target == */.venv/bin/meeting ]] || return 0
  [[ $target != "$home/.venv/bin/meeting" && -e $target ]]
}

# ---- the nightly run

# A user who has no cron, or may not use it, gets everything else: nothing below ends the installation.
schedule() {
  say "Scheduling the nightly run (--no-cron skips this)"
  local before zone wanted hours moved_from
  zone=$(zone_of_nights)
  wanted=$(hours_of_three "$zone")
  hours="$wanted * * *"
  has crontab || (install_by_apt cron) || { go_without_cron "cron is not installed."; return 0; }
  read_crontab || { go_without_cron "The crontab cannot be read: $(tail -n 1 logs/deploy.log)"; return 0; }
  before=$crontab
  moved_from=$(cat data/scheduled-from 2>/dev/null || true)
  [[ -z $moved_from || -e $moved_from/cron_incremental.py ]] || drop_line_of "$moved_from"
  drop_line_of "$home"
  ! is_own_choice "$hours" || hours="$wanted * * *" # hours changed by hand stay
  crontab+=${crontab:+$'\n'}$(job "$hours")
  if [[ $crontab != "$before" ]]; then
    write_crontab 2>logs/deploy.log || { go_without_cron "$(tail -n 1 logs/deploy.log)"; return 0; }
  fi
  printf '%s\n' "$home" >data/scheduled-from
  rm -f data/scheduled-hours
  [[ $hours != "$wanted * * *" ]] || printf '%s\n' "$hours" >data/scheduled-hours
  note "$(job "$hours")"
  tell_of_zone "$zone" "$wanted" "$hours"
  has pidof && ! pidof cron crond >/dev/null && note "No cron daemon is running here. Start it: service cron start"
  return 0
}

go_without_cron() {
  note "$1" "Everything else is installed. No night starts by itself until $(id -un) may use cron (then run this again)," \
    "or a timer of another kind runs this line:" "$(job "$hours")"
}

# Cron mails the output of its jobs. A night that failed prints its exit code and the end of its log, others print
# nothing. The tables in cron.out are never mailed, since they contain titles.
job() {
  local quote="'\\''" directory=$home line failed
  case $home in *[!A-Za-z0-9_./-]*) directory="'${home//"'"/$quote}'" ;; esac
  failed='{ code=$?; echo "meeting: exit code $code"; tail -n 20 logs/cron.err; exit $code; }'
  line="cd $directory && { .venv/bin/python cron_incremental.py >> logs/cron.out 2>> logs/cron.err || $failed; }  $tag $home"
  printf '%s %s\n' "$1" "${line//[%]/\\%}" # cron takes a bare % for a line break
}

read_crontab() {
  mkdir -p logs
  crontab=$(LC_ALL=C crontab -l 2>logs/deploy.log) || grep -q 'no crontab' logs/deploy.log
}

write_crontab() { printf '%s' "${crontab:+$crontab$'\n'}" | crontab -; }

# Remove the line of an installation from $crontab, and keep its schedule in $hours.
drop_line_of() {
  local mark="$tag ${1//[%]/\\%}" line rest=
  while IFS= read -r line; do
    if [[ $line != *"$mark" ]]; then
      rest+=$line$'\n'
    elif [[ $line =~ ^(([0-9A-Za-z*/,-]+[[:blank:]]+){4}[0-9A-Za-z*/,-]+) ]]; then
      hours=${BASH_REMATCH[1]}
    fi
  done <<<"$crontab"
  crontab=${rest%$'\n'}
}

# True for hours that an earlier run wrote and no one changed: they follow MEETING_TZ. Versions that did not remember
# what they wrote chose 03:00 in Asia/Shanghai unless MEETING_TZ was set.
is_own_choice() {
  [[ $1 == "$(cat data/scheduled-hours 2>/dev/null || echo "$(hours_of_three Asia/Shanghai) * * *")" ]]
}

zone_of_nights() {
  local zone
  zone=$(sed -n "s/^MEETING_TZ=[\"']\{0,1\}\([A-Za-z0-9_+/-]*\).*/\1/p" .env | tail -n 1)
  echo "${MEETING_TZ:-${zone:-Asia/Shanghai}}"
}

# The minute and hour of this host's clock, which cron follows, when it is 03:00 in a zone, now or on a given date.
hours_of_three() { env -u TZ date -d "TZ=\"$1\" ${2:-} 03:00" +'%-M %-H' 2>/dev/null || echo "0 3"; }

tell_of_zone() {
  local zone=$1 wanted=$2 year
  year=$(date +%Y)
  [[ $3 == "$wanted "* ]] ||
    note "cron follows this host's clock ($(env -u TZ date +%Z)), not $zone. For 03:00 in $zone change the line's" \
      "first two fields to \"$wanted\" (crontab -e); later runs of deploy.sh keep them."
  [[ $(hours_of_three "$zone" "$year-01-15") == "$(hours_of_three "$zone" "$year-07-15")" ]] ||
    note "$zone or this host has daylight saving time: cron follows this host's clock, so nights begin an hour earlier or" \
      "later in $zone in half of the year. No recording is missed or processed twice."
}

main "$@"
