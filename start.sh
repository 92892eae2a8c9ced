#!/usr/bin/env bash
# Runs ccpush on this machine without a container; "./start.sh --help" says how.
#
# Writes only below $XDG_DATA_HOME (the virtual environment) and $XDG_STATE_HOME (process number and
# log). Never asks for root and never touches another process than the one it started.
# Written for bash 3.2 and the tools that Linux and macOS have in common.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
self=./start.sh
[ "$PWD" = "$root" ] || self=$root/start.sh

# the same codes as ccpush itself
failure=1 usage=2 configuration=78

minimum='3, 11'
start_within_s=30
ready_within_s=20
stop_within_s=5

say() { printf '%s\n' "$*"; }

die() { # CODE MESSAGE [HINT]
  printf 'Error: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf 'Try: %s\n' "$3" >&2
  exit "$1"
}

help() {
  cat <<HELP
Usage: ./start.sh --exporter [--foreground] [--venv DIR] [-- OPTION...]

Installs ccpush into a virtual environment of its own, runs it in the background and says where its
metrics are. What stands after -- goes to "ccpush run", as do CLAUDE_HOME and the CCPUSH_ variables.

  --exporter       run ccpush natively; harmless when it already runs
  --foreground     with --exporter: stay in this terminal until Ctrl-C
  --venv DIR       with --exporter: use the ccpush in this environment and install nothing
  --stop           end what --exporter started; harmless when nothing runs
  --restart        --stop, then --exporter; takes the same options, also after an upgrade
  --status         say whether it runs; 0 when it does, 1 when not
  --which-python   print the Python that is used; PYTHON=... chooses another
  --help           print this

  environment      $venv
  process number   $pid_file
  log              $log_file (the one before: $log_file.old)

Examples:
  ./start.sh --exporter
  CLAUDE_HOME=~/client/.claude ./start.sh --exporter
  ./start.sh --exporter -- --listen-address 127.0.0.1:9102 --interval 5m

Exit codes: 0 done, 1 failure, 2 usage, 78 configuration, else that of "ccpush run".
HELP
}

# --- Python ---------------------------------------------------------------------------------------

# A final release, new enough, that can make virtual environments. Asked by running it, because a
# name on PATH may belong to a version manager that has no such version switched on.
suits() {
  "$1" -c "import sys, venv, ensurepip
sys.exit(sys.version_info < ($minimum) or sys.version_info.releaselevel != 'final')" \
    >/dev/null 2>&1
}

which_python() {
  local name minor
  if [ -n "${PYTHON:-}" ]; then
    suits "$PYTHON" || die $configuration \
      "PYTHON=$PYTHON: found no usable Python there; accepted: 3.11 or newer, with venv"
    command -v "$PYTHON"
    return
  fi
  for minor in 20 19 18 17 16 15 14 13 12 11 ''; do
    name=python3${minor:+.$minor}
    if suits "$name"; then
      command -v "$name"
      return
    fi
  done
  die $failure "found no Python 3.11 or newer that can make virtual environments" \
    "install one (Debian: apt install python3-venv, macOS: brew install python), or name it: PYTHON=/path/to/python3"
}

# --- the virtual environment ----------------------------------------------------------------------

# Changes with every file that is installed.
source_sum() {
  (cd "$root" && find ccpush pyproject.toml -type f ! -name '*.pyc' -exec cksum {} + |
    LC_ALL=C sort | cksum)
}

install_ccpush() {
  local wanted python
  wanted=$(source_sum)
  if "$venv/bin/python" -Ic 'import ccpush' 2>/dev/null &&
    [ "$(cat "$venv/.ccpush-source" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  python=$(which_python)
  say "installing ccpush into $venv"
  mkdir -p "$(dirname "$venv")"
  "$python" -m venv --clear "$venv"
  "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$root" ||
    die $failure "pip could not install ccpush; it says above why" \
      "see that a package index can be reached, then run this again"
  printf '%s\n' "$wanted" >"$venv/.ccpush-source"
}

ccpush_python() { # runs Python code from stdin with what is installed
  "$venv/bin/python" -I - "$@"
}

# --- the process ----------------------------------------------------------------------------------

command_of() {
  ps -ww -p "$1" -o args= 2>/dev/null || tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline"
}

# Prints its number if it runs. The number alone proves nothing: it may be another program's by now.
running_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  kill -0 "$pid" 2>/dev/null || return 1
  case $(command_of "$pid") in
    *ccpush\ run*) printf '%s\n' "$pid" ;;
    *) return 1 ;;
  esac
}

stop() {
  local pid waited=0
  if ! pid=$(running_pid); then
    rm -f "$pid_file"
    say "nothing runs here"
    return
  fi
  kill -TERM "$pid"
  while running_pid >/dev/null; do
    [ $waited -lt $((stop_within_s * 10)) ] ||
      die $failure "process $pid was told to stop and has not ended after $stop_within_s s" \
        "see $log_file"
    sleep 0.1
    waited=$((waited + 1))
  done
  rm -f "$pid_file"
  say "stopped ccpush, process $pid"
}

status() {
  local pid
  if pid=$(running_pid); then
    say "ccpush runs, process $pid"
    say "  log    $log_file"
  else
    say "ccpush does not run"
    return $failure
  fi
}

# --- settings -------------------------------------------------------------------------------------

check_claude_home() {
  local home=${CLAUDE_HOME:-}
  # ccpush itself takes ~ too, where a shell has left it
  case $home in \~ | \~/*) home=$HOME${home#\~} ;; esac
  [ -z "$home" ] || [ -d "$home" ] || die $configuration \
    "CLAUDE_HOME: found $CLAUDE_HOME, which is no folder; accepted: a Claude home, such as ~/.claude" \
    "correct CLAUDE_HOME, or unset it for ~/.claude and ~/.config/claude"
}

# Prints where ccpush would serve with these options, and the Claude homes that do not exist when
# none does. Mistakes in the settings are told here, before anything goes into the background.
plan() {
  ccpush_python "$@" <<'PYTHON'
import sys

import click
from ccpush.cli import run
from ccpush.config.web_file import load_web_file
from ccpush.errors import EXIT_USAGE, ConfigError
from ccpush.terminal.ending import told
from ccpush.terminal.options import settle


def plan() -> int:
    try:
        options = run.make_context("ccpush run", sys.argv[1:]).params
    except click.exceptions.Exit:
        # asked for help, and got it
        return EXIT_USAGE
    settings = settle(options)
    web = settings.web
    if web.port == 0:
        raise ConfigError("port to listen on: found 0; accepted: one that start.sh can ask")
    tls = web.config_file is not None and load_web_file(web.config_file).cert_file is not None
    host = "localhost" if web.host in ("", "0.0.0.0", "::", "127.0.0.1") else web.host
    host = f"[{host}]" if ":" in host else host
    print(f"{'https' if tls else 'http'}://{host}:{web.port}")
    if not any(home.is_dir() for home in settings.claude_homes):
        print(" and ".join(map(str, settings.claude_homes)))
    return 0


sys.exit(told(plan, debug=False))
PYTHON
}

# Asks until ccpush answers or process PID ended. Prints "ready", "healthy" or, of a first answer
# that is not ccpush's, "other"; nothing when nobody answered. PID 0 asks once.
ask() { # URL PID WITHIN_S PATH
  ccpush_python "$@" <<'PYTHON'
import http.client
import os
import ssl
import sys
import time
from urllib.parse import urlsplit

url, pid, within_s, path = urlsplit(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
# only the own process is asked, by the address that it was given
trusting = ssl._create_unverified_context()


def answer():
    if url.scheme == "https":
        asked = http.client.HTTPSConnection(url.netloc, timeout=2, context=trusting)
    else:
        asked = http.client.HTTPConnection(url.netloc, timeout=2)
    try:
        asked.connect()
    except TimeoutError:
        return "other"
    except OSError:
        return ""
    try:
        asked.request("GET", path)
        reply = asked.getresponse()
        if reply.getheader("Server") != "ccpush":
            return "other"
        return "ready" if path == "/-/ready" and reply.status == 200 else "healthy"
    except (OSError, http.client.HTTPException):
        return "other"
    finally:
        asked.close()


wanted = "ready" if path == "/-/ready" else "healthy"
until_s = time.monotonic() + within_s
found = answer()
while pid and found != wanted and time.monotonic() < until_s:
    time.sleep(0.1)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        break
    found = answer()
print(found)
PYTHON
}

# --- the commands ---------------------------------------------------------------------------------

exporter() {
  local pid url missing code
  if pid=$(running_pid); then
    say "ccpush already runs, process $pid; its log is $log_file"
    say "  stop it      $self --stop"
    say "  restart it   $self --restart   (with other options, or after an upgrade)"
    return
  fi
  check_claude_home
  if [ -z "$given_venv" ]; then
    install_ccpush
  elif [ ! -x "$venv/bin/python" ]; then
    die $usage "--venv: found no Python in $venv; accepted: a virtual environment with ccpush in it"
  fi
  if [ -n "$foreground" ]; then
    exec "$venv/bin/python" -Im ccpush run "$@"
  fi
  url=$(plan "$@") || {
    code=$?
    [ -z "$url" ] || say "$url"
    exit $code
  }
  missing=$(say "$url" | sed -n 2p)
  url=$(say "$url" | sed -n 1p)
  [ -z "$(ask "$url" 0 0 /)" ] || die $failure "something already answers at $url" \
    "stop it, or serve elsewhere: $self --exporter -- --listen-address 127.0.0.1:9102"
  background "$@"
  await "$url" "$missing"
}

background() {
  mkdir -p "$(dirname "$pid_file")"
  [ ! -f "$log_file" ] || mv -f "$log_file" "$log_file.old"
  # not nohup, which on macOS fails without a console
  (
    trap '' HUP
    exec "$venv/bin/python" -Im ccpush run "$@"
  ) >"$log_file" 2>&1 </dev/null &
  started=$!
  printf '%s\n' "$started" >"$pid_file"
}

await() { # URL MISSING_HOMES
  local found
  found=$(ask "$1" "$started" $start_within_s /-/healthy)
  if ! kill -0 "$started" 2>/dev/null; then
    failed
  elif [ "$found" != healthy ]; then
    die $failure "ccpush runs as process $started, but does not answer at $1" "see $log_file"
  fi
  say "ccpush runs, process $started"
  say "  metrics   $1/metrics"
  say "  log       $log_file"
  say "  stop      $self --stop"
  say "  restart   $self --restart"
  if [ -n "$2" ]; then
    say "There is no Claude home yet: it waits for $2 to appear."
  elif [ "$(ask "$1" "$started" $ready_within_s /-/ready)" != ready ]; then
    say "The first reading still goes on; until it is done there are only ccpush's own metrics."
  fi
}

failed() {
  local code=0
  wait "$started" || code=$?
  rm -f "$pid_file"
  tail -n 5 "$log_file" >&2
  say "Error: ccpush ended at once; the end of $log_file stands above" >&2
  exit "$((code > 0 ? code : failure))"
}

# --- what was asked for ---------------------------------------------------------------------------

action='' foreground='' given_venv=''

want() {
  [ -z "$action" ] || [ "$action" = "$1" ] || die $usage "--$action and --$1: only one of the two"
  action=$1
}

[ -n "${HOME:-}" ] || die $configuration "HOME is not set; accepted: the folder of this user"
venv=${XDG_DATA_HOME:-$HOME/.local/share}/ccpush/venv
pid_file=${XDG_STATE_HOME:-$HOME/.local/state}/ccpush/exporter.pid
log_file=${XDG_STATE_HOME:-$HOME/.local/state}/ccpush/exporter.log
umask 077

while [ $# -gt 0 ]; do
  case $1 in
    --exporter) want exporter ;;
    --stop) want stop ;;
    --restart) want restart ;;
    --status) want status ;;
    --which-python) want which-python ;;
    --foreground) foreground=yes ;;
    --venv)
      [ -n "${2:-}" ] || die $usage "--venv: found nothing; accepted: a virtual environment"
      given_venv=yes venv=$2
      shift
      ;;
    -h | --help)
      help
      exit
      ;;
    --)
      shift
      break
      ;;
    *) die $usage "$1: no such option" "$self --help" ;;
  esac
  shift
done

case $action in
  exporter) exporter "$@" ;;
  stop) stop ;;
  restart)
    stop
    exporter "$@"
    ;;
  status) status ;;
  which-python) which_python ;;
  *)
    die $usage "the central stack (Prometheus, Pushgateway and Grafana by compose) is not part of this version yet" \
      "$self --exporter, which runs ccpush itself on this machine"
    ;;
esac
