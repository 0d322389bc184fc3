"""What docker-compose.yml uses of the Compose specification, strictly: a key that is none is an error."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1)]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d+(us|ms|s|m|h))+$")]
# An exact version behind the name; what `latest` is depends on the day.
Image = Annotated[str, StringConstraints(pattern=r"^[a-z0-9./-]+:(v?\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?|latest)$")]
Mount = Annotated[str, StringConstraints(pattern=r"^(\./[\w./-]+|[a-z][a-z-]*):/[\w./-]+(:ro)?$")]
Port = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+\.\d+:\d+:\d+$")]
Address = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+\.\d+$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Build(Strict):
    context: Text
    dockerfile: Text


class Healthcheck(Strict):
    test: Annotated[list[Text], Field(min_length=2)]
    interval: Duration
    timeout: Duration
    retries: Annotated[int, Field(ge=1)]


class Needed(Strict):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Place(Strict):
    ipv4_address: Address | None = None


class Service(Strict):
    image: Image
    build: Build | None = None
    command: list[Text] = []
    entrypoint: list[Text] | None = None
    user: Text | None = None
    restart: Literal["no", "always", "on-failure", "unless-stopped"]
    read_only: bool = False
    tmpfs: list[Text] = []
    cap_drop: list[Text] = []
    security_opt: list[Text] = []
    stop_grace_period: Duration = "10s"
    environment: dict[Text, str] = {}
    volumes: list[Mount] = []
    ports: list[Port] = []
    networks: list[Text] | dict[Text, Place] = []
    network_mode: Annotated[str, StringConstraints(pattern=r"^(none|service:[a-z-]+)$")] | None = None
    depends_on: dict[Text, Needed] = {}
    healthcheck: Healthcheck | None = None


class Subnet(Strict):
    subnet: Text


class Ipam(Strict):
    config: list[Subnet]


class Network(Strict):
    internal: bool = False
    ipam: Ipam | None = None


class Volume(Strict):
    pass


class Compose(Strict):
    services: dict[Text, Service]
    networks: dict[Text, Network]
    volumes: dict[Text, Volume]


def read(document: dict[str, Any]) -> Compose:
    """The document, without the fragments that only it refers to."""
    return Compose.model_validate({key: each for key, each in document.items() if not key.startswith("x-")})
