"""Which models somebody used, as their rows spell them, and what each spelling comes to.

Only names are known here: no price, and nothing of what was spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

# What a model is used for in a project; who plays the part changes with time.
Role = Literal["large", "middle", "small", "finest", "bedrock", "foreign"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as rows spell it, and the name that all its spellings come to.

    ``foreign``: behind somebody else's endpoint, which gives no request ids and does not split
    cache writes by life. ``can_hurry``: has a fast mode. ``roomy``: has a long context.
    """

    spelling: str
    name: str
    foreign: bool = False
    can_hurry: bool = False
    roomy: bool = False


Cast = Mapping[Role, Model]


def _plain(name: str, *, can_hurry: bool = False) -> Model:
    return Model(name, name, can_hurry=can_hurry)


# a model that Anthropic has no price for, through a gateway
_FOREIGN: Final = Model("zhipuai/glm-4.6", "glm-4.6", foreign=True)
_OPUS_4_1: Final = _plain("claude-opus-4-1-20250805")
_OPUS_4_5: Final = _plain("claude-opus-4-5-20251101")
_OPUS_4_6: Final = _plain("claude-opus-4-6", can_hurry=True)
_OPUS_5_5: Final = _plain("claude-opus-5-5", can_hurry=True)
_HAIKU_3_5: Final = _plain("claude-3-5-haiku-20241022")
_HAIKU_4_5: Final = _plain("claude-haiku-4-5-20251001")
_SONNET_4_5: Final = "claude-sonnet-4-5-20250929"


def _on_bedrock(model: Model) -> Model:
    return Model(f"us.anthropic.{model.name}-v1:0", model.name)


def _cast(large: Model, middle: Model, small: Model, **others: Model) -> Cast:
    """The usual three; unless told, the finest is the large one, Bedrock's the small one."""
    return {
        "large": large,
        "middle": middle,
        "small": small,
        "finest": others.get("finest", large),
        "bedrock": others.get("bedrock", _on_bedrock(small)),
        "foreign": _FOREIGN,
    }


CAST_2025_SUMMER: Final = _cast(_OPUS_4_1, _plain("claude-sonnet-4-20250514"), _HAIKU_3_5)
CAST_2025_WINTER: Final = _cast(_OPUS_4_5, _plain(_SONNET_4_5), _HAIKU_4_5)
# the long context is asked for by a marker, which makes no other model of it
CAST_2026_SPRING: Final = _cast(
    _OPUS_4_6, Model(f"{_SONNET_4_5}[1m]", _SONNET_4_5, roomy=True), _HAIKU_4_5
)
CAST_2026_SUMMER: Final = _cast(_OPUS_4_6, _plain("claude-sonnet-5"), _HAIKU_4_5)
CAST_TODAY: Final = _cast(
    _OPUS_5_5,
    _plain("claude-sonnet-5-5"),
    _plain("claude-haiku-5-5"),
    finest=_plain("claude-fable-5-1"),
    bedrock=_on_bedrock(_HAIKU_4_5),
)
