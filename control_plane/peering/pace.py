"""How many requests one address may make: a token bucket each. Time is an argument; memory is bounded."""

from collections import OrderedDict

MAX_PEERS = 4096


class Pace:
    """``rate`` requests a second, and ``burst`` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def admits(self, peer: str, now: float) -> bool:
        """Whether ``peer`` may make a request at ``now`` (seconds of any clock that only grows)."""
        left, then = self._peers.pop(peer, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._rate)
        good = left >= 1
        self._peers[peer] = (left - 1 if good else left, now)
        if len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)  # the one that was silent longest
        return good
