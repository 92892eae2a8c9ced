"""What may a browser do with what we serve? Nothing but show it, with our own style and script."""

from __future__ import annotations

import base64
import functools
import hashlib

from ccpush.web.page.script import SCRIPT
from ccpush.web.page.style import STYLE


@functools.cache
def content_security_policy() -> str:
    """The policy of every answer: our style and script by their hashes, our own address."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(STYLE)}'",
            f"script-src '{_hash(SCRIPT)}'",
            # the page asks for itself
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


@functools.cache
def made() -> str:
    """What tells one version of style and script from another."""
    return hashlib.sha256((STYLE + SCRIPT).encode()).hexdigest()[:16]


def _hash(code: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
