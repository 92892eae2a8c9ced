"""``ccpush forget``: asks, deletes this machine's groups on Pushgateways, and says what it did."""

from __future__ import annotations

import sys

import click

from ccpush.app import look
from ccpush.config.settings import Settings
from ccpush.errors import EXIT_FAILURE, EXIT_OK, EXIT_TEMPORARY, ConfigError
from ccpush.ledger import store
from ccpush.push.forget import Forgotten, forget_groups
from ccpush.schedule.lock import Holder


def forget(settings: Settings, sink: str | None, holder: Holder | None, *, sure: bool) -> int:
    """Delete the groups and return the exit code; raises ConfigError for what cannot be."""
    names = [config.name for config in settings.pushgateway if sink in (None, config.name)]
    if sink is not None and not names:
        raise _not_there(settings, sink)
    if not names:
        click.echo("nothing to forget: there is no pushgateway: block in the settings", err=True)
        return EXIT_OK
    instance = _instance(settings)
    if not sure:
        _ask(instance, names)
    done = forget_groups(settings, instance, names)
    for each in done:
        _tell(each)
    if holder is not None:
        click.echo(
            f"note: {holder.command} (pid {holder.pid}) is running and will push again", err=True
        )
    outcomes = {each.verdict.outcome for each in done}
    if "rejected" in outcomes:
        return EXIT_FAILURE
    return EXIT_TEMPORARY if "retry" in outcomes else EXIT_OK


def _instance(settings: Settings) -> str:
    """Return the name under which this machine has pushed."""
    if settings.instance is not None:
        return settings.instance
    if store.exists(settings.state_dir):
        return look(settings)[1].identity.instance
    raise ConfigError(
        f"no ledger in {settings.state_dir}, so it is not known what this machine was called",
        hint="name it: ccpush forget --instance NAME",
    )


def _ask(instance: str, names: list[str]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: say --yes")
    where = ", ".join(names)
    click.confirm(f"Delete what {instance} has pushed to {where}?", abort=True, err=True)


def _tell(done: Forgotten) -> None:
    group = ", ".join(f'{name}="{value}"' for name, value in done.group.items())
    if done.verdict.outcome == "delivered":
        click.echo(f"{done.sink}: the group {{{group}}} is deleted")
        return
    click.echo(f"{done.sink}: {done.verdict.error}", err=True)
    if done.verdict.hint:
        click.echo(f"Try: {done.verdict.hint}", err=True)


def _not_there(settings: Settings, sink: str) -> ConfigError:
    if sink in {config.name for config in settings.remote_write}:
        return ConfigError(
            f"--sink: {sink!r} is remote-write; only a Pushgateway's group can be deleted",
            hint="what was delivered is history; delete it with the receiver's own tools",
        )
    accepted = ", ".join(config.name for config in settings.pushgateway)
    accepted = accepted or "none, as there is no pushgateway: block"
    return ConfigError(f"--sink: found {sink!r}; accepted: {accepted}")
