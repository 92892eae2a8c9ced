"""Is this user's password right? Checks ``Authorization: Basic`` against bcrypt hashes.

bcrypt is slow on purpose (70 ms), a scrape must not be: what was right is remembered for a while,
as a keyed digest that means nothing outside this process. What was wrong is never remembered, so
that guessing stays slow. No password and no hash is ever logged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from ccpush.errors import ConfigError

MAX_REMEMBERED = 64
# bcrypt looks at no more; from version 5 on the library refuses more instead of cutting it.
_BCRYPT_BYTES = 72


class Passwords:
    """Checks credentials; ``check(password, hash)`` is bcrypt's unless another is given."""

    def __init__(self, check: Callable[[bytes, bytes], bool] | None = None) -> None:
        self._check = check or _bcrypt
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        # One check at a time: a flood of guesses may cost one core, not all.
        self._one_check = threading.Lock()

    def are_right(self, users: Mapping[str, str], authorization: str) -> bool:
        """Whether the header names one of ``users`` (name to bcrypt hash) with its password.

        An unknown user takes as long as a known one with a wrong password. Raises ConfigError for
        a hash that bcrypt cannot use.
        """
        credentials = _basic_credentials(authorization)
        if credentials is None or not users:
            return False
        name, password = credentials
        # For a stranger any hash will do to spend the time; what comes of it is not looked at.
        owner = name if name in users else next(iter(users))
        digest = self._digest(name, password, users[owner])
        if self._remembers(digest):
            return True
        with self._one_check:
            # Whoever waited here may have waited for the check of the same password.
            right = self._remembers(digest) or self._matches(owner, password, users[owner])
        if not right or owner != name:
            return False
        self._remember(digest)
        return True

    def _matches(self, owner: str, password: bytes, hashed: str) -> bool:
        try:
            return self._check(password[:_BCRYPT_BYTES], hashed.encode())
        except ValueError as error:
            raise ConfigError(
                f"basic_auth_users: bcrypt cannot use the hash of {owner!r}",
                hint="make it anew: htpasswd -nBC 10 NAME",
            ) from error

    def _digest(self, name: str, password: bytes, hashed: str) -> bytes:
        parts = (name.encode("utf-8", "surrogateescape"), password, hashed.encode())
        # Lengths in front, or "ab" + "c" would be "a" + "bc".
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)

    def _remembers(self, digest: bytes) -> bool:
        with self._lock:
            if digest not in self._right:
                return False
            self._right.move_to_end(digest)
            return True

    def _remember(self, digest: bytes) -> None:
        with self._lock:
            self._right[digest] = None
            while len(self._right) > MAX_REMEMBERED:
                self._right.popitem(last=False)


def _basic_credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None
    name, colon, password = decoded.partition(b":")
    return (name.decode("utf-8", "surrogateescape"), password) if colon else None


def _bcrypt(password: bytes, hashed: bytes) -> bool:
    import bcrypt

    return bool(bcrypt.checkpw(password, hashed))
