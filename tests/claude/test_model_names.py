"""One name for each model, however a provider spells it."""

from __future__ import annotations

import homes
import pytest
from homes import assistant
from hypothesis import given, settings
from hypothesis import strategies as st

from ccpush.claude.model_names import MAX_CHARACTERS, UNKNOWN, normalise

SONNET = "claude-sonnet-4-20250514"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (SONNET, SONNET),
        ("claude-opus-4-6", "claude-opus-4-6"),
        ("claude-fable-5-1", "claude-fable-5-1"),
        ("claude-sonnet-4", "claude-sonnet-4"),
        ("Claude-Sonnet-4-20250514", SONNET),
        (f" {SONNET} ", SONNET),
        # the long-context marker
        (f"{SONNET}[1m]", SONNET),
        ("claude-opus-4-6[1M]", "claude-opus-4-6"),
        (f"{SONNET} [1m]", SONNET),
        # dots in versions, as some proxies write them
        ("claude-haiku-4.5", "claude-haiku-4-5"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet"),
        # Bedrock: region, vendor, revision; as a model, a profile, an ARN
        (f"anthropic.{SONNET}-v1:0", SONNET),
        (f"us.anthropic.{SONNET}-v1:0", SONNET),
        (f"apac.anthropic.{SONNET}-v1:0", SONNET),
        (f"us.anthropic.{SONNET}-v1:0[1m]", SONNET),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/anthropic.{SONNET}-v1:0", SONNET),
        (f"arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.anthropic.{SONNET}-v1:0", SONNET),
        (f"bedrock/us.anthropic.{SONNET}-v1:0", SONNET),
        # Vertex
        ("claude-sonnet-4@20250514", SONNET),
        ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-20241022"),
        ("vertex_ai/claude-sonnet-4@20250514", SONNET),
        ("claude-opus-4-6@default", "claude-opus-4-6"),
        # gateways
        (f"anthropic/{SONNET}", SONNET),
        ("openrouter/anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        # other vendors
        ("zhipuai/glm-4.6", "glm-4.6"),
        ("moonshotai/kimi-k2.7-code", "kimi-k2.7-code"),
        ("MiniMax-M3", "minimax-m3"),
        ("minimax-m2.5:cloud", "minimax-m2.5:cloud"),
        ("gpt-4o", "gpt-4o"),
        ("deepseek-v4-pro", "deepseek-v4-pro"),
        # an account's number must not become a label
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34", "ab12cd34"),
        # nothing left
        ("", UNKNOWN),
        ("   ", UNKNOWN),
        ("anthropic/", UNKNOWN),
        ("[1m]", UNKNOWN),
        ("claude-x/", UNKNOWN),
        # what no model is called
        ("my model\nwith \x1b[0m", "my_model_with___0m"),
    ],
)  # fmt: skip
def test_spellings_become_one_name(spelling: str, name: str) -> None:
    """Wrapping goes, the date stays."""
    assert normalise(spelling) == name


PIECES = st.sampled_from(
    ["claude-", "claude-sonnet-4", "anthropic.", "us.", "anthropic/", "-v1", "-v2:0", ":0", "@", "@20250514", "@default",
     "[1m]", "[", "]", " ", "/", ".", "-", "4.5", "glm", "arn:aws:bedrock:", "ü", "İ", "\n", "x" * 79]
)  # fmt: skip
NAMES = st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=30))


@settings(max_examples=600, deadline=None)
@given(name=NAMES)
def test_a_name_made_plain_is_plain(name: str) -> None:
    """Normalising again changes nothing; the result is a short, printable, harmless label."""
    plain = normalise(name)
    assert normalise(plain) == plain
    assert 0 < len(plain) <= MAX_CHARACTERS
    assert plain.isascii()
    assert plain.isprintable()
    assert not {" ", "/", "[", '"', "\\"}.intersection(plain)


def test_spellings_of_one_model_add_up(home: homes.Home, reader: homes.Reader) -> None:
    """A laptop that used a model by several ways has one series of it."""
    spellings = (SONNET, f"us.anthropic.{SONNET}-v1:0", "claude-sonnet-4@20250514", f"{SONNET}[1m]")
    home.main().write(*(assistant(f"msg_{n}", model=m) for n, m in enumerate(spellings)))
    reader.run()
    assert reader.tokens() == {SONNET: (40, 80, 0, 0)}


@pytest.mark.parametrize("model", [None, "", 7])
def test_a_response_without_model_is_unknowns(
    home: homes.Home, reader: homes.Reader, model: object
) -> None:
    """Its tokens are not lost."""
    home.main().write(homes.put(assistant("msg_1"), "message.model", model))
    reader.run()
    assert reader.tokens() == {UNKNOWN: (10, 20, 0, 0)}
