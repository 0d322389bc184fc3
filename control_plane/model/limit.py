"""How many requests an hour a partner's node may send, as few different numbers as possible.

Each different number is a bucket that Envoy's listener has to know, and a changed listener forgets how full
the buckets of all callers are. So limits are rounded down to three digits: numbers that people choose stay.
"""

DEFAULT = 10_000  # requests an hour of a node that nobody gave another limit
_KEPT = 1_000  # three digits


def limit_class(per_hour: int) -> int:
    """``per_hour`` with three digits, rounded down: at most 1 % less, never more."""
    unit = 1
    while per_hour // unit >= _KEPT:
        unit *= 10
    return per_hour // unit * unit


def burst(per_hour: int, least: int) -> int:
    """Requests that may come at once: ``least``, or what a second of a higher limit brings."""
    return max(least, -(-per_hour // 3_600))
