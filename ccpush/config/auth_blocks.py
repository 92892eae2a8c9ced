"""What a block says about who we are: basic_auth, authorization, and the older bearer_token.

OAuth2, which needs a destination of its own, is read in :mod:`ccpush.config.oauth2_block`.

A secret stands in the file itself or in a file of its own; either is checked for who else can
read it. Nothing here reads a secret.
"""

from __future__ import annotations

from pathlib import Path

from ccpush.config.reader import PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.secrets import exposure, is_there
from ccpush.config.settings import Authorization, BasicAuth, Secret
from ccpush.config.table import Refused, Rule, Table, Values
from ccpush.config.texts import RefusedError, parse_secret, parse_text, parse_token

AUTH_KEYS = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
_WORKING = "basic_auth, authorization, oauth2 or bearer_token_file"
_FILE = PathValue("the path of a file")


def _user_name(text: str) -> str:
    if ":" in parse_text(text):
        raise RefusedError("without a colon, which basic auth cannot carry")
    return text


def parse_password(text: str) -> str:
    """A secret that may be empty: some services take a token as the user name, and no password."""
    return parse_secret(text) if text else ""


def _auth_type(text: str) -> str:
    if parse_token(text).lower() == "basic":
        raise RefusedError("for Basic there is basic_auth")
    return text


def note_secret_file(item: Item, file: Path, report: Report) -> None:
    """Tell when a file with a secret is not there yet, or when others can read it."""
    if not is_there(file):
        report.note(item, f"ccpush sees no file {file}")
    elif warning := exposure(file):
        report.note(item, warning)


def secret_of(values: Values, key: str, item: Item, report: Report) -> Secret:
    """The secret under ``key`` or ``key_file``; an empty one when neither was given."""
    file = values.get(f"{key}_file")
    if file is not None:
        note_secret_file(item.key(f"{key}_file"), file, report)
        return Secret(file=file)
    if values.get(key):
        report.inline_secrets.append(item.key(key))
    return Secret(value=values.get(key, ""))


def _basic_auth(values: Values, item: Item, report: Report) -> BasicAuth:
    file = values.get("username_file")
    if file is not None:
        note_secret_file(item.key("username_file"), file, report)
    return BasicAuth(values.get("username"), file, secret_of(values, "password", item, report))


def _authorization(values: Values, item: Item, report: Report) -> Authorization:
    secret = secret_of(values, "credentials", item, report)
    return Authorization(values.get("type", "Bearer"), secret)


def authorization_of(values: Values, item: Item, report: Report) -> Authorization | None:
    """The Authorization header that a block asks for, in either spelling."""
    if "bearer_token" in values or "bearer_token_file" in values:
        return Authorization("Bearer", secret_of(values, "bearer_token", item, report))
    found: Authorization | None = values.get("authorization")
    return found


_SECRET = Value("a secret on one line", parse_secret, secret=True)
_BASIC_AUTH = Table(
    {
        "username": Value("a user name", _user_name),
        "username_file": _FILE,
        "password": Value("a password on one line", parse_password, secret=True),
        "password_file": _FILE,
    },
    _basic_auth,
    exactly_one=(("username", "username_file"),),
    at_most_one=(("password", "password_file"),),
    secret=True,
)
_AUTHORIZATION = Table(
    {
        "type": Value("a word such as Bearer", _auth_type),
        "credentials": _SECRET,
        "credentials_file": _FILE,
    },
    _authorization,
    exactly_one=(("credentials", "credentials_file"),),
    secret=True,
)
_UNKNOWN_AUTH = Refused(_WORKING, "a way to authenticate that ccpush does not support")

AUTH_RULES: dict[str, Rule] = {
    "basic_auth": _BASIC_AUTH,
    "authorization": _AUTHORIZATION,
    "bearer_token": _SECRET,
    "bearer_token_file": _FILE,
    "sigv4": _UNKNOWN_AUTH,
    "azuread": _UNKNOWN_AUTH,
    "google_iam": _UNKNOWN_AUTH,
}
