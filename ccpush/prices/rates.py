"""What one token costs in a mode, as whole numbers, worked out once for many responses.

In femto-USD (10⁻¹⁵) the product of any price and any multiplier that rows may hold is whole, so
that sums are exact and only the result is rounded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from ccpush.config.settings import PriceOverride, PricesAbove

# USD per million tokens, and USD per thousand searches, to femto-USD for one
_OF_TOKENS: Final = 10**9
_OF_SEARCHES: Final = 10**12
_FEMTO_IN_NANO: Final = 1_000_000
# no prompt is longer
_NO_LIMIT: Final = 10**15
_KEYS: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class Tier(NamedTuple):
    """Femto-USD for each; ``without`` are the fields of a use that have no price here."""

    input: int
    output: int
    cache_read: int
    write_5m: int
    write_1h: int
    web_search: int
    # what a cache read is cheaper than plain input, never below 0
    saving: int
    without: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether each price is a whole number of nano-USD."""
        return not any(price % _FEMTO_IN_NANO for price in self[:7])


class Rates(NamedTuple):
    """The prices of a request up to ``above_tokens`` tokens of prompt, and of a longer one."""

    base: Tier
    above_tokens: int
    above: Tier

    @property
    def linear(self) -> bool:
        """Whether the price of a sum is the sum of the prices: no tier, nothing to be rounded."""
        return self.base is self.above and not self.base.without and self.base.whole

    def price(self, input_: int, output: int, read: int, *rest: int) -> tuple[int, int] | None:
        """What a response cost, and what the cache saved it, in nano-USD; None without a price.

        ``rest`` are the cache writes that live five minutes, those that live an hour, and searches.
        """
        write_5m, write_1h, searches = rest
        # the long-context tier is of the whole request, output included
        beyond = input_ + read + write_5m + write_1h > self.above_tokens
        tier = self.above if beyond else self.base
        if tier.without:
            used = (input_, output, read, *rest)
            if any(used[at] for at in tier.without):
                return None
        cost_femto = (
            input_ * tier.input
            + output * tier.output
            + read * tier.cache_read
            + write_5m * tier.write_5m
            + write_1h * tier.write_1h
            + searches * tier.web_search
        )
        return _rounded(cost_femto), _rounded(read * tier.saving)


def rates_of(row: PriceOverride, *, fast: bool, batch: bool) -> Rates | None:
    """The rates of a row in a mode; None when the row does not know the mode, or no tokens' price.

    Batches have no fast mode, so the two multipliers never meet.
    """
    multiplier: Decimal | None = Decimal(1)
    if fast or batch:
        multiplier = None if fast and batch else row.fast if fast else row.batch
    if multiplier is None or row.input is None:
        return None
    base = _tier(row, row.web_search, multiplier)
    if row.above is None:
        return Rates(base, _NO_LIMIT, base)
    return Rates(base, row.above.tokens, _tier(row.above, row.web_search, multiplier))


def _tier(row: PriceOverride | PricesAbove, web_search: Decimal | None, times: Decimal) -> Tier:
    prices: list[Decimal | None] = [getattr(row, key) for key in _KEYS]
    femto = [0 if each is None else int(each * times * _OF_TOKENS) for each in prices]
    searches = 0 if web_search is None else int(web_search * _OF_SEARCHES)
    without = tuple(at for at, each in enumerate([*prices, web_search]) if each is None)
    input_, output, read, write_5m, write_1h = femto
    saving = max(0, input_ - read)
    return Tier(input_, output, read, write_5m, write_1h, searches, saving, without)


def _rounded(femto: int) -> int:
    nano, rest = divmod(femto, _FEMTO_IN_NANO)
    twice = 2 * rest
    return nano + (twice > _FEMTO_IN_NANO or (twice == _FEMTO_IN_NANO and nano & 1))
