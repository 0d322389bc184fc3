"""Only what is allowed is imported, and what cannot be loaded is lost and says why."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.discovery.consul_http import ConsulOptions
from control_plane.discovery.fence import Fence
from control_plane.discovery.plugins import GROUP, Broken, Plugins, load
from control_plane.discovery.table import BUILT_INS, sources
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Lost, Report, Source

CODE = {
    "good": (
        "class Good:\n    def reports(self): ...\n    look = reports\n"
        "def source(options):\n    return Good()\n"
    ),
    "fails": "raise ImportError('no such thing')\n",
    "leaves": "raise SystemExit(1)\n",
    "refuses": "def source(options):\n    raise ValueError(options['path'])\n",
    "other": "def source(options):\n    return 7\n",
    "loud": "print('imported')\ndef source(options): ...\n",
}


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """Six packages, as an installer leaves them behind."""
    for name, code in CODE.items():
        (tmp_path / f"stranger_{name}.py").write_text(code)
        described = tmp_path / f"stranger_{name}-1.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: stranger-{name}\nVersion: 1.0\n")
        (described / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = stranger_{name}:source\n")
    sys.path.append(str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in CODE:
        sys.modules.pop(f"stranger_{name}", None)


async def said(source: Source) -> Report:
    """The first report."""
    async with asyncio.timeout(5):
        async for report in source.reports():
            return report
    raise AssertionError("expected a report")


@pytest.mark.usefixtures("installed")
def test_nothing_is_imported_that_is_not_allowed() -> None:
    (source,) = load(Plugins(allowed=("good",)))

    assert isinstance(source, Fence)
    assert source.name == "plugin:good"
    assert "stranger_good" in sys.modules
    assert "stranger_loud" not in sys.modules
    assert load(Plugins()) == []


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "no installed package provides it"),
        ("fails", "ImportError: no such thing"),
        ("leaves", "SystemExit"),
        ("refuses", "KeyError: 'path'"),
        ("other", "got int"),
    ],
)
async def test_what_cannot_be_loaded_is_a_source_that_is_lost(name: str, why: str) -> None:
    source, good = load(Plugins(allowed=(name, "good")))

    report = await said(source)

    assert source.name == f"plugin:{name}"
    assert isinstance(source, Broken)
    assert isinstance(report, Lost)
    assert why in report.reason
    assert isinstance(good, Fence)


async def test_a_name_that_two_packages_claim_is_nobodys(installed: Path) -> None:
    entry = installed / "stranger_loud-1.0.dist-info" / "entry_points.txt"
    entry.write_text(f"[{GROUP}]\ngood = stranger_loud:source\n")

    (source,) = load(Plugins(allowed=("good",)))

    assert "2 packages provide it" in str(await said(source))
    assert "stranger_loud" not in sys.modules


def test_every_kind_but_plugins_is_in_the_table() -> None:
    assert set(BUILT_INS) <= set(SourceKind) - {SourceKind.PLUGIN}


def test_sources_have_different_names() -> None:
    here, there = (ConsulOptions(address="http://192.0.2.1:8500", datacenter=name) for name in ("", "dc2"))

    made = sources([(SourceKind.CONSUL, here), (SourceKind.CONSUL, there)], Plugins())

    assert [source.name for source in made] == ["consul", "consul:dc2"]
    with pytest.raises(ValueError, match="consul twice"):
        sources([(SourceKind.CONSUL, here), (SourceKind.CONSUL, here)], Plugins())
