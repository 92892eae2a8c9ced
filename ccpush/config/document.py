"""What a file of settings holds: bytes, then text, then nodes with line numbers.

A file that cannot be read at all is a problem like any other, so that the mistakes elsewhere are
told with it. PyYAML is loaded only when there is a file.
"""

from __future__ import annotations

from pathlib import Path

from ccpush.config.nodes import Scalar
from ccpush.config.report import Item, Report, Source

# a settings file is a few kB; anything near this is the wrong file
MAX_FILE_BYTES = 1024 * 1024
_ACCEPTED = "a file of settings that ccpush can read"


def read_document(path: Path, report: Report, *, home: Path | None, named_by: str | None) -> Item:
    """The file's contents; problems go to the report, and then there is nothing in the item.

    ``named_by`` is the flag or variable that named the file, if one did: it is what a person has
    to correct when the file cannot be opened. ``home`` is what ``~`` means in the file's paths.
    """
    source = Source(str(path), folder=path.absolute().parent, home=home)
    nothing = Item(source, "", Scalar("", "null"))
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        asked = Item(Source(named_by or str(path)), "", nothing.node)
        report.wrong(asked, f"{str(path)!r} ({error.strerror})", _ACCEPTED)
        return nothing
    if len(raw) > MAX_FILE_BYTES:
        report.wrong(nothing, f"more than {MAX_FILE_BYTES} bytes", _ACCEPTED)
        return nothing
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        report.wrong(Item(source, "", nothing.node, line), "bytes that are not UTF-8", _ACCEPTED)
        return nothing
    # PyYAML costs 15 ms, which a run without a file need not pay
    from ccpush.config.yaml_nodes import parse_yaml

    return Item(source, "", parse_yaml(text, source, report))
