"""What the status says beside sinks: tokens without a price, and labels that had too many values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import homes
from laptop_status import START_S, Laptop

from ccpush.ledger.labels import MAX_VALUES
from ccpush.terminal.status import as_json, see


def facts(laptop: Laptop) -> dict[str, Any]:
    """Everything that the status says, as facts."""
    return dict(json.loads(as_json(see(laptop.settings, None, now=lambda: laptop.now_s))))


def test_all_is_well_without_a_word(tmp_path: Path) -> None:
    """Where everything has a price and a name of its own, nothing is said of it."""
    laptop = Laptop(tmp_path)
    laptop.collect()
    found, text = facts(laptop), laptop.text()

    assert (found["unpriced"], found["label_values_folded"]) == ([], {})
    assert "no price" not in text
    assert "folded" not in text


def test_models_without_a_price_are_told_with_what_to_do(tmp_path: Path) -> None:
    """Each with its tokens and the day it was last used, the most first; and the remedy."""
    laptop = Laptop(tmp_path)
    laptop.home.main("two").write(
        homes.assistant("msg_2", model="some-model", at_s=START_S - 2 * homes.DAY_S),
        homes.assistant("msg_3", model="some-model", at_s=START_S - 3 * homes.DAY_S),
        homes.assistant("msg_4", model="house-model", output=5000),
    )
    laptop.collect()
    text = laptop.text()

    assert facts(laptop)["unpriced"] == [
        {"model": "house-model", "tokens": 5010, "last_date": "2026-09-16"},
        {"model": "some-model", "tokens": 60, "last_date": "2026-09-14"},
    ]
    assert "no price 5,010 tokens of house-model, the last on 2026-09-16" in text
    assert "rows under prices: in ccpush.yml (docs/cost.md)" in text


def test_label_values_that_were_one_too_many_are_told(tmp_path: Path) -> None:
    """By the label, and how often."""
    laptop = Laptop(tmp_path)
    tools = [homes.tool_use(f"t{n}", f"Tool{n}") for n in range(MAX_VALUES["tool"] + 2)]
    laptop.home.main("two").write(homes.assistant("msg_2", blocks=tools))
    laptop.collect()
    folded = laptop.metric("ccpush_label_values_folded_total")

    assert facts(laptop)["label_values_folded"] == {"tool": folded} == {"tool": 3}
    assert "folded 3 times other instead of one tool more: there are too many" in laptop.text()
