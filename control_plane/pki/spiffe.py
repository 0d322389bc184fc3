"""Names in certificates: the one identity of a leaf, and what an authority may be called.

X509-SVID 2 (exactly one URI SAN; other kinds of SAN may stand beside it) and 4.3 (URI name constraints).
"""

from collections.abc import Sequence

from cryptography import x509

from control_plane.model.identity import SpiffeId, TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension, uri_names
from control_plane.pki.refusal import Refusal, RefusedError


def identity_of(leaf: x509.Certificate) -> SpiffeId:
    """The SPIFFE id of a leaf: its only URI SAN."""
    names = uri_names(leaf)
    if not names:
        raise RefusedError(
            Refusal.NO_IDENTITY, "expected a certificate with a SPIFFE id as its URI SAN, got no URI"
        )
    if len(names) > 1:
        raise RefusedError(
            Refusal.SEVERAL_IDENTITIES,
            f"expected exactly one URI SAN, got {len(names)}: {shown(', '.join(names))}",
        )
    try:
        return SpiffeId(names[0])
    except InvalidValueError as error:
        raise RefusedError(Refusal.BAD_IDENTITY, error.detail) from error


def check_authority_names(path: Sequence[x509.Certificate], domain: TrustDomain) -> None:
    """Refuse a path on which an authority carries anything but ``domain`` itself as a URI SAN."""
    for authority in path[1:]:
        for name in uri_names(authority):
            if name != f"spiffe://{domain}":
                raise RefusedError(
                    Refusal.FOREIGN_AUTHORITY,
                    f"expected authorities of {domain} only, got one that is called {shown(name)}",
                )


def check_uri_constraints(path: Sequence[x509.Certificate]) -> None:
    """Apply every authority's URI name constraints to all URI SANs below it (RFC 5280, 4.2.1.10)."""
    for place, authority in enumerate(path[1:], start=1):
        constraints = extension(authority, x509.NameConstraints)
        if constraints is None:
            continue
        permitted, excluded = _uris(constraints.permitted_subtrees), _uris(constraints.excluded_subtrees)
        for below in path[:place] if permitted or excluded else ():
            for name in uri_names(below):
                _check_name(name, permitted, excluded)


def _uris(subtrees: Sequence[x509.GeneralName] | None) -> list[str]:
    return [name.value for name in subtrees or () if isinstance(name, x509.UniformResourceIdentifier)]


def _check_name(name: str, permitted: list[str], excluded: list[str]) -> None:
    host = name.partition("://")[2].partition("/")[0].lower()
    inside = not permitted or any(_covers(constraint, host) for constraint in permitted)
    if not host or not inside or any(_covers(constraint, host) for constraint in excluded):
        raise RefusedError(
            Refusal.NAME_NOT_PERMITTED,
            f"{shown(name)} is outside of what one of its authorities may name: permitted"
            f" {shown(', '.join(permitted) or 'all')}, excluded {shown(', '.join(excluded) or 'none')}",
        )


def _covers(constraint: str, host: str) -> bool:
    """A constraint is a host, or with a leading dot everything below a domain."""
    wanted = constraint.lower()
    return host.endswith(wanted) and len(host) > len(wanted) if wanted.startswith(".") else host == wanted
