"""What believing somebody costs: one certificate chain, read from PEM and verified to an identity.

``make bench NAME=trust_verify`` (``QUICK=1`` for a short run). Each kind of chain is read and verified again
and again against a store with the bundles of two organisations; nothing is cached between two times. Times
are of the CPU, which other programs on the machine do not stretch; those of the wall clock stand beside them.
"""

import sys
import time

from cryptography import x509

from bench.report import Report, percentile, quick, ratio
from control_plane.model.bundle import Bundle
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import load_chain
from control_plane.pki.path import Purpose, Question, library_path
from control_plane.pki.verify import Anchors, TrustStore, authenticate
from tests.unit.pki.federation import FORGED, GOOD, LUEBECK, VISBY, organisation
from tests.unit.pki.minting import NOW, Minted, authority, chain_pem, constraints, crl_pem, leaf, mint

PROMISE_MS = 10.0  # p99 of one chain; the product promises 100 for a chain and a challenge
REVOKED = 1000  # entries of each revocation list


def chains() -> dict[str, tuple[str, Bundle]]:
    """A chain of each kind, and the bundle that it is verified against."""
    visby = organisation(VISBY)
    rsa_root = mint(authority("RSA root", key="RSA-2048"))
    rsa_issuing = rsa_root.sign(authority("RSA issuing", key="RSA-2048", path_length=0))
    permitted = constraints(permitted=[x509.UniformResourceIdentifier(VISBY)])
    limited = visby.root.sign(authority("limited", path_length=0, constraints=permitted))
    lists = [crl_pem(issuer, *range(1, REVOKED + 1)) for issuer in (visby.root, visby.issuing)]
    good, forged = visby.leaf(leaf(GOOD)), visby.leaf(leaf(FORGED))
    return {
        "ecdsa": (chain_pem(*good), visby.bundle()),
        "rsa": (_pem(rsa_issuing, "RSA-2048"), visby.bundle(anchors=(rsa_root,))),
        "constrained": (_pem(limited, "P-256"), visby.bundle()),
        "with_lists": (chain_pem(*good), visby.bundle(*lists)),
        "forged": (chain_pem(*forged), visby.bundle()),
    }


def measure_verify(chain: str, bundle: Bundle, *, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU and of the wall clock of each of ``times`` verifications."""
    bundles = (bundle, organisation(LUEBECK).bundle())
    store = {held.organisation: Anchors.of(held) for held in bundles}
    taken, waited = [], []
    for _ in range(times):
        begin, begin_waiting = time.thread_time(), time.perf_counter()
        _verify(chain, store)
        taken.append((time.thread_time() - begin) * 1000)
        waited.append((time.perf_counter() - begin_waiting) * 1000)
    return taken, waited


def measure_library(chain: str, bundle: Bundle, *, times: int) -> list[float]:
    """Milliseconds of CPU that the library alone needs for the path of a chain that was read before."""
    read, anchors = load_chain(chain), Anchors.of(bundle).certificates
    question = Question(Purpose.CLIENT, NOW)
    taken = []
    for _ in range(times):
        begin = time.thread_time()
        library_path(read, anchors, question)
        taken.append((time.thread_time() - begin) * 1000)
    return taken


def main() -> int:
    """Measure every kind of chain and print the figures."""
    report = Report("trust_verify")
    times = 200 if quick() else 3000
    made = chains()
    for kind, (chain, bundle) in made.items():
        taken, waited = measure_verify(chain, bundle, times=times)
        report.figure(f"{kind} p50", percentile(taken, 0.5), unit="ms")
        report.figure(f"{kind} p99", percentile(taken, 0.99), unit="ms", at_most=PROMISE_MS)
        report.figure(f"{kind} p50 by the wall clock", percentile(waited, 0.5), unit="ms")
    alone = percentile(measure_library(*made["ecdsa"], times=times), 0.5)
    ours = percentile(measure_verify(*made["ecdsa"], times=times)[0], 0.5)
    report.figure("ecdsa p50 against the library alone", ratio(ours, alone), unit="times", at_most=3)
    return report.finish()


def _pem(issuer: Minted, kind: str) -> str:
    return chain_pem(issuer.sign(leaf(GOOD, key=kind)), issuer)


def _verify(chain: str, store: TrustStore) -> None:
    try:
        authenticate(load_chain(chain), Purpose.CLIENT, now=NOW, store=store)
    except InvalidValueError:
        return  # the forged one


if __name__ == "__main__":
    sys.exit(main())
