"""A resource of ours as partners may use it: grants expanded to the exact identities of registered nodes."""

from collections.abc import Iterable, Iterator

from control_plane.model.federation import Export, Policy
from control_plane.model.grant import Grant
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource, ResourceKind
from control_plane.plan.limits import limits_of
from control_plane.plan.world import World


def plan_export(world: World, name: str) -> tuple[Export | None, tuple[Problem, ...]]:
    """Whoever is not listed is denied; listed is who is granted, registered, enabled and of an open partner.

    A grant to one exact id is no exception: the list that Envoy compares with is made from the registry.
    """
    resource = world.resources.get(f"{name}@{world.own}")
    grants = world.grant_book.on(name)
    problems = [problem for grant in grants for problem in _faults(world, grant, resource)]
    if resource is None:
        return None, tuple(problems)
    subject = f"resource {resource.key}"
    if resource.nodes:
        problems.append(
            Problem(
                subject,
                "nodes_on_own_resource",
                "expected upstreams, got nodes, which only partners' resources have; they are ignored",
                "remove the nodes",
            )
        )
    if not resource.upstreams:
        problems.append(
            Problem(
                subject,
                "no_upstream",
                "it has no upstreams: callers get 503",
                "say where the service listens",
            )
        )
    in_force = [grant for grant in grants if _in_force(world, grant)]
    allowed = _rows(world, resource, [grant for grant in in_force if not grant.shadow])
    organisations = sorted({grant.organisation for grant in in_force})
    nodes = (node for one in organisations for node in world.nodes_of.get(one, {}).values())
    return (
        Export(
            resource,
            allowed,
            _revoked_serials(world, grants),
            _rows(world, resource, [grant for grant in in_force if grant.shadow]),
            limits_of(nodes, (identity for identity, _ in allowed)),
        ),
        tuple(problems),
    )


def _in_force(world: World, grant: Grant) -> bool:
    return (
        grant.enabled
        and grant.organisation != world.own
        and world.open(grant.organisation)
        and world.timetable.in_force(grant)
    )


def _rows(
    world: World, resource: Resource, grants: Iterable[Grant]
) -> tuple[tuple[SpiffeId, tuple[Policy, ...]], ...]:
    """Identities with what these grants say of them."""
    found: dict[SpiffeId, list[Policy]] = {}
    for grant in grants:
        policy = _policy(resource, grant)
        if policy is not None:
            for identity in _covered(world, grant):
                found.setdefault(identity, []).append(policy)
    return tuple((identity, tuple(found[identity])) for identity in sorted(found))


def _policy(resource: Resource, grant: Grant) -> Policy | None:
    """What ``grant`` says; None when nothing is left: a policy without capabilities allows everything."""
    kept = tuple(part for part in grant.capabilities if resource.kind is ResourceKind.MCP or not part.tools)
    return Policy(grant.id, kept) if kept or not grant.capabilities else None


def _revoked_serials(
    world: World, grants: Iterable[Grant]
) -> tuple[tuple[TrustDomain, tuple[str, ...]], ...]:
    """The certificates that do not count, of every partner that is granted something."""
    partners = sorted({grant.organisation for grant in grants if grant.enabled})
    found = ((partner, world.revoked_serials(partner)) for partner in partners)
    return tuple((partner, serials) for partner, serials in found if serials)


def _covered(world: World, grant: Grant) -> Iterable[SpiffeId]:
    """The registered identities that ``grant`` covers; an exact subject is looked up, not searched for."""
    registered = world.identities_of.get(grant.organisation, {})
    revoked = world.revoked(grant.organisation)
    if grant.subject.startswith("spiffe://") and not grant.subject.endswith("/*"):
        identity = SpiffeId(grant.subject)
        return (identity,) if identity in registered and identity not in revoked else ()
    return [identity for identity in registered if grant.covers(identity) and identity not in revoked]


def _faults(world: World, grant: Grant, resource: Resource | None) -> Iterator[Problem]:
    subject = f"grant {grant.id}"
    if resource is None:
        yield Problem(
            subject,
            "unknown_resource",
            f"it is for {grant.resource}, which we do not offer",
            "add the resource, or delete the grant",
        )
    elif resource.kind is not ResourceKind.MCP and any(part.tools for part in grant.capabilities):
        yield Problem(
            subject,
            "tools_without_mcp",
            f"it names tools, which only resources of kind mcp have, and {grant.resource} is {resource.kind}:"
            " this part of it allows nothing",
            "make the resource of kind mcp, or grant paths",
        )
    if grant.organisation == world.own:
        yield Problem(
            subject,
            "grant_to_ourselves",
            f"expected a partner as subject, got {grant.subject}: grants are for other organisations",
            "delete the grant",
        )
    elif grant.organisation not in world.agreements:
        yield Problem(
            subject,
            "unknown_partner",
            f"there is no agreement with {grant.organisation}",
            "add the agreement, or correct the subject",
        )
    elif grant.enabled and not _covered(world, grant):
        yield Problem(
            subject,
            "covers_nobody",
            f"no enabled node of {grant.organisation} is covered by {grant.subject}",
            "register the node, or correct the subject",
        )
