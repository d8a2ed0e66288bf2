"""A partner's documents collected: all of them, whatever dies, and whatever else lies in the folder."""

import asyncio
import os
import time
from hashlib import sha256

import pytest

from connectors.errors import Retryable
from connectors.suppliers.interface import FILE_NAME, Batch
from connectors.suppliers.transports.configuration import FilesConfig
from tests.connectors.transports.conftest import Meeting

SHA_A = sha256(b"A").hexdigest()
MONTH = time.strftime("%Y-%m", time.gmtime())


def brought(batch: Batch) -> list[tuple[str, bytes]]:
    return [(message.headers[FILE_NAME], message.body) for message in batch.messages]


def archived(meeting: Meeting) -> list[str]:
    return sorted(p.name for p in (meeting.inbox / "archive").rglob("*") if p.is_file())


async def test_documents_come_oldest_first_and_are_put_away_when_they_are_stored(meeting: Meeting) -> None:
    meeting.partner_puts("b.edi", b"B", age=100)
    meeting.partner_puts("a.edi", b"A", age=50)
    transport = meeting.open()
    batch = await transport.poll(None)
    assert brought(batch) == [("b.edi", b"B"), ("a.edi", b"A")]
    after = await transport.poll(batch.cursor)
    assert (after.messages, after.cursor, after.issues) == ((), None, ())
    assert f"inbox/archive/{MONTH}/a.edi.{SHA_A}" in meeting.left_behind()
    assert len(meeting.left_behind()) == 2


async def test_until_the_cursor_is_kept_the_same_documents_come_again(meeting: Meeting) -> None:
    """The process that polled died after, or while, it stored them."""
    meeting.partner_puts("a.edi", b"A")
    first = await meeting.open().poll(None)
    meeting.partner_puts("b.edi", b"B", age=30)
    again = await meeting.open().poll(None)
    assert brought(first) == [("a.edi", b"A")]
    assert brought(again) == [("a.edi", b"A"), ("b.edi", b"B")]
    assert brought(await meeting.open().poll(again.cursor)) == []
    assert len(archived(meeting)) == 2


async def test_a_cursor_may_be_used_twice(meeting: Meeting) -> None:
    """Its poll put the documents away and died before it could say so."""
    meeting.partner_puts("a.edi", b"A")
    cursor = (await meeting.open().poll(None)).cursor
    for _ in range(2):
        assert (await meeting.open().poll(cursor)).messages == ()
    assert archived(meeting) == [f"a.edi.{SHA_A}"]


async def test_another_document_under_the_same_name_comes_too(meeting: Meeting) -> None:
    meeting.partner_puts("855.edi", b"A")
    first = await meeting.open().poll(None)
    meeting.partner_puts("855.edi", b"B")
    second = await meeting.open().poll(first.cursor)
    assert brought(second) == [("855.edi", b"B")]
    await meeting.open().poll(second.cursor)
    assert archived(meeting) == sorted([f"855.edi.{SHA_A}", f"855.edi.{sha256(b'B').hexdigest()}"])


async def test_the_same_document_sent_twice_is_archived_once(meeting: Meeting) -> None:
    for _ in range(2):
        meeting.partner_puts("855.edi", b"A")
        batch = await meeting.open().poll(None)
        assert brought(batch) == [("855.edi", b"A")]
        await meeting.open().poll(batch.cursor)
    assert archived(meeting) == [f"855.edi.{SHA_A}"]
    assert meeting.left_behind() == [f"inbox/archive/{MONTH}/855.edi.{SHA_A}"]


async def test_a_document_that_grew_after_it_was_read_is_read_again(meeting: Meeting) -> None:
    path = meeting.partner_puts("a.edi", b"A")
    with path.open("ab") as still_open:
        first = await meeting.open().poll(None)
        still_open.write(b" and the rest")
    second = await meeting.open().poll(first.cursor)
    assert brought(second) == [("a.edi", b"A and the rest")]
    await meeting.open().poll(second.cursor)
    assert len(archived(meeting)) == 1


async def test_deleted_if_so_set(meeting: Meeting) -> None:
    meeting.partner_puts("a.edi", b"A")
    transport = meeting.open(after_reading="delete")
    batch = await transport.poll(None)
    assert meeting.left_behind() != []
    await transport.poll(batch.cursor)
    assert meeting.left_behind() == []


async def test_archived_elsewhere_if_so_set(meeting: Meeting) -> None:
    meeting.partner_puts("a.edi", b"A")
    transport = meeting.open(archive=meeting.path("read"))
    await transport.poll((await transport.poll(None)).cursor)
    assert meeting.left_behind() == [f"read/{MONTH}/a.edi.{SHA_A}"]


async def test_files_that_are_still_written_are_left(meeting: Meeting) -> None:
    for name in (".a.edi", "a.edi.tmp", "a.edi.PART", "a.edi.filepart", ".~lock.a.edi#"):
        meeting.partner_puts(name, b"half")
    (meeting.inbox / "sub").mkdir()
    meeting.partner_puts("in place.edi", b"half", age=0)
    transport = meeting.open(settle_seconds=30)
    batch = await transport.poll(None)
    assert (batch.messages, batch.issues) == ((), ())
    os.utime(meeting.inbox / "in place.edi", (time.time() - 31,) * 2)
    assert brought(await transport.poll(None)) == [("in place.edi", b"half")]


async def test_a_file_from_the_future_is_not_waited_for(meeting: Meeting) -> None:
    meeting.partner_puts("a.edi", b"A", age=-1e6)
    assert brought(await meeting.open(settle_seconds=30).poll(None)) == [("a.edi", b"A")]


async def test_a_batch_has_so_many_files_and_the_rest_comes_next(meeting: Meeting) -> None:
    for number in range(7):
        meeting.partner_puts(f"{number}.edi", b"%d" % number, age=100 - number)
    transport = meeting.open(batch_files=3)
    cursor, seen = None, list[str]()
    for count in (3, 3, 1, 0):
        batch = await transport.poll(cursor)
        assert len(batch.messages) == count
        cursor = batch.cursor
        seen += [name for name, _ in brought(batch)]
    assert seen == [f"{number}.edi" for number in range(7)]


async def test_a_batch_has_so_many_bytes_but_at_least_one_document(meeting: Meeting) -> None:
    for number, size in enumerate((50, 60, 200, 10)):
        meeting.partner_puts(f"{number}.edi", b"x" * size, age=100 - number)
    transport = meeting.open(batch_bytes=110)
    sizes, cursor = list[list[int]](), None
    for _ in range(3):
        batch = await transport.poll(cursor)
        cursor = batch.cursor
        sizes.append([len(message.body) for message in batch.messages])
    assert sizes == [[50, 60], [200], [10]]


async def test_too_large_a_file_is_moved_aside_and_told_of_until_it_is_gone(meeting: Meeting) -> None:
    meeting.partner_puts("big.edi", b"x" * 101)
    meeting.partner_puts("good.edi", b"A")
    transport = meeting.open(largest_bytes=100)
    batch = await transport.poll(None)
    assert brought(batch) == [("good.edi", b"A")]
    (issue,) = batch.issues
    assert "refused/'big.edi' was refused (" in issue and "is larger than 100 bytes" in issue
    assert (await transport.poll(batch.cursor)).issues == batch.issues
    assert (meeting.inbox / "refused/big.edi").read_bytes() == b"x" * 101
    assert "is larger than 100 bytes" in (meeting.inbox / "refused/big.edi.reason.txt").read_text()
    # somebody looked at it, raised the limit, and moved it back
    (meeting.inbox / "refused/big.edi").rename(meeting.inbox / "big.edi")
    after = await meeting.open().poll(None)
    assert (brought(after), after.issues) == ([("big.edi", b"x" * 101)], ())


async def test_a_file_that_is_moved_back_too_early_is_refused_again(meeting: Meeting) -> None:
    meeting.partner_puts("big.edi", b"x" * 101)
    first = await meeting.open(largest_bytes=100).poll(None)
    (meeting.inbox / "refused/big.edi").rename(meeting.inbox / "big.edi")
    assert (await meeting.open(largest_bytes=100).poll(None)).issues == first.issues


async def test_two_refused_files_of_one_name_are_both_kept(meeting: Meeting) -> None:
    for _ in range(2):
        meeting.partner_puts("big.edi", b"x" * 101)
        batch = await meeting.open(largest_bytes=100).poll(None)
    assert len(batch.issues) == 2
    assert len(list((meeting.inbox / "refused").iterdir())) == 4


async def test_an_empty_file_is_given_time_and_then_refused(meeting: Meeting) -> None:
    meeting.partner_puts("soon filled.edi", b"", age=60)
    meeting.partner_puts("never filled.edi", b"", age=3600)
    batch = await meeting.open().poll(None)
    assert batch.messages == ()
    (issue,) = batch.issues
    assert "'never filled.edi' was refused" in issue and "is empty" in issue
    assert (meeting.inbox / "soon filled.edi").exists()


async def test_links_are_not_followed(meeting: Meeting) -> None:
    secret = meeting.root / "secret"
    secret.write_bytes(b"not for the partner's eyes")
    (meeting.inbox / "leads out.edi").symlink_to(secret)
    (meeting.inbox / "leads nowhere.edi").symlink_to("gone")
    meeting.partner_puts("a.edi", b"A")
    batch = await meeting.open().poll(None)
    assert brought(batch) == [("a.edi", b"A")]
    assert len(batch.issues) == 2 and all("is a link, and links are not followed" in issue for issue in batch.issues)
    assert secret.exists() and (meeting.inbox / "leads out.edi").is_symlink()


async def test_what_is_no_file_is_told_of(meeting: Meeting) -> None:
    os.mkfifo(meeting.inbox / "pipe.edi")
    batch = await meeting.open().poll(None)
    assert batch.messages == () and "'pipe.edi' is no file; take it away" in batch.issues[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"a\nb.edi", "'a\\nb.edi' has a name with control characters"),
        (b"\x1b[2Ja.edi", "'\\x1b[2Ja.edi' has a name with control characters"),
        (b"caf\xe9.edi", "has a name that is not UTF-8"),
        (b"a\\b.edi", "has a name with a path in it"),
        (b"n" * 190, "has a name of more than 180 bytes"),
        ("x\u202ey.edi".encode(), "'x\\u202ey.edi' has a name with control characters"),
    ],
)
async def test_a_name_that_is_fit_for_nothing_is_told_of_and_left(meeting: Meeting, name: bytes, said: str) -> None:
    path = meeting.inbox / os.fsdecode(name)
    path.write_bytes(b"A")
    meeting.partner_puts("good.edi", b"A")
    batch = await meeting.open().poll(None)
    assert brought(batch) == [("good.edi", b"A")]
    assert len(batch.issues) == 1 and said in batch.issues[0] and batch.issues[0].isprintable()
    assert path.exists()


async def test_two_thousand_files_wait_and_come_in_batches(local: Meeting) -> None:
    for number in range(2_000):
        (local.inbox / f"{number:04}.edi").write_bytes(b"%d" % number)
    transport = local.open(batch_files=200, after_reading="delete")
    bodies, cursor = list[bytes](), None
    for _ in range(10):
        batch = await transport.poll(cursor)
        cursor = batch.cursor
        bodies += [message.body for message in batch.messages]
    assert sorted(map(int, bodies)) == list(range(2_000))
    assert (await transport.poll(cursor)).messages == ()
    assert local.left_behind() == []


async def test_a_long_list_of_troubles_is_cut_and_counted(meeting: Meeting) -> None:
    for number in range(30):
        (meeting.inbox / f"{number:02}.edi").symlink_to("gone")
    issues = (await meeting.open().poll(None)).issues
    assert len(issues) == 11 and issues[-1] == "and 20 more of that kind"


async def test_two_who_poll_at_once_lose_nothing(meeting: Meeting) -> None:
    for number in range(20):
        meeting.partner_puts(f"{number}.edi", b"%d" % number, age=100 - number)
    batches = await asyncio.gather(*(meeting.open(batch_files=15).poll(None) for _ in range(3)))
    assert {body for batch in batches for _, body in brought(batch)} <= {b"%d" % number for number in range(20)}
    seen = {body for batch in batches for _, body in brought(batch)}
    cursors = [batch.cursor for batch in batches]
    while cursors:
        batch = await meeting.open().poll(cursors.pop())
        seen |= {body for _, body in brought(batch)}
        cursors += [batch.cursor] if batch.cursor else []
    assert seen == {b"%d" % number for number in range(20)}


async def test_a_missing_inbox_is_told_of(meeting: Meeting) -> None:
    meeting.inbox.rmdir()
    with pytest.raises(Retryable, match=r"supplier 'acme': nothing can be collected from .*/inbox: it is not there"):
        await meeting.open().poll(None)


async def test_what_cannot_be_put_away_stops_the_collecting_with_words(meeting: Meeting) -> None:
    """Else the same documents would come for ever, and no others."""
    meeting.partner_puts("a.edi", b"A")
    transport = meeting.open()
    batch = await transport.poll(None)
    (meeting.inbox / "archive").write_text("a file where the folder should be")
    with pytest.raises(Retryable, match=r"stored with us, but cannot be moved to .*archive.*Nothing more is collected"):
        await transport.poll(batch.cursor)
    (meeting.inbox / "archive").unlink()
    assert (await transport.poll(batch.cursor)).messages == ()
    assert archived(meeting) == [f"a.edi.{SHA_A}"]


@pytest.mark.parametrize(
    "cursor",
    [
        "", "{", "[]", "2026-11-22", '{"files": 3}', '{"other": 1}',
        f'{{"files": [["../outside.11111111.reading", "{SHA_A}"]]}}',
        f'{{"files": [["a.edi", "{SHA_A}"]]}}',
    ],
)  # fmt: skip
async def test_a_cursor_that_is_none_of_ours_puts_nothing_away(meeting: Meeting, cursor: str) -> None:
    (meeting.root / "outside.11111111.reading").write_bytes(b"A")
    meeting.partner_puts("a.edi", b"A")
    assert brought(await meeting.open().poll(cursor)) == [("a.edi", b"A")]
    assert (meeting.root / "outside.11111111.reading").exists()
    assert archived(meeting) == []


def test_the_same_limit_as_the_gateways_door() -> None:
    from gateway.webhooks import LARGEST_SUPPLIER_MESSAGE  # noqa: PLC0415 - only this test looks so far up

    assert FilesConfig.model_fields["largest_bytes"].default == LARGEST_SUPPLIER_MESSAGE
