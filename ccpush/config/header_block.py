"""What a block says about headers of one's own: for every request, or for a proxy's tunnel alone.

A value is hidden wherever it stands: many a header is an API key.
"""

from __future__ import annotations

from ccpush.config.auth_blocks import note_secret_file
from ccpush.config.nodes import is_null
from ccpush.config.reader import ListOf, MapOf, PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.settings import Secret
from ccpush.config.table import Rule, Table, Values
from ccpush.config.texts import RefusedError, parse_header_name, parse_header_value, parse_token

# a name with such a word in it holds a secret
_SECRET_WORDS = ("auth", "cookie", "key", "password", "secret", "token")
# what the request for a tunnel itself is made of
_OF_THE_TUNNEL = frozenset(("connection", "content-length", "host", "transfer-encoding"))


def _connect_header_name(text: str) -> str:
    if parse_token(text).lower() in _OF_THE_TUNNEL:
        raise RefusedError("any header but this one, which the protocol sets")
    return text


def _secret_value(text: str) -> Secret:
    return Secret(value=parse_header_value(text))


def _values(values: Values, item: Item, report: Report) -> object:
    found: list[Secret] = [*values.get("values", ()), *values.get("secrets", ())]
    for file in values.get("files", ()):
        note_secret_file(item.key("files"), file, report)
        found.append(Secret(file=file))
    if not found:
        return report.wrong(item, "no value", "at least one of values, secrets or files")
    return tuple(found)


_VALUE = Value("the value of a header", parse_header_value, secret=True)
_VALUES = ListOf(
    Value("the value of a header", _secret_value, secret=True), "a list of values", secret=True
)
_FILES = ListOf(PathValue("the path of a file"), "a list of files")
_HEADER = Table({"values": _VALUES, "secrets": _VALUES, "files": _FILES}, _values, secret=True)
_HEADERS = "headers with their values, such as X-Scope-OrgID: team-a"

HEADER_RULES: dict[str, Rule] = {
    "headers": MapOf(parse_header_name, _VALUE, _HEADERS, secret=True),
    "http_headers": MapOf(
        parse_header_name, _HEADER, "headers, each with values, secrets or files", secret=True
    ),
}
CONNECT_HEADERS = MapOf(
    _connect_header_name, _VALUES, "headers, each with a list of values", secret=True
)


def check_headers(values: Values, item: Item, report: Report) -> bool:
    """Tell of headers given twice, and of secrets in the file; whether any header is a secret."""
    spelled: dict[str, str] = {}
    secret = False
    for block in ("headers", "http_headers"):
        for name, found in values.get(block, {}).items():
            at = item.key(block).key(name)
            if name.lower() in spelled:
                twice = f"a header that {spelled[name.lower()]} has already"
                report.wrong(at, twice, "each header once, in whatever case")
            spelled[name.lower()] = f"{block}.{name}"
            declared = not is_null(at.key("secrets").node)
            in_place = block == "headers" or any(value.file is None for value in found)
            likely = declared or names_a_secret(name)
            if likely and in_place:
                report.inline_secrets.append(at)
            secret = secret or likely or not in_place
    return secret


def names_a_secret(name: str) -> bool:
    """Whether what has this name is probably a secret."""
    return any(word in name.lower() for word in _SECRET_WORDS)
