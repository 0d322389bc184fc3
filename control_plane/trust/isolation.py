"""``proxenia check --trust``: forged certificates, offered to the gateways that are running.

Two partners are put into what is published, never into the database: when this process dies, they are gone,
and the next one publishes the world without them.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from http import HTTPStatus

from control_plane.model.change import Item
from control_plane.model.gateway import Gateway
from control_plane.model.identity import TrustDomain
from control_plane.model.isolation import GatewayChecked, IsolationChecked, Offered
from control_plane.model.node import Endpoint
from control_plane.trust.knock import Answer, knock
from control_plane.trust.minting import forget_keys
from control_plane.trust.trials import Trial, Trials

READY_WITHIN = 10.0  # seconds until a gateway has the two partners
AT_ONCE = 4  # handshakes
_BETWEEN = 0.1  # seconds
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound

Overlay = Callable[[Sequence[Item]], AbstractAsyncContextManager[None]]
"""Publish these objects as well, until the block is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Implements ports.isolation.IsolationCheck; one check at a time."""

    own: TrustDomain
    overlay: Overlay
    busy: asyncio.Lock

    async def run(self, gateways: Sequence[Gateway]) -> IsolationChecked:
        """Offer everything to each of ``gateways``."""
        async with self.busy:
            try:
                trials = await asyncio.to_thread(Trials.of, self.own, secrets.token_hex(6))
                forged = await asyncio.to_thread(trials.forged)
                async with self.overlay(trials.items()):
                    checked = [await self._gateway(gateway, trials, forged) for gateway in gateways]
            finally:
                forget_keys()
        return IsolationChecked(
            ok=bool(checked) and all(gateway.good for gateway in checked),
            organisations=(trials.friend.trust_domain, trials.other.trust_domain),
            gateways=tuple(checked),
        )

    async def _gateway(self, gateway: Gateway, trials: Trials, forged: Sequence[Trial]) -> GatewayChecked:
        host = f"{trials.resource}.{self.own}"
        ingress = gateway.ingress
        address = replace(ingress, host=_EVERYWHERE.get(ingress.host, ingress.host))
        control = await _until_let_in(address, host, trials.control())
        if not _is_let_in(control):
            return GatewayChecked(id=gateway.id, sound=False, control=control.words, offered=())
        turns = asyncio.Semaphore(AT_ONCE)

        async def offer(trial: Trial) -> Offered:
            async with turns:
                return _offered(trial, await knock(address, host, trial))

        offered = await asyncio.gather(*(offer(trial) for trial in forged))
        # Still: had it gone away meanwhile, everything would look refused.
        again = await knock(address, host, trials.control())
        return GatewayChecked(
            id=gateway.id, sound=_is_let_in(again), control=again.words, offered=tuple(offered)
        )


async def _until_let_in(address: Endpoint, host: str, control: Trial) -> Answer:
    deadline = asyncio.get_running_loop().time() + READY_WITHIN
    while True:
        answer = await knock(address, host, control)
        if _is_let_in(answer) or asyncio.get_running_loop().time() > deadline:
            return answer
        await asyncio.sleep(_BETWEEN)


def _is_let_in(answer: Answer) -> bool:
    """Past the authorisation: there is nothing behind it, which is a 503."""
    return answer.status == HTTPStatus.SERVICE_UNAVAILABLE


def _offered(trial: Trial, answer: Answer) -> Offered:
    # A gateway that stopped answering has refused nothing.
    refused = answer.reached and answer.status in {None, HTTPStatus.FORBIDDEN}
    words = f"authorisation: {answer.words}" if answer.status == HTTPStatus.FORBIDDEN else answer.words
    return Offered(name=trial.name, refused=refused, by=words, limit=trial.limit)
