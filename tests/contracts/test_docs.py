"""The documents say what the program does, in both languages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import documents
import pytest
import yaml

import ccpush
from ccpush import errors
from ccpush.cli import cli
from ccpush.config.environment import VARIABLES
from ccpush.config.load import load_settings
from ccpush.config.settings import Settings
from ccpush.config.web_file import load_web_file
from ccpush.errors import CcpushError, ConfigError
from ccpush.metrics.catalogue import CATALOGUE

ROOT = documents.ROOT
both = pytest.mark.parametrize("readme", documents.READMES)
# the files that the examples name
SECRETS = ("central.password", "central-ca.pem", "gateway.token", "ccpush.crt", "ccpush.key")
# what looks like a metric and is none: a key of the settings, a value of job
NO_METRICS = {"claude_home", "ccpush_pushgateway"}


def load(text: str, folder: Path) -> Settings:
    """Load a settings file, with the files that it names beside it."""
    folder.mkdir(exist_ok=True)
    for name in (*SECRETS, "web.yml"):
        (folder / name).touch(mode=0o600)
    file = folder / "ccpush.yml"
    file.write_text(text, encoding="utf-8")
    places: dict[str, Any] = dict.fromkeys(
        ("home", "config_dir", "state_dir", "runtime_dir", "cache_dir"), folder
    )
    return load_settings({"config": str(file)}, {}, **places)


def accepted_keys(text: str, folder: Path) -> list[str]:
    """The keys that would be accepted in place of the one that does not exist."""
    with pytest.raises(ConfigError) as refused:
        load(text, folder)
    return re.split(r", ", str(refused.value).rpartition("accepted: ")[2].partition(" (did")[0])


def test_generated_parts_are_up_to_date() -> None:
    """Tables that are made from the code are as the code would make them now."""
    command = [sys.executable, "-I", str(ROOT / "docs/generate.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "") == (ran.returncode, ran.stderr)


@both
def test_every_command_is_there(readme: str) -> None:
    """The table of commands names every command, and no other."""
    rows = documents.table_rows(documents.section(readme, "Commands", "命令"))
    named = {match[1] for row in rows if (match := re.match(r"`ccpush (\w+)`", row[0]))}

    assert set(cli.commands) == named


@both
def test_every_option_is_there(readme: str) -> None:
    """The table of options names every option of every command, and no other."""
    rows = documents.table_rows(documents.section(readme, "Commands", "命令"))
    named = {word for row in rows for word in re.findall(r"(?<![\w-])--?[a-z][\w-]*", row[0])}
    params = [each for command in (cli, *cli.commands.values()) for each in command.params]
    options = {
        spelling for each in params if isinstance(each, click.Option) for spelling in each.opts
    }

    assert options | {"-h", "--help"} == named


@both
def test_every_variable_is_there(readme: str) -> None:
    """The table of variables names every variable that is read, and no other."""
    section = documents.section(readme, "Environment variables", "环境变量")
    named = {
        word for row in documents.table_rows(section) for word in re.findall(r"`([A-Z_]+)`", row[0])
    }

    assert {*VARIABLES, "CLAUDE_HOME", "CLAUDE_CONFIG_DIR"} == named


@both
def test_exit_codes_are_those_of_the_errors(readme: str) -> None:
    """The table of exit codes has exactly the codes that the program can end with."""
    rows = documents.table_rows(documents.section(readme, "Exit codes", "退出码"))
    codes = {str(code) for name, code in vars(errors).items() if name.startswith("EXIT_")}

    assert sorted([*codes, "128+n"]) == sorted(row[0] for row in rows)


def test_exit_codes_of_the_classes() -> None:
    """The architecture's table has every error and its code."""
    rows = documents.table_rows(documents.section("docs/architecture.md", "When something fails"))

    def tree(kind: type[CcpushError]) -> list[type[CcpushError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in tree(child))]

    # what other modules derive for their own use is caught there
    kinds = [kind for kind in tree(CcpushError) if kind.__module__ == "ccpush.errors"]
    assert {f"`{kind.__name__}`": str(kind.exit_code) for kind in kinds} == {
        row[0]: row[1] for row in rows
    }


def test_the_layers_are_those_that_are_kept() -> None:
    """The architecture's line of layers is the one that import-linter keeps."""
    contracts = tomllib.loads(documents.read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    kept = [layer.replace("ccpush.", "").split(" | ") for layer in contracts[0]["layers"]]
    (line,) = re.findall(r"`(cli >[^`]+)`", documents.read("docs/architecture.md"))

    assert kept == [layer.split(", ") for layer in " ".join(line.split()).split(" > ")]


@both
def test_the_example_file_loads(readme: str, tmp_path: Path) -> None:
    """The annotated example is valid, means what its comments say, and has nothing to be noted."""
    settings = load(documents.examples(readme)["ccpush.yml"], tmp_path / "config")

    assert () == settings.notes
    assert (60.0, 900.0) == (settings.interval_s, settings.active_window_s)
    assert ("anna-laptop", "anna") == (settings.instance, settings.user)
    assert {"team": "core", "site": "berlin"} == settings.external_labels
    assert ("127.0.0.1", 9101) == (settings.web.host, settings.web.port)
    (central,), (gateway,) = settings.remote_write, settings.pushgateway
    assert ("central", "gateway") == (central.name, gateway.name)
    assert central.http.basic_auth is not None
    assert tmp_path / "config/central.password" == central.http.basic_auth.password.file
    assert {"site": "berlin"} == gateway.grouping_key


@both
def test_the_example_file_is_complete(readme: str, tmp_path: Path) -> None:
    """Every key that the settings file takes is in the example."""
    example = yaml.safe_load(documents.examples(readme)["ccpush.yml"])

    assert set(accepted_keys("nonsense: 1", tmp_path)) == set(example)
    assert set(accepted_keys("web: {nonsense: 1}", tmp_path)) == set(example["web"])
    assert set(accepted_keys("log: {nonsense: 1}", tmp_path)) == set(example["log"])


@both
def test_the_examples_of_pushing_load(readme: str, tmp_path: Path) -> None:
    """What the chapter on pushing shows is a settings file as it stands."""
    examples = documents.examples(readme)
    to_remote_write = load(examples["ccpush.yml remote-write"], tmp_path)
    to_gateway = load(examples["ccpush.yml pushgateway"], tmp_path)

    (with_history,) = load(examples["ccpush.yml history"], tmp_path).remote_write

    assert (7 * 86_400.0, "2.0") == (with_history.sample_age_limit_s, with_history.protobuf_message)
    assert ["prometheus.example.com"] == [sink.name for sink in to_remote_write.remote_write]
    assert ["push.example.com"] == [sink.name for sink in to_gateway.pushgateway]


@both
def test_the_example_of_a_web_file_loads(readme: str, tmp_path: Path) -> None:
    """The web config file that is shown has TLS and a password that can be checked."""
    for name in SECRETS:
        (tmp_path / name).touch(mode=0o600)
    file = tmp_path / "web.yml"
    file.touch(mode=0o600)
    file.write_text(documents.examples(readme)["web.yml"], encoding="utf-8")
    found = load_web_file(file)

    assert () == found.notes
    assert (tmp_path / "ccpush.crt", ["prometheus"]) == (found.cert_file, list(found.users))


@pytest.mark.integration
@pytest.mark.parametrize("source", ["README.md", "README_zh.md", "prometheus/prometheus.yml"])
def test_prometheus_accepts_the_scrape_config(source: str, tmp_path: Path) -> None:
    """Prometheus's own checker accepts every scrape configuration that is shown."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    shown = documents.read(source)
    text = shown if source.endswith(".yml") else documents.examples(source)["prometheus.yml"]
    file = tmp_path / "prometheus.yml"
    file.write_text(text, encoding="utf-8")
    shutil.copytree(documents.ROOT / "prometheus/rules", tmp_path / "rules")
    ran = subprocess.run(
        ["promtool", "check", "config", str(file)], capture_output=True, text=True, check=False
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    jobs = {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}
    assert [{"targets": ["localhost:9101"]}] == jobs["claude-exporter"]["static_configs"]
    assert jobs.get("pushgateway", {"honor_labels": True})["honor_labels"]


def test_both_languages_say_the_same() -> None:
    """Every section, table row, example and command of one README is in the other."""
    english, chinese = documents.READMES

    assert [level for level, _ in documents.headings(english)] == [
        level for level, _ in documents.headings(chinese)
    ]
    assert documents.fences(english) == documents.fences(chinese)
    rows, rows_zh = (documents.table_rows(documents.read(name)) for name in documents.READMES)
    assert [len(row) for row in rows] == [len(row) for row in rows_zh]
    # Everything that is a name is the same in both.
    assert documents.words_of_code(english) == documents.words_of_code(chinese)


@pytest.mark.parametrize("page", documents.PAGES)
def test_metrics_that_are_named_exist(page: str) -> None:
    """No page names a metric that the catalogue does not have."""
    known = {metric.name for metric in CATALOGUE} | NO_METRICS

    assert set() == documents.words_of_code(page) - known


@pytest.mark.parametrize("page", documents.PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Links within the project lead to files and headings that exist."""
    for link in documents.links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            name = str(target.resolve().relative_to(ROOT))
            assert anchor in documents.anchors(name), link


def test_targets_of_make_exist() -> None:
    """Every ``make X`` of the documents is a target, and ``make help`` names every target."""
    makefile = documents.read("Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    told = {
        word
        for page in documents.PAGES
        for word in re.findall(r"`make ([a-z]+)", documents.read(page))
    }
    explained = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))

    assert set() == told - targets
    assert targets == explained


def test_options_of_start_exist() -> None:
    """Every option of start.sh that the documents name is one it has."""
    help_text = subprocess.run(
        [str(ROOT / "start.sh"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    known = set(re.findall(r"--[a-z-]+", help_text))
    for page in documents.PAGES:
        told = set(re.findall(r"start\.sh (--[a-z-]+)", documents.read(page)))
        assert set() == told - known


def test_the_changelog_has_this_version() -> None:
    """The changelog's newest section is of the version that the program says it is."""
    versions = re.findall(r"^## \[([^\]]+)\]", documents.read("CHANGELOG.md"), re.MULTILINE)

    assert ccpush.__version__ == versions[0]
