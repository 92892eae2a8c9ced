"""The commands: parse, call, print. What they do is done elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta
from pathlib import Path

import click

from ccpush import __version__
from ccpush.app import Pipeline, look
from ccpush.errors import EXIT_OK
from ccpush.ledger import store
from ccpush.ledger.days import read_days
from ccpush.push.build import build_sinks
from ccpush.terminal.ending import leave, told
from ccpush.terminal.once import collect_if_free, push_once
from ccpush.terminal.options import (
    THROTTLE_S,
    open_log,
    pushing,
    run_lock,
    settle,
    shared,
    staying,
)

LOCK_WAIT_S = 10.0
_EXIT_CODES = """\b
Exit codes: 0 done or nothing to do, 1 failure, 2 usage, 75 try again later,
78 configuration, 128+n ended by signal n."""


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ccpush")
@click.option("--debug", is_flag=True, help="Show where an error arose.")
def cli(debug: bool) -> None:
    """An exact account of Claude Code usage, pushed to Prometheus.

    Reads what Claude Code leaves on disk, keeps the account in a local ledger, serves it on :9101
    and pushes it by remote-write or to a Pushgateway. Nothing but numbers leaves this machine.

    \b
    Examples:
      ccpush metrics            what would be served, right now
      ccpush report             tokens and cost by day and model
      ccpush run                stay: serve on :9101, push on a schedule
      ccpush push               push once, for timers
      ccpush demo               see it all work without Claude data
    """  # noqa: D301
    del debug


@cli.command(epilog="Example:  ccpush run --listen-address :9101")
@shared
@pushing
@staying
def run(**flags: object) -> int:
    """Stay resident: serve :9101, collect and push on a schedule.

    Ends on SIGTERM or SIGINT within two seconds, with exit code 0.
    """
    from ccpush import resident

    settings = settle(flags)
    log = open_log(settings, "info", throttle_s=THROTTLE_S)
    lock = run_lock(settings, "run")
    lock.acquire(LOCK_WAIT_S)
    with lock, Pipeline(settings, log, sinks=build_sinks(settings)) as pipeline:
        return resident.run(pipeline, log)


@cli.command(epilog="Example:  ccpush push --remote-write-url http://localhost:9099/api/v1/write")
@shared
@pushing
@click.option(
    "--backfill",
    metavar="DURATION",
    help="Your word that the receivers are empty: send this much of the past, 29d at most.",
)
def push(backfill: str | None, **flags: object) -> int:
    """Collect and push once, as a timer does.

    Exits 75 when a sink could not be reached: nothing is lost, the next run tries again. Exits 78
    when a sink waits for a person; the message says what for.
    """
    settings = settle(flags)
    log = open_log(settings, "warning")
    lock = run_lock(settings, "push")
    lock.acquire()
    with lock:
        return push_once(settings, log, backfill)


@cli.command(epilog="Example:  ccpush metrics | promtool check metrics")
@shared
def metrics(**flags: object) -> int:
    """Collect, and print the exposition as :9101 would serve it.

    While another run holds the lock, what that run has collected is printed.
    """
    from ccpush.metrics.collector import render
    from ccpush.metrics.evaluate import evaluate

    settings = settle(flags)
    collect_if_free(settings, open_log(settings, "warning"), "metrics")
    account, known = look(settings)
    body, _ = render(evaluate(account, known.identity))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
    return EXIT_OK


@cli.command(epilog="Example:  ccpush report --days 7 --csv > week.csv")
@shared
@click.option("--days", default=30, show_default=True, help="How many days back; 0 for all.")
@click.option("--outcome", is_flag=True, help="What came of it instead, by day.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
def report(days: int, outcome: bool, form: str | None, **flags: object) -> int:
    """Tokens and cost by day and model, and what came of them.

    Cost is API-equivalent: what the tokens cost at the API's list prices, also for subscriptions.
    In JSON and CSV it is cost_usd, null or empty where nothing of it is known; unpriced are tokens
    without a price, before_prices those that an older ccpush counted: neither is in the cost.
    """
    from ccpush.terminal import report as made
    from ccpush.terminal import report_forms, report_tables

    settings = settle(flags)
    collect_if_free(settings, open_log(settings, "warning"), "report")
    with store.open_ledger(settings.state_dir, write=False) as connection:
        found = read_days(connection, time.time())
    since = found.today - timedelta(days=days - 1) if days > 0 else date.min
    came = made.outcome_rows(found, since)
    used = [] if outcome else made.usage_rows(found, since)
    if form == "json":
        click.echo(
            report_forms.outcome_json(came) if outcome else report_forms.usage_json(used, came)
        )
    elif form == "csv":
        click.echo(
            report_forms.outcome_csv(came) if outcome else report_forms.usage_csv(used), nl=False
        )
    elif not (used or came):
        click.echo("nothing was used in these days")
    elif outcome:
        report_tables.print_outcome(came, sys.stdout)
    else:
        report_tables.print_usage(used, came, sys.stdout)
    return EXIT_OK


@cli.command(epilog="Example:  ccpush status --json | jq .sinks")
@shared
@pushing
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool, **flags: object) -> int:
    """What was read, what was skipped and why, and how each sink is doing."""
    from ccpush.terminal import status as printed

    settings = settle(flags)
    if not store.exists(settings.state_dir):
        click.echo(f"nothing collected yet: no ledger in {settings.state_dir}", err=True)
        click.echo("Try: ccpush metrics", err=True)
        return EXIT_OK
    seen = printed.see(settings, run_lock(settings, "status").holder())
    click.echo(printed.as_json(seen) if as_json else printed.as_text(seen))
    return EXIT_OK


@cli.command(epilog="Example:  ccpush export --openmetrics --output history.om")
@shared
@click.option("--openmetrics", is_flag=True, required=True, help="The form: OpenMetrics text.")
@click.option("--since", metavar="WHEN", help="Begin: 29d, 2026-10-01.  [default: all there is]")
@click.option("--until", metavar="WHEN", help="End: 1h, 2026-10-31T12:00.  [default: now]")
@click.option("--output", metavar="FILE", help="Where to write.  [default: standard output]")
@click.option("--sink", metavar="NAME", help="Relabel as this remote-write sink does.")
def export(
    openmetrics: bool,
    since: str | None,
    until: str | None,
    output: str | None,
    sink: str | None,
    **flags: object,
) -> int:
    """Write the history for receivers that take no old samples.

    "promtool tsdb create-blocks-from openmetrics" makes blocks of it, which a Prometheus reads once
    they lie in its data directory. Series, values and times are those that remote-write would send,
    and it goes on from where the blocks end.
    """
    from ccpush.terminal import export as written

    del openmetrics
    wanted = written.Wanted(since, until, output, sink)
    settings = settle(flags)
    collect_if_free(settings, open_log(settings, "warning"), "export")
    for line in written.words(written.export(settings, wanted)):
        click.echo(line, err=True)
    return EXIT_OK


@cli.command(epilog="Example:  ccpush forget --sink gateway --yes")
@shared
@pushing
@click.option("--sink", metavar="NAME", help="Only on this Pushgateway.  [default: on all]")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(sink: str | None, yes: bool, **flags: object) -> int:
    """Delete what this machine has pushed to a Pushgateway.

    A Pushgateway keeps the last values of a machine for ever. The next push brings the group back:
    stop the timer first. Exits 75 when a gateway could not be reached.
    """
    from ccpush.terminal.forget import forget as forget_all

    settings = settle(flags)
    open_log(settings, "warning")
    holder = run_lock(settings, "forget").holder()
    return forget_all(settings, sink, holder, sure=yes)


@cli.command(epilog="Example:  ccpush demo --listen-address :9102")
@staying
@click.option("--dir", "folder", metavar="DIR", help="Where to invent it.  [default: a temporary]")
@click.option("--days", default=60, show_default=True, help="How many days to invent.")
@click.option("--seed", default=1, show_default=True, help="Which story to tell.")
@click.option("--home-only", is_flag=True, help="Invent the home, print its folder and end.")
@pushing
def demo(folder: str | None, days: int, seed: int, home_only: bool, **flags: object) -> int:
    """Invent a Claude home and run on it, to see everything work without Claude data.

    The home, the ledger and the identity are the demo's own: neither your Claude data nor your
    ledger is touched, and your settings are not read.
    """
    from ccpush.demo.show import show

    return show(Path(folder) if folder else None, days, seed, flags, home_only=home_only)


def main() -> None:
    """Run a command and leave with its exit code."""
    debug = "--debug" in sys.argv[1:]
    leave(told(lambda: cli.main(standalone_mode=False), debug=debug))
