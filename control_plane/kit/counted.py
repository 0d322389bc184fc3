"""Numbers of things, in words."""


def many(number: int, noun: str) -> str:
    """``1 node``, ``2 addresses``; of several words the first is counted: ``2 requests to approve``."""
    first, _, rest = noun.partition(" ")
    several = f"{first}es" if first.endswith("s") else f"{first}s"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {several} {rest}".rstrip()
