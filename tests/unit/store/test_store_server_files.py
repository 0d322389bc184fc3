import os
from pathlib import Path

import pytest

from control_plane.ports.errors import UnavailableError
from control_plane.store.server_config import configure
from control_plane.store.server_files import ServerFiles, dsn_of
from control_plane.store.server_log import MAX_LOG, ServerLog

SHORT = Path("/var/lib/proxenia")


def test_the_dsn_is_known_without_a_server() -> None:
    assert dsn_of(SHORT) == "postgresql://proxenia@/proxenia?host=/var/lib/proxenia/postgres/run&port=5432"


@pytest.mark.parametrize("directory", ["/" + "x" * 90, "/a,b", "/with space", "/ü"])
def test_a_path_that_makes_no_socket_name_needs_a_first_start(directory: str) -> None:
    with pytest.raises(UnavailableError, match="start it with `proxenia up`"):
        dsn_of(Path(directory))


def test_the_longest_path_that_is_used_fits_a_socket_address() -> None:
    longest = next(
        directory
        for length in range(107, 0, -1)
        if ServerFiles.of(directory := Path("/" + "x" * length)).root.as_posix() and _usable(directory)
    )

    assert len(os.fsencode(ServerFiles.of(longest).socket_directory() / ".s.PGSQL.5432")) == 107


def _usable(directory: Path) -> bool:
    try:
        dsn_of(directory)
    except UnavailableError:
        return False
    return True


def test_a_quote_in_a_path_cannot_end_a_setting(tmp_path: Path) -> None:
    files = ServerFiles.of(tmp_path / "it's\\here")
    files.configuration.parent.mkdir(parents=True)

    configure(files, files.root / "run", major=17)

    text = files.configuration.read_text(encoding="utf-8")
    assert f"data_directory = '{tmp_path}/it''s\\\\here/postgres/data'" in text
    assert "listen_addresses = ''" in text
    assert "io_method" not in text


def test_only_the_user_who_starts_it_is_mapped_to_a_role(tmp_path: Path) -> None:
    files = ServerFiles.of(tmp_path)
    files.configuration.parent.mkdir(parents=True)

    configure(files, files.root / "run", major=18)

    rules = files.configuration.with_name("pg_hba.conf").read_text(encoding="utf-8")
    names = files.configuration.with_name("pg_ident.conf").read_text(encoding="utf-8")
    assert rules == "local all all peer map=launcher\n"
    assert [line.split()[2] for line in names.splitlines()] == ["proxenia", "proxenia_owner", "postgres"]
    assert "io_method = sync" in files.configuration.read_text(encoding="utf-8")


def test_a_log_that_grew_is_emptied_in_place_and_its_end_kept(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "server.log")
    with log.path.open("ab") as server:  # it has the file open all the time
        server.write(b"old" + b"x" * MAX_LOG)
        server.flush()
        log.trim()
        server.write(b"new")

    assert log.path.read_bytes() == b"new"
    assert log.last_words() == "new"
    assert (tmp_path / "server.log.1").read_bytes() == b"x" * MAX_LOG


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "server.log")
    assert log.last_words() == f"nothing in {log.path}"
    log.path.write_bytes(b"said")

    log.trim()

    assert log.since(1) == b"aid"
    assert not (tmp_path / "server.log.1").exists()
