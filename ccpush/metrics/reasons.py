"""What do reasons mean, in words? Reasons are label values; people read sentences."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

# of ccpush_rows_skipped_total
SKIPPED_ROWS: Final = {
    "no_metric": "rows that carry nothing to count",
    "synthetic": "messages that the client made itself, no response of the API",
    "unknown_type": "rows of a type this ccpush has never heard of",
    "blank": "empty lines",
    "not_json": "damaged lines: not JSON",
    "not_object": "damaged lines: JSON, but no object",
    "no_type": "rows without a type",
    "no_key": "rows without any id to count them by",
    "no_message": "responses without their message",
    "no_timestamp": "rows without a time",
    "bad_timestamp": "rows whose time cannot be true",
    "bad_number": "rows with a number that cannot be true",
    "bad_field": "rows with a field that cannot be read",
    "too_long": "lines over 64 MB",
    "too_deep": "lines nested too deeply",
}
SKIPPED_FILES: Final = {
    "folder": "folders with a transcript's name",
    "dangling_link": "links that lead nowhere",
    "no_regular_file": "pipes, devices or sockets with a transcript's name",
    "same_file": "further names of a file already read",
    "set_aside": "files that Claude Code set aside",
    "unreadable": "files that cannot be opened: check their owner and mode",
    "folder_unreadable": "folders that cannot be listed: check their owner and mode",
    "vanished": "files that went away while being read",
}
# of ccpush_samples_rejected_total
REJECTED: Final = {
    "too_old": "older than the receiver takes",
    "not_written": "the receiver took the request but says that it did not keep them",
    "maybe_delivered": "sent without an answer, then refused: the receiver may have them",
    "duplicate_series": "settings give the same labels to two series",
    "invalid_name": "settings make a name that is not allowed",
}


def rejected_words(reason: str) -> str:
    """What a reason for refusing samples means."""
    status = re.fullmatch(r"status_(\d{3})", reason)
    if status is None:
        return REJECTED.get(reason, reason)
    try:
        phrase = HTTPStatus(int(status[1])).phrase
    except ValueError:
        phrase = ""
    return f"the receiver answered {status[1]} {phrase}".rstrip()
