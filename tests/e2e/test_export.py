"""The exported history in a real Prometheus, and how remote-write goes on from it."""

from __future__ import annotations

import shutil
import subprocess
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import homes
import msgspec
import pytest
import servers
from laptop_status import Laptop
from programs import Desk

from ccpush.claude import facts as f
from ccpush.config.settings import HttpConfig, RelabelRule, RemoteWriteConfig
from ccpush.demo.invent import invent_home
from ccpush.ledger.days import read_days
from ccpush.ledger.store import open_ledger
from ccpush.terminal.export import Wanted, export

TOKENS = "claude_code_token_usage_tokens_total"
DAYS = 6


def blocks_of(exported: Path) -> Path:
    """What Debian's promtool makes of an export."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    made = exported.with_name("blocks")
    words = ["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics"]
    done = subprocess.run(
        [promtool, *words, str(exported), str(made)], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    return made


def used_by_day(laptop: Laptop) -> dict[tuple[date, str, str], int]:
    """What the ledger has used by UTC day, model and type."""
    with open_ledger(laptop.settings.state_dir, write=False) as connection:
        days = read_days(connection, laptop.now_s).counted
    return {
        (day, one.b, one.a): n
        for day, counted in days.items()
        for one, n in counted.items()
        if one.family == f.TOKENS and n
    }


def asked_by_day(
    server: servers.Server, days: set[date], newest_s: float
) -> dict[tuple[date, str, str], int]:
    """The same as a Prometheus has it: differences of the counters between ends of days."""
    found: dict[tuple[date, str, str], int] = {}
    for day in days:
        end_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86_400
        # what had not begun the day before was nothing then
        promql = f"{TOKENS} - ({TOKENS} offset 1d or {TOKENS} * 0)"
        for result in server.query(promql, min(end_s, newest_s)):
            labels = result["metric"]
            n = int(float(result["value"][1]))
            if n:
                found[day, labels["model"], labels["type"]] = n
    return found


@pytest.mark.integration
def test_blocks_hold_the_history_and_remote_write_goes_on(tmp_path: Path) -> None:
    """By day and model the blocks equal the ledger; what is pushed later is added, nothing twice."""
    laptop = Laptop(tmp_path / "laptop")
    home = homes.Home(tmp_path / "claude")
    shutil.rmtree(home.path)
    now_s = time.time()
    invent_home(home.path, end=datetime.fromtimestamp(now_s - 1200, UTC), days=DAYS)
    laptop.settings = msgspec.structs.replace(laptop.settings, claude_homes=(home.path,))
    laptop.now_s = now_s - 20
    laptop.collect()
    exported = tmp_path / "history.om"
    told = export(
        laptop.settings, Wanted(until="10m", output=str(exported)), now=lambda: laptop.now_s
    )
    before = used_by_day(laptop)
    days = {day for day, _, _ in before} | {date.today() - timedelta(days=DAYS)}

    with servers.prometheus("", tmp_path, blocks=blocks_of(exported)) as prometheus:
        imported = asked_by_day(prometheus, days, now_s - 620)
        sum_then = prometheus.value(f"sum({TOKENS})", now_s - 620)
        http = HttpConfig(prometheus.url + "/api/v1/write", timeout_s=10.0)
        sinks = (RemoteWriteConfig("central", http),)
        laptop.settings = msgspec.structs.replace(laptop.settings, remote_write=sinks)
        new = homes.assistant("msg_new", at_s=now_s - 300, output=100, cache_read=0)
        homes.Home.main(home, "new").write(new, at_s=now_s - 300)
        first = laptop.push()
        laptop.now_s += 60
        second = laptop.push()
        after = asked_by_day(prometheus, days, now_s + 30)
        again = used_by_day(laptop)
        resets = prometheus.value(f"sum(resets({TOKENS}[30d]))", now_s)

    assert told.samples > 10_000
    assert before == imported
    assert sum(before.values()) == sum_then
    # the receiver has more than a new ledger remembers: it is asked twice
    assert ("retry", "delivered") == (first.outcome, second.outcome)
    assert sum(again.values()) - sum(before.values()) == 110
    assert again == after
    assert 0.0 == resets


@pytest.mark.integration
def test_the_command_writes_what_promtool_takes(tmp_path: Path) -> None:
    """From the shell: a file under its name only when complete, words on standard error."""
    home = tmp_path / "claude"
    invent_home(home, end=datetime.now(UTC), days=2)
    desk = Desk(tmp_path)
    words = ("export", "--openmetrics", "--claude-home", str(home))
    file = tmp_path / "history.om"

    to_file = desk.run(*words, "--since", "1d", "--output", str(file))
    to_pipe = desk.run(*words, "--since", "1d")

    assert (0, "") == (to_file.returncode, to_file.stdout)
    assert " samples of " in to_file.stderr
    assert to_pipe.stdout.endswith("# EOF\n")
    assert len(to_pipe.stdout) - 20_000 < file.stat().st_size < len(to_pipe.stdout) + 20_000
    assert [] == list(tmp_path.glob("*.part"))
    assert any(blocks_of(file).iterdir())


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "Missing option '--openmetrics'"),
        (
            ("--openmetrics", "--since", "yesterday"),
            78,
            "--since: found 'yesterday'; accepted: a date",
        ),
        (("--openmetrics", "--since", "1h", "--until", "2h"), 78, "accepted: earlier than the end"),
        (("--openmetrics", "--sink", "x"), 78, "--sink: found 'x'; accepted: none"),
        (("--openmetrics", "--output", "/does/not/exist/x"), 1, "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_exported_is_told(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    """Each wrong option says what was found and what is accepted."""
    done = Desk(tmp_path).run("export", *words)

    assert code == done.returncode
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_export_changes_nothing_in_the_ledger(tmp_path: Path) -> None:
    """Nothing is frozen or noted: the ledger is the same before and after."""
    laptop = Laptop(tmp_path)
    laptop.collect()
    file = laptop.settings.state_dir / "ledger.db"
    before = file.read_bytes()

    export(laptop.settings, Wanted(output=str(tmp_path / "x")), now=lambda: laptop.now_s)

    assert before == file.read_bytes()


def test_a_sinks_relabelling_is_followed(tmp_path: Path) -> None:
    """With --sink the series bear the labels that the sink sends; renaming is refused."""
    http = HttpConfig("http://127.0.0.1:1")
    drops = RelabelRule("labeldrop", regex="user")
    renames = RelabelRule(target_label="__name__", replacement="x")
    sinks = (
        RemoteWriteConfig("plain", http, write_relabel_configs=(drops,)),
        RemoteWriteConfig("renaming", http, write_relabel_configs=(renames,)),
    )
    laptop = Laptop(tmp_path, remote_write=sinks)
    laptop.collect()
    file = tmp_path / "x"

    export(laptop.settings, Wanted(output=str(file), sink="plain"), now=lambda: laptop.now_s)
    assert "user=" not in file.read_text()
    file.unlink()
    with pytest.raises(Exception, match="write_relabel_configs of renaming renames claude_"):
        export(laptop.settings, Wanted(output=str(file), sink="renaming"), now=lambda: laptop.now_s)
    assert not file.exists()
