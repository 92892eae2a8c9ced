"""Which settings a flag, a variable or the file may give alike, and their bounds.

Kept apart from the sinks' blocks, so that a run without a file does not load those.
"""

from __future__ import annotations

from ccpush.config.reader import MapOf, PathValue
from ccpush.config.scalars import LABEL_VALUE, LISTEN_ADDRESS, duration, one_of
from ccpush.config.texts import parse_label_name

# below a second the ticks would overlap; above a day nothing would seem to work
INTERVAL = duration(1, 86_400)
ACTIVE_WINDOW = duration(1, 7 * 86_400)
INSTANCE = LABEL_VALUE
USER = LABEL_VALUE
LISTEN = LISTEN_ADDRESS
LOG_LEVEL = one_of("debug", "info", "warning", "error")
LOG_FORMAT = one_of("text", "json")
FOLDER = PathValue("the path of a folder")
FILE = PathValue("the path of a file")
EXTERNAL_LABELS = MapOf(parse_label_name, LABEL_VALUE, "labels with their values, as team: core")
