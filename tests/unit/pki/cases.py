"""What no public suite has: certificates of a federation, some good, most forged, malformed, weak or late.

Each is data (a chain, its key, what we hold, what must happen), so that the same cases can be offered to our
own verification and, as handshakes, to an Envoy.
"""

from functools import cache

from tests.unit.pki.cases_leaves import leaf_cases
from tests.unit.pki.cases_lists import list_cases
from tests.unit.pki.cases_names import name_cases
from tests.unit.pki.cases_paths import path_cases
from tests.unit.pki.federation import FederationCase


@cache
def federation_cases() -> tuple[FederationCase, ...]:
    """All of them; their names are unique."""
    return (*name_cases(), *leaf_cases(), *path_cases(), *list_cases())
