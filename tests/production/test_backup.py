"""All books into one file while orders run, and back: whole, checked, or not at all."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from temporalio.testing import WorkflowEnvironment

from cli.main import run
from ledger.audit import audit
from ledger.backup import BackupRefused, Manifest, load, save
from ledger.book import Ledger
from ledger.migrate import apply, migrate, shipped
from tests.production.compose import ROOT
from tests.workflows.shop import Shop, open_shop

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
NewDatabase = Callable[[], AbstractContextManager[str]]


def quietly(rows: int, of: int) -> None:
    """Progress that nobody looks at."""


def rows_of(dsn: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set time zone 'UTC'")
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        return {
            name: sorted(row for (row,) in connection.execute(f'select t::text from "{name}" t').fetchall())  # type: ignore[arg-type]  # a name of the catalogue's
            for (name,) in tables
            if name != "migration"
        }


def is_empty(dsn: str) -> bool:
    return not rows_of(dsn)


async def balanced(dsn: str) -> bool:
    async with await Ledger.open(dsn, size=1) as ledger:
        return await audit(ledger) == []


def next_purchase_order(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select nextval('po_number_seq')").fetchone()
        assert row
        return int(row[0])


HALF_WAY = """if True:
    import sys, time
    from datetime import UTC, datetime
    from pathlib import Path
    from ledger.backup import load, save

    def progress(rows, of):
        global done
        done += rows
        if done > of / 2:
            print("half", flush=True)
            time.sleep(600)

    done, (what, dsn, file) = 0, sys.argv[1:]
    if what == "save":
        save(dsn, Path(file), at=datetime.now(UTC), progress=progress)
    else:
        load(dsn, Path(file), skip_numbers=0, progress=progress)
"""
"""A process that stands still when half of the rows are done."""


def ended_half_way(what: str, dsn: str, file: Path, how: signal.Signals) -> None:
    """Begin to save or to load in a process of its own, and end that in the middle."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, what, dsn, str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # an interrupted Python says where it was
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        process.send_signal(how)
    assert process.returncode == -how


@pytest.fixture(scope="module")
async def books(
    env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory, new_ledger: NewDatabase
) -> AsyncIterator[str]:
    """A ledger at rest, with a purchase order on its way and a parcel on the road. Gives its dsn; nobody changes it."""
    with new_ledger() as dsn:
        async with open_shop(env, tmp_path_factory.mktemp("shop"), dsn, uuid.uuid4().hex[:12]) as shop:
            await shop.order(1)
            await shop.order(2, sku="CHAIR")
            await shop.parcel_taken(2)
            await shop.closed(2)
            await shop.acknowledged(1)
        yield dsn


async def test_taken_while_orders_run_it_holds_one_moment_and_restores_to_books_that_balance(
    shop: Shop, new_database: NewDatabase, tmp_path: Path
) -> None:
    live = shop.world.settings.ledger_dsn.get_secret_value()
    ended = asyncio.Event()

    async def orders_come_in() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            await shop.order(number, sku=("LAMP", "CHAIR", "CASE")[number % 3])
            await shop.until(lambda p: bool(p.claims or p.allocated or p.shipped), number)

    async def back_up_three_times() -> list[Manifest]:
        taken = []
        await shop.until(lambda _: True, 3)
        for file in (tmp_path / "1", tmp_path / "2", tmp_path / "3"):
            taken.append(await asyncio.to_thread(save, live, file, at=NOW, progress=quietly))
            after = len(shop.orders)
            while len(shop.orders) < after + 2:  # noqa: ASYNC110 - the other task goes on meanwhile
                await asyncio.sleep(0.05)
        ended.set()
        return taken

    _, taken = await asyncio.gather(orders_come_in(), back_up_three_times())
    assert taken[0].rows < taken[-1].rows, "nothing happened while the backups were taken"
    for manifest, file in zip(taken, ("1", "2", "3"), strict=True):
        with new_database() as dsn:
            await asyncio.to_thread(load, dsn, tmp_path / file, skip_numbers=0, progress=quietly)
            restored = rows_of(dsn)
            assert {name: len(rows) for name, rows in restored.items()} == {t.name: t.rows for t in manifest.tables}
            assert await balanced(dsn)
            journal = set(rows_of(live)["journal"])
            assert set(restored["journal"]) <= journal, "a fact is in the backup that never was"


async def test_every_figure_of_books_at_rest_comes_back(books: str, empty_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    await asyncio.to_thread(load, empty_dsn, tmp_path / "backup", skip_numbers=10_000, progress=quietly)
    before = rows_of(books)
    assert rows_of(empty_dsn) == before
    assert {"backorder", "purchase_order", "parcel", "payment", "outbox"} <= {n for n, rows in before.items() if rows}


async def test_numbers_that_the_time_after_the_backup_gave_away_are_left_out(
    books: str, empty_dsn: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    given_since = next_purchase_order(books)
    await asyncio.to_thread(load, empty_dsn, tmp_path / "backup", skip_numbers=500, progress=quietly)
    assert next_purchase_order(empty_dsn) == given_since + 500


async def test_an_empty_ledger_is_saved_and_restored_too(
    new_ledger: NewDatabase, empty_dsn: str, tmp_path: Path
) -> None:
    with new_ledger() as dsn:
        assert save(dsn, tmp_path / "backup", at=NOW, progress=quietly).rows == 0
    load(empty_dsn, tmp_path / "backup", skip_numbers=0, progress=quietly)
    assert await balanced(empty_dsn)
    assert next_purchase_order(empty_dsn) == 1


async def test_a_backup_of_an_older_version_gets_the_later_migrations(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    with new_database() as old, new_database() as new:
        await apply(old, shipped()[:1])
        save(old, tmp_path / "backup", at=NOW, progress=quietly)
        load(new, tmp_path / "backup", skip_numbers=0, progress=quietly)
        assert await migrate(new) == []
        assert await balanced(new)


def changed(file: Path, to: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a backup in which one member is another."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return to


def manifest_with(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda manifest: json.dumps(json.loads(manifest) | fields).encode()


async def test_a_backup_of_a_newer_version_is_refused(books: str, empty_dsn: str, tmp_path: Path) -> None:
    manifest = await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    ours = [migration.model_dump() for migration in manifest.migrations]
    newer = manifest_with(migrations=[*ours, {"name": "9999_newer.sql", "sha256": "?"}])
    file = changed(tmp_path / "backup", tmp_path / "newer", "manifest.json", newer)
    with pytest.raises(BackupRefused, match=r"9999_newer\.sql.*newer version"):
        load(empty_dsn, file, skip_numbers=0, progress=quietly)
    another = changed(tmp_path / "backup", tmp_path / "other", "manifest.json", manifest_with(format=2))
    with pytest.raises(BackupRefused, match="format 2"):
        load(empty_dsn, another, skip_numbers=0, progress=quietly)
    assert is_empty(empty_dsn)


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("tables/backorder.copy", lambda rows: rows.replace(b"SO-1", b"SO-7")),
        ("tables/journal.copy", lambda rows: rows[: len(rows) // 2]),
        ("tables/payment.copy", lambda _: b""),
        ("manifest.json", lambda text: text.replace(b'"backorder"', b'"back_order"')),
        ("manifest.json", lambda text: text[:-20]),
    ],
)
async def test_a_damaged_backup_is_refused_and_leaves_the_database_empty(
    books: str, empty_dsn: str, tmp_path: Path, member: str, change: Callable[[bytes], bytes]
) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    file = changed(tmp_path / "backup", tmp_path / "damaged", member, change)
    with pytest.raises(BackupRefused):
        load(empty_dsn, file, skip_numbers=0, progress=quietly)
    assert is_empty(empty_dsn)


async def test_a_file_with_a_bad_byte_or_cut_off_is_refused(books: str, empty_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    whole = (tmp_path / "backup").read_bytes()
    with zipfile.ZipFile(tmp_path / "backup") as archive:
        inside = archive.getinfo("tables/journal.copy").header_offset + 200
    for name, content in {
        "bad": whole[:inside] + bytes([whole[inside] ^ 0xFF]) + whole[inside + 1 :],
        "cut": whole[: len(whole) // 2],
        "none": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BackupRefused, match=r"damaged|no backup"):
            load(empty_dsn, tmp_path / name, skip_numbers=0, progress=quietly)
        assert is_empty(empty_dsn)


async def test_a_database_that_holds_anything_is_left_as_it_is(
    books: str, new_ledger: NewDatabase, tmp_path: Path
) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    with new_ledger() as dsn:
        with pytest.raises(BackupRefused, match="not empty"):
            load(dsn, tmp_path / "backup", skip_numbers=0, progress=quietly)
        assert not any(rows_of(dsn).values())


async def test_only_its_owner_reads_it_and_it_overwrites_nothing(new_ledger: NewDatabase, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with new_ledger() as dsn:
        save(dsn, file, at=NOW, progress=quietly)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        with pytest.raises(FileExistsError, match="does not overwrite"):
            save(dsn, file, at=NOW, progress=quietly)
        assert file.read_bytes() == content


@pytest.mark.parametrize(("how", "left"), [(signal.SIGINT, []), (signal.SIGKILL, ["backup.partial"])])
async def test_what_a_backup_that_was_ended_half_way_left_is_no_backup_and_hinders_nobody(
    books: str, empty_dsn: str, tmp_path: Path, how: signal.Signals, left: list[str]
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    await asyncio.to_thread(ended_half_way, "save", books, folder / "backup", how)
    assert os.listdir(folder) == left
    for name in left:
        with pytest.raises(BackupRefused, match="damaged"):
            await asyncio.to_thread(load, empty_dsn, folder / name, skip_numbers=0, progress=quietly)
    await asyncio.to_thread(save, books, folder / "backup", at=NOW, progress=quietly)
    assert os.listdir(folder) == ["backup"]
    await asyncio.to_thread(load, empty_dsn, folder / "backup", skip_numbers=0, progress=quietly)
    assert rows_of(empty_dsn) == rows_of(books)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_a_restore_that_was_ended_half_way_leaves_the_database_empty_and_can_be_repeated(
    books: str, empty_dsn: str, tmp_path: Path, how: signal.Signals
) -> None:
    await asyncio.to_thread(save, books, tmp_path / "backup", at=NOW, progress=quietly)
    await asyncio.to_thread(ended_half_way, "load", empty_dsn, tmp_path / "backup", how)
    assert is_empty(empty_dsn)
    await asyncio.to_thread(load, empty_dsn, tmp_path / "backup", skip_numbers=0, progress=quietly)
    assert rows_of(empty_dsn) == rows_of(books)


def test_what_a_killed_backup_left_may_be_longer_than_the_next(new_ledger: NewDatabase, tmp_path: Path) -> None:
    (tmp_path / "backup.partial").write_bytes(b"half of something longer than the next one" * 1000)
    with new_ledger() as dsn:
        save(dsn, tmp_path / "backup", at=NOW, progress=quietly)
    with zipfile.ZipFile(tmp_path / "backup") as archive:
        assert archive.testzip() is None
    assert os.listdir(tmp_path) == ["backup"]


async def test_a_backup_that_fails_leaves_no_file(books: str, tmp_path: Path) -> None:
    def full(rows: int, of: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "backups").mkdir()
    with pytest.raises(OSError, match="No space"):
        await asyncio.to_thread(save, books, tmp_path / "backups" / "backup", at=NOW, progress=full)
    assert os.listdir(tmp_path / "backups") == []


async def test_by_command(
    books: str,
    empty_dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def promisekeeper(dsn: str, *arguments: object) -> tuple[int, str]:
        monkeypatch.setenv("PROMISEKEEPER_LEDGER_DSN", dsn)
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    file = tmp_path / "backup"
    code, said = await asyncio.to_thread(promisekeeper, books, "backup", file)
    assert (code, "saved from" in said) == (0, True), said
    code, said = await asyncio.to_thread(promisekeeper, books, "backup", file)
    assert (code, "does not overwrite" in said) == (2, True), said
    for command, done in (("backup", "written"), ("restore", "read")):
        code, said = await asyncio.to_thread(promisekeeper, books, command, tmp_path / "gone" / "file")
        assert (code, f"file cannot be {done}: No such file or directory" in said.replace("\n", "")) == (2, True), said
    code, said = await asyncio.to_thread(promisekeeper, empty_dsn, "backup", tmp_path / "other")
    assert (code, "holds no ledger" in said) == (1, True), said
    code, said = await asyncio.to_thread(promisekeeper, books, "restore", file)
    assert (code, "not empty" in said) == (1, True), said
    code, said = await asyncio.to_thread(promisekeeper, empty_dsn, "restore", file)
    assert (code, "laws hold" in said) == (0, True), said
    assert rows_of(empty_dsn) == rows_of(books)
    code, said = await asyncio.to_thread(promisekeeper, empty_dsn, "restore", tmp_path / "nothing")
    assert (code, "nothing" in said) == (2, True), said
