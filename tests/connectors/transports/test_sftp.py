"""An SFTP server that is not who it was, goes away in the middle, or says no."""

import builtins
import sys
from pathlib import Path

import asyncssh
import pytest

from connectors.errors import Retryable, WronglySetUp
from connectors.suppliers.interface import FILE_NAME, SendResult
from connectors.suppliers.transports.configuration import SftpConfig, open_transport
from connectors.suppliers.transports.sftp import AFTER_A_WRONG_LOGIN
from tests.connectors.transports.conftest import Meeting, document
from tests.connectors.transports.sftp_partner import SftpPartner, sftp_partner

BODY = b"x" * 600_000
"""Several pieces, and each of several blocks."""


@pytest.fixture
def partner(remote: Meeting) -> SftpPartner:
    assert remote.sftp is not None
    return remote.sftp


async def test_a_server_with_another_host_key_is_not_told_the_password(remote: Meeting, partner: SftpPartner) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint("sha256")
    transport = remote.open(host_keys=other)
    with pytest.raises(
        Retryable, match=r"shows the key ssh-ed25519 SHA256:.*none of host_keys.*we do not log in"
    ) as no:
        await transport.send(document())
    assert partner.fingerprint in str(no.value) and other in str(no.value)
    assert partner.logins == 0
    assert (await transport.check()).ok is False
    assert remote.left_behind() == []


async def test_a_changed_host_key_is_seen_and_two_may_be_set_while_it_changes(folders: Path) -> None:
    async with sftp_partner(folders) as before:
        meeting = Meeting(folders, before, {"host_keys": before.fingerprint})
        await meeting.open().send(document("1.edi"))
    async with sftp_partner(folders, port=before.port) as after:
        meeting = Meeting(folders, after, {"host_keys": before.fingerprint})
        with pytest.raises(Retryable, match="the partner has changed it"):
            await meeting.open().send(document("2.edi"))
        with pytest.raises(Retryable, match="the partner has changed it"):
            await meeting.open().poll(None)
        meeting.settings["host_keys"] = [before.fingerprint, after.fingerprint]
        await meeting.open().send(document("2.edi"))
    assert set(meeting.partner_takes()) == {"1.edi", "2.edi"}


async def test_a_key_that_only_the_home_of_the_process_knows_is_not_trusted(
    remote: Meeting, partner: SftpPartner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    line = f"[127.0.0.1]:{partner.port} {partner.host_key.export_public_key().decode()}"
    (home / ".ssh/known_hosts").write_text(line)
    monkeypatch.setenv("HOME", str(home))
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint("sha256")
    with pytest.raises(Retryable, match="none of host_keys"):
        await remote.open(host_keys=other).poll(None)


async def test_a_line_of_known_hosts_picks_the_key_among_several_of_the_server(folders: Path) -> None:
    """A server with an ed25519 and an ecdsa key shows the kind that is asked for."""
    ecdsa = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    async with sftp_partner(folders, more_host_keys=[ecdsa]) as partner:
        line = f"sftp.acme.example {ecdsa.export_public_key().decode().strip()}"
        meeting = Meeting(folders, partner, {"host_keys": line})
        assert (await meeting.open().send(document())).result is SendResult.DELIVERED


async def test_login_by_private_key(remote: Meeting, partner: SftpPartner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", partner.login_key.export_private_key().decode())
    transport = remote.open(password=None, private_key="env:ACME_KEY")
    assert (await transport.send(document())).result is SendResult.DELIVERED


@pytest.mark.parametrize("wrong", [{"password": "guessed"}, {"user": "eve"}])
async def test_a_wrong_login_is_told_without_the_password_and_not_tried_in_a_hurry(
    remote: Meeting, wrong: dict[str, object]
) -> None:
    with pytest.raises(Retryable, match=r"does not let .* in; correct user, password or private_key") as denied:
        await remote.open(**wrong).poll(None)
    assert denied.value.after == AFTER_A_WRONG_LOGIN
    assert "guessed" not in str(denied.value)


async def test_a_private_key_that_is_none_is_found_before_anything_is_tried(remote: Meeting) -> None:
    broken = "-----BEGIN OPENSSH PRIVATE KEY-----\ntopsecret\n-----END OPENSSH PRIVATE KEY-----\n"
    with pytest.raises(
        WronglySetUp, match="supplier 'acme': the private_key of its transport cannot be used"
    ) as raised:
        remote.open(password=None, private_key=broken)
    assert "topsecret" not in str(raised.value)


async def test_nobody_there(remote: Meeting, free_port: int) -> None:
    with pytest.raises(Retryable, match=rf"the SFTP server 127.0.0.1 \(port {free_port}\) cannot be reached: "):
        await remote.open(port=free_port).send(document())


@pytest.mark.parametrize(("step", "nth"), [("create", 1), ("write", 1), ("write", 3)])
async def test_a_connection_that_breaks_before_the_document_is_whole_hands_nothing_over(
    remote: Meeting, partner: SftpPartner, step: str, nth: int
) -> None:
    partner.cut_before[step] = nth
    with pytest.raises(Retryable):
        await remote.open().send(document(body=BODY))
    assert remote.partner_takes() == {}
    assert (await remote.open().send(document(body=BODY))).result is SendResult.DELIVERED
    assert remote.partner_takes() == {"PO-1.edi": BODY}


async def test_a_connection_that_breaks_before_the_rename_hands_nothing_over(
    remote: Meeting, partner: SftpPartner
) -> None:
    partner.cut_before["rename"] = 1
    with pytest.raises(Retryable, match="nothing was put into"):
        await remote.open().send(document())
    assert remote.left_behind() == []  # the unfinished file was taken back, so that nobody can still rename it


@pytest.mark.parametrize("taken_at_once", [False, True])
async def test_a_rename_whose_answer_is_lost_is_known_to_have_been_done(
    remote: Meeting, partner: SftpPartner, taken_at_once: bool
) -> None:
    partner.cut_after["rename"] = 1
    partner.takes_at_once = taken_at_once
    receipt = await remote.open().send(document())
    assert receipt.result is SendResult.DELIVERED
    assert remote.partner_takes() == ({} if taken_at_once else {"PO-1.edi": b"ISA*00~"})


async def test_a_rename_that_nobody_can_ask_about_is_unknown(remote: Meeting, partner: SftpPartner) -> None:
    partner.cut_after["rename"] = 1
    partner.denied.add("remove")
    receipt = await remote.open().send(document())
    assert receipt.result is SendResult.UNKNOWN
    assert "the connection broke" in receipt.reason and "permission denied" in receipt.reason


@pytest.mark.parametrize("step", ["list", "rename", "open", "read"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_connection_that_breaks_while_collecting_loses_nothing(
    remote: Meeting, partner: SftpPartner, step: str, nth: int
) -> None:
    for number in range(3):
        remote.partner_puts(f"{number}.edi", b"%d" % number * 100_000, age=100 - number)
    partner.cut_before[step] = nth
    with pytest.raises(Retryable, match="nothing can be collected"):
        await remote.open().poll(None)
    batch = await remote.open().poll(None)
    assert [message.headers[FILE_NAME] for message in batch.messages] == ["0.edi", "1.edi", "2.edi"]
    assert [message.body for message in batch.messages] == [b"%d" % number * 100_000 for number in range(3)]


@pytest.mark.parametrize("step", ["mkdir", "open", "read", "rename"])
async def test_a_connection_that_breaks_while_putting_away_loses_nothing(
    remote: Meeting, partner: SftpPartner, step: str
) -> None:
    for number in range(3):
        remote.partner_puts(f"{number}.edi", b"%d" % number)
    batch = await remote.open().poll(None)
    partner.cut_before[step] = 2
    with pytest.raises(Retryable):
        await remote.open().poll(batch.cursor)
    assert (await remote.open().poll(batch.cursor)).messages == ()
    assert len(remote.left_behind()) == 3 and all("/archive/" in name for name in remote.left_behind())


async def test_a_server_that_never_answers_is_given_up(remote: Meeting, partner: SftpPartner) -> None:
    partner.slow.add("open")
    remote.partner_puts("a.edi", b"A")
    with pytest.raises(Retryable, match=r"no answer within 0\.5 s"):
        await remote.open(timeout_seconds=0.5).poll(None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"x/../../../etc/cron.d/evil", "has a name with a path in it"),
        (b"../../../etc/cron.d/evil", None),  # as all that begins with a dot, it is not even looked at
        (b"/etc/passwd", "has a name with a path in it"),
        (b"a\x00b", "control characters"),
        (b"", "has a name with a path in it"),
        (b"caf\xe9.edi", "not UTF-8"),
        (b"..", None),
        (b"x/../../x.3fa9c1d2.reading", "has a name with a path in it"),
        (b"gone.edi", None),
    ],
)
async def test_a_hostile_servers_names_lead_nowhere(
    remote: Meeting, partner: SftpPartner, name: bytes, said: str | None
) -> None:
    partner.extra_names.append(name)
    remote.partner_puts("good.edi", b"A")
    batch = await remote.open().poll(None)
    assert [message.body for message in batch.messages] == [b"A"]
    assert [said in issue for issue in batch.issues if said] == ([True] if said else [])
    assert all(issue.isprintable() for issue in batch.issues)


async def test_a_file_that_may_not_be_read_is_told_of_and_does_not_hold_up_the_others(
    remote: Meeting, partner: SftpPartner
) -> None:
    remote.partner_puts("a.edi", b"A")
    partner.denied.add("open")
    batch = await remote.open().poll(None)
    assert batch.messages == ()
    assert "inbox/'a.edi' cannot be read and moved (permission denied); let us read and rename there" in batch.issues[0]
    partner.denied.clear()
    assert [message.body for message in (await remote.open().poll(None)).messages] == [b"A"]


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = "connectors.suppliers.transports.sftp"
    monkeypatch.delitem(sys.modules, ours, raising=False)
    imported = builtins.__import__

    def without_asyncssh(name: str, *about: object) -> object:
        if name == "asyncssh":
            raise ImportError(name)
        return imported(name, *about)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_asyncssh)
    key = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint("sha256")
    config = SftpConfig(outbox="in", host="sftp.acme.example", user="ada", password="x", host_keys=(key,))
    with pytest.raises(WronglySetUp, match=r"install promisekeeper\[sftp\]"):
        open_transport("acme", config)
