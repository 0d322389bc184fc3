"""What believing a join or a heartbeat costs: message, chain, signature, transcript and proof of the token.

``make bench NAME=trust_challenge`` (``QUICK=1`` for a short run). Every message is made anew and verified
once, without the database. Times are of the CPU, which other programs on the machine do not stretch.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

from bench.report import Report, percentile, quick
from control_plane.model.agreement import AgreementState
from control_plane.model.peering import View
from control_plane.peering import decide, jws, messages, proof, transcript
from control_plane.peering.authenticate import authenticate
from control_plane.peering.messages import Heartbeat, Join
from control_plane.plan.addresses import AddressPolicy
from tests.unit.peering.world import LUEBECK, NOW, SECRET, VISBY, Organisation, expected, join_of

PROMISE_MS = 10.0  # p99; the product promises 100 for a chain and a challenge
_VIEW = View(AgreementState.TRUSTED, paused=False, since=0, sequence=1)


def verify_join(text: bytes) -> None:
    """All that an inviter checks about a join before it asks its database, and the proof of the token."""
    sealed = jws.read(text, Join.TYP)
    join = messages.read(Join, sealed.payload)
    transcript.check(join.envelope, expected(VISBY, LUEBECK), now=NOW)
    found = decide.introduced(join.introduction, VISBY, AddressPolicy())
    authenticate(sealed, found.bundle, now=NOW)
    stored = proof.verifier(SECRET)
    proof.check(stored, join.proof_key, join.proof, transcript=transcript.proof_transcript(join))


def verify_heartbeat(text: bytes, sender: Organisation) -> None:
    """All that is checked about a heartbeat before the database is asked whether it is a new one."""
    sealed = jws.read(text, Heartbeat.TYP)
    beat = messages.read(Heartbeat, sealed.payload)
    transcript.check(beat.envelope, expected(VISBY, LUEBECK, purpose="heartbeat"), now=NOW)
    authenticate(sealed, sender.bundle, now=NOW)


def measure(make: Callable[[int], bytes], verify: Callable[[bytes], None], *, times: int) -> list[float]:
    """Milliseconds of CPU of each of ``times`` verifications of a new message."""
    taken = []
    for number in range(times):
        text = make(number)
        begin = time.thread_time()
        verify(text)
        taken.append((time.thread_time() - begin) * 1000)
    return taken


def measure_all(times: int) -> dict[str, list[float]]:
    """Both kinds of message."""
    visby = Organisation.new(VISBY)
    join = join_of(visby, LUEBECK)
    envelope = replace(join.envelope, purpose="heartbeat")
    return {
        "join": measure(lambda _: visby.seal(join), verify_join, times=times),
        "heartbeat": measure(
            lambda number: visby.seal(Heartbeat(envelope, number, _VIEW)),
            lambda text: verify_heartbeat(text, visby),
            times=times,
        ),
    }


def main() -> int:
    """Measure both kinds of message and print the figures."""
    report = Report("trust_challenge")
    for name, times_taken in measure_all(200 if quick() else 2000).items():
        report.figure(f"{name} p50", percentile(times_taken, 0.5), unit="ms")
        report.figure(f"{name} p99", percentile(times_taken, 0.99), unit="ms", at_most=PROMISE_MS)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
