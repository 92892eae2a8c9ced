"""What responses cost, by another library than ccpush's own table: genai-prices, in whole dollars.

cost, saved, unpriced = slow_cost(rows)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from genai_prices import Usage, calc_price
from slow_brought import responses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slow_count import Row

Dollars = dict[str, Decimal]


def slow_cost(rows: Iterable[Row]) -> tuple[Dollars, Dollars, Counter[str]]:
    """By model: the cost, what reading from the cache saved, and the tokens that have no price."""
    cost: Dollars = defaultdict(Decimal)
    saved: Dollars = defaultdict(Decimal)
    unpriced: Counter[str] = Counter()
    for response in responses(rows).values():
        model = response["model"]
        try:
            costs = _price(response, cached=True)
            without_cache = _price(response, cached=False)
        except LookupError:
            unpriced[model] += sum(response["numbers"][:4])
            continue
        cost[model] += costs
        saved[model] += without_cache - costs
    return dict(cost), dict(saved), unpriced


def _price(response: dict[str, Any], *, cached: bool) -> Decimal:
    """The price of a response; not ``cached``: as if what was read were plain input."""
    new, output, read, writes, hour, searches = response["numbers"]
    mode = {"speed": "fast"} if response["fast"] else None
    usage = Usage(
        input_tokens=new + read + writes,
        output_tokens=output,
        cache_read_tokens=read if cached else 0,
        cache_write_tokens=writes,
        cache_write_1h_tokens=hour,
        web_searches=searches,
    )
    return calc_price(
        usage,
        model_ref=response["model"],
        provider_id="anthropic",
        genai_request_timestamp=response["at"],
        price_context=mode or ({"processing": "batch"} if response["batch"] else None),
    ).total_price
