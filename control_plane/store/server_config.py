"""The embedded server's configuration: local peers only, and of these only the user that started it."""

import sys
from pathlib import Path

from control_plane.store.account import own_name
from control_plane.store.server_files import ADMIN, OWNER, PORT, ROLE, ServerFiles

_IO_METHOD_SINCE = 18  # that version's default is three processes more

SETTINGS = """\
# Written at every start; changes belong into ALTER SYSTEM, which is kept in the data directory.
data_directory = {data}
hba_file = {hba}
ident_file = {ident}
unix_socket_directories = {socket}
unix_socket_permissions = 0700
listen_addresses = ''
port = {port}
max_connections = 50
# An acknowledged write is never lost.
fsync = on
full_page_writes = on
synchronous_commit = on
# Small enough for a laptop that runs several of these.
shared_buffers = 32MB
work_mem = 8MB
maintenance_work_mem = 32MB
max_worker_processes = 4
max_parallel_workers_per_gather = 0
jit = off
# Nothing replicates from it: less is written ahead.
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0
min_wal_size = 32MB
max_wal_size = 256MB
checkpoint_completion_target = 0.9
timezone = 'UTC'
log_timezone = 'UTC'
# To stderr, which its launcher keeps small. No statement and no value is logged.
logging_collector = off
log_line_prefix = '%m [%p] '
log_min_messages = warning
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
"""


def configure(files: ServerFiles, socket: Path, *, major: int) -> None:
    """Write what the server of version ``major`` is started with."""
    hba = files.configuration.with_name("pg_hba.conf")
    ident = files.configuration.with_name("pg_ident.conf")
    settings = SETTINGS.format(
        data=_quoted(files.data),
        hba=_quoted(hba),
        ident=_quoted(ident),
        socket=_quoted(socket),
        port=PORT,
    )
    if major >= _IO_METHOD_SINCE:
        settings += "io_method = sync\n"
    if sys.platform == "linux":
        # After a crash everything is flushed first: in one call, not file by file, which takes seconds when
        # the machine is busy.
        settings += "recovery_init_sync_method = syncfs\n"
    user = '"' + own_name() + '"'
    _write(hba, "local all all peer map=launcher\n")
    _write(ident, "".join(f"launcher {user} {role}\n" for role in (ROLE, OWNER, ADMIN)))
    _write(files.configuration, settings)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "''") + "'"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
