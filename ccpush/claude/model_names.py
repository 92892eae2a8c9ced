"""One name for each model, however a provider spells it.

Bedrock, Vertex and gateways wrap the same model in regions, vendors and revisions; the long-context
marker ``[1m]`` is no other model. The date stays: it tells two releases apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

UNKNOWN: Final = "unknown"
MAX_CHARACTERS: Final = 80
# Longer than any name with all that providers wrap around it; the expressions below take time that
# grows with the square.
_MAX_WRAPPED: Final = 400

_CLAUDE: Final = re.compile(r"(?:^|[./])(claude-.*)$")
_MARKER: Final = re.compile(r"\[[^\]]*\]$")
_REVISION: Final = re.compile(r"-v\d+(?::\d+)?$")
_VERTEX: Final = re.compile(r"(?:-v\d+)?@(\d{8})$")
_DOTTED: Final = re.compile(r"(?<=\d)\.(?=\d)")
_ODD: Final = re.compile(r"[^A-Za-z0-9._:@+-]")


def normalise(name: str) -> str:
    """Strip what providers wrap around a name: ``us.anthropic.claude-x-v1:0`` → ``claude-x``.

    A plain name stays as it is, so that names can be made plain again at any time.
    """
    return _plain(name[:_MAX_WRAPPED])


@lru_cache(maxsize=512)
def _plain(name: str) -> str:
    while (plain := _unwrapped(name)) != name:
        name = plain
    return name


def _unwrapped(name: str) -> str:
    name = _MARKER.sub("", name.strip().lower()).strip()
    wrapped = _CLAUDE.search(name)
    if wrapped is None:
        return _ODD.sub("_", name.rpartition("/")[2])[:MAX_CHARACTERS] or UNKNOWN
    name = _VERTEX.sub(r"-\1", wrapped[1].rpartition("/")[2])
    name = _REVISION.sub("", name.partition("@")[0])
    return _ODD.sub("_", _DOTTED.sub("-", name))[:MAX_CHARACTERS] or UNKNOWN
