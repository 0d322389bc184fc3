"""The settings of sources: what they refuse, and the sources that they make."""

from pathlib import Path

import pytest

from control_plane.app.settings import Settings, SettingsError, load
from control_plane.app.sources import consul_options, sources_of
from control_plane.app.up import environment_of


def read(directory: Path, text: str) -> Settings:
    file = directory / "proxenia.toml"
    file.write_text('trust_domain = "bergen.example"\n' + text)
    return load(file, {})


ALL = """
nodes_file = "/etc/proxenia/nodes.yaml"
dns_domains = "luebeck.example, partners.example"
dns_servers = "192.0.2.53, [2001:db8::53]:5353"
mdns_interfaces = "eth0"
mdns_advertise = true
consul_address = "https://consul.bergen.example:8501"
consul_service = "gateways"
consul_datacenters = "dc1, dc2"
consul_token_file = "/etc/proxenia/token"
consul_ca_file = "/etc/proxenia/ca.pem"
sources_allowed = "absent"
[source_options.absent]
path = "/etc/partners.json"
"""


def test_each_thing_that_is_set_is_a_source(tmp_path: Path) -> None:
    settings = read(tmp_path, ALL)

    assert [source.name for source in sources_of(settings)] == [
        "manual:nodes.yaml",
        "consul:dc1",
        "consul:dc2",
        "dns-sd:luebeck.example",
        "dns-sd:partners.example",
        "mdns:eth0",
        "plugin:absent",
    ]
    assert consul_options(settings, "dc1").token_file == Path("/etc/proxenia/token")


def test_without_settings_there_are_no_sources(tmp_path: Path) -> None:
    assert sources_of(read(tmp_path, "")) == []


def test_a_child_process_has_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(tmp_path, ALL)

    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)

    assert load(None, {}) == settings


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('consul_address = "consul:8500"', "consul_address: expected http://<host>:<port>"),
        ('consul_address = "https://consul"', "consul_address: expected http://<host>:<port>"),
        ('consul_address = "https://me:secret@consul:8501"', "consul_address: expected"),
        ('consul_address = "https://consul:8501/v1"', "consul_address: expected"),
        ('consul_service = "a/../b"', "consul_service: expected letters"),
        ('consul_datacenters = "dc1, d c"', "consul_datacenters: expected letters"),
        ('consul_address = "http://192.0.2.1:8500"\nconsul_token_file = "/t"', "would travel in clear"),
        ('consul_register = "tcp"', "consul_register: expected consul_address with it"),
        ('consul_register = "yes"', "consul_register"),
        ('dns_domains = "lübeck.example"', "dns_domains: expected a domain"),
        ('dns_domains = "."', "dns_domains: expected a domain"),
        ('dns_servers = "ns.example"', "dns_servers: expected <IP address>"),
        ('dns_servers = "192.0.2.1:0"', "dns_servers: expected <IP address>"),
        ("dns_floor_seconds = 0", "dns_floor_seconds"),
        ('mdns_interfaces = "an interface"', "mdns_interfaces: expected a network interface"),
        ("mdns_advertise = true", "mdns_advertise: expected mdns_interfaces with it"),
        ('sources_allowed = "a,b c"', "sources_allowed: expected letters"),
        ('[source_options.other]\npath = "x"', "expected options of sources that sources_allowed names"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError) as told:
        read(tmp_path, text)

    assert why in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_token_may_go_to_an_agent_on_this_machine(tmp_path: Path, host: str) -> None:
    read(tmp_path, f'consul_address = "http://{host}:8500"\nconsul_token_file = "/t"')


def test_options_of_plugins_are_json_on_the_command_line(tmp_path: Path) -> None:
    given = {"trust_domain": "bergen.example", "state_dir": tmp_path, "sources_allowed": "a"}

    settings = load(None, given | {"source_options": '{"a": {"path": "/x"}}'})

    assert settings.source_options == {"a": {"path": "/x"}}
    with pytest.raises(SettingsError, match="source_options: expected JSON"):
        load(None, given | {"source_options": "path=/x"})
