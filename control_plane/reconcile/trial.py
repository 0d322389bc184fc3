"""Trying what is new in kind, before it is published: who of a step would be refused.

All are tried at once; only when Envoy refuses, halves are, until the guilty are alone. An Envoy that ends by
a signal is asked once more; one that does so again, and takes an empty configuration, has refused this one.
"""

from collections.abc import Mapping, Sequence

import structlog

from control_plane.model.federation import Unit
from control_plane.model.identity import TrustDomain
from control_plane.model.tuning import Tuning
from control_plane.ports.errors import UnavailableError
from control_plane.ports.validation import NoVerdictError, Validation
from control_plane.translate.trial import bootstrap
from control_plane.translate.unit import Translated

MOST_RUNS = 200  # of Envoy, for one step

_log = structlog.get_logger()


class Trial:
    """Asks ``validation``; when it cannot be asked, nobody is refused, and the log says so."""

    def __init__(self, validation: Validation, tuning: Tuning, own: TrustDomain) -> None:
        self._validation = validation
        self._tuning = tuning
        self._own = own
        self._runs = 0
        self.runs = 0  # so far; what trying costs

    async def refused(self, candidates: Mapping[Unit, Translated]) -> dict[Unit, str]:
        """Units whose configuration Envoy would refuse, each with its words."""
        self._runs = 0
        units = sorted(candidates)
        try:
            return await self._among(self._validation, units, candidates)
        except UnavailableError as error:
            _log.warning("configuration not tried", reason=str(error), units=len(units))
            return {}

    async def _among(
        self, validation: Validation, units: Sequence[Unit], candidates: Mapping[Unit, Translated]
    ) -> dict[Unit, str]:
        fault = await self._fault(validation, [candidates[unit] for unit in units])
        if fault is None:
            return {}
        if len(units) == 1 or self._runs >= MOST_RUNS:  # what could not be told apart is refused together
            return dict.fromkeys(units, fault)
        half = len(units) // 2
        found = await self._among(validation, units[:half], candidates)
        return found | await self._among(validation, units[half:], candidates)

    async def _fault(self, validation: Validation, tried: Sequence[Translated]) -> str | None:
        """The verdict; where there is none twice, this is refused if Envoy takes one with nothing in it."""
        try:
            return await self._run(validation, tried)
        except NoVerdictError as error:
            _log.warning("asking Envoy again", reason=str(error), units=len(tried))
        try:
            return await self._run(validation, tried)
        except NoVerdictError as error:
            if await self._run(validation, ()) is None:
                return f"{error}, twice; it takes an empty one"
            raise

    async def _run(self, validation: Validation, tried: Sequence[Translated]) -> str | None:
        self._runs += 1
        self.runs += 1
        return await validation.fault(bootstrap(tried, self._tuning, self._own))
