"""Our own certificates as settings want them, and what watches over them."""

from datetime import UTC, datetime, timedelta

from control_plane.app.settings import Settings, SettingsError
from control_plane.model.problem import InvalidValueError
from control_plane.model.tuning import Tuning
from control_plane.ports.certificates import OwnAuthority
from control_plane.store.database import Database
from control_plane.trust.authority import Authority
from control_plane.trust.handed_in import HandedIn
from control_plane.trust.requested import Requested
from control_plane.trust.rotate import Rotating
from control_plane.trust.rotation_facts import Sources
from control_plane.trust.watch import Watch
from control_plane.xds.listen import Credentials


def utc_now() -> datetime:
    """The clock of everything that is composed in this package."""
    return datetime.now(UTC)


def open_authority(settings: Settings, *, now: datetime) -> OwnAuthority:
    """The authority that the settings name; SettingsError when it cannot be used."""
    own = settings.trust_domain
    try:
        match settings.authority:
            case "files":
                return HandedIn.open(settings.certificates_dir, own, now=now)
            case "requests":
                return Requested.open(settings.certificates_dir, own, now=now)
            case "built-in":
                return Authority.open(settings.state_dir / "ca", own, now=now)
    except InvalidValueError as error:
        raise SettingsError([f"the certificate authority cannot be used: {error.detail}"]) from error


def rotating(
    settings: Settings, authority: OwnAuthority, database: Database, *, tuning: Tuning
) -> Rotating | None:
    """The change of our anchors; None where they are handed in."""
    if not isinstance(authority, Authority):
        return None
    sources = Sources(
        objects=database.objects,
        partners=database.partners,
        issued=database.issued,
        traffic=database.traffic,
        signer=authority.signer,
        longest=timedelta(seconds=tuning.max_connection_duration + tuning.drain_timeout),
    )
    return Rotating(
        own=settings.trust_domain, authority=authority, sources=sources, audit=database.audit, clock=utc_now
    )


async def follow_files(authority: OwnAuthority) -> None:
    """Take over what is handed in later, where that is how certificates come."""
    if isinstance(authority, HandedIn):
        await authority.run(utc_now)


def watch(settings: Settings, authority: OwnAuthority, database: Database) -> Watch:
    """The watch over everything that ends."""
    return Watch(
        own=settings.trust_domain,
        authority=authority,
        objects=database.objects,
        issued=database.issued,
        invitations=database.invitations,
        clock=utc_now,
    )


def credentials(authority: OwnAuthority) -> Credentials:
    """What gateways on other machines see of us."""
    own = authority.server_credentials(now=utc_now())
    return Credentials(own.key, own.chain, own.roots)
