"""Which answer does a client want most? Reads Accept headers by RFC 9110, section 12.

Knows nothing of formats and never fails: a header that makes no sense asks for nothing, and whoever
calls has a default. What comes out is only compared, never sent back.
"""

from __future__ import annotations

from collections.abc import Mapping


def preferences(header: str) -> list[tuple[str, Mapping[str, str]]]:
    """What the header accepts, best first: each choice in lower case with its parameters.

    Equal weights keep the header's order; a weight of 0 means "not this" and is left out.
    """
    weighed = [_choice(part) for part in header.split(",") if part.strip()]
    wanted = [(weight, name, parameters) for weight, name, parameters in weighed if weight > 0]
    wanted.sort(key=lambda choice: -choice[0])
    return [(name, parameters) for _, name, parameters in wanted]


def _choice(part: str) -> tuple[float, str, Mapping[str, str]]:
    name, *rest = part.split(";")
    parameters: dict[str, str] = {}
    for parameter in rest:
        key, _, value = parameter.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"').lower()
    return _weight(parameters.pop("q", "1")), name.strip().lower(), parameters


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
