"""Mail over SMTP to a real server: taken, put off, refused, and never a header that was smuggled in."""

import pytest
from pydantic import SecretStr

from connectors.errors import Refused, Retryable
from connectors.messages.interface import Mail
from connectors.messages.smtp import SmtpMessages
from devstack.simulators.world import World

MAIL = Mail(
    message_id="<abc@shop.example>",
    to="ada@example.org",
    subject="Vaše objednávka 注文: čaj & <b>",
    text="Dobrý den,\n\n" + "ž" * 2000 + "\n.\n終わり\n",
    html="<p>Dobrý den 😀</p>",
)


@pytest.fixture
def messages(world: World) -> SmtpMessages:
    return SmtpMessages(
        world.addresses.smtp_host, world.addresses.smtp_port, sender="Bříza & Co. <orders@shop.example>"
    )


async def test_a_mail_arrives_as_it_was_written(world: World, messages: SmtpMessages) -> None:
    await messages.send(MAIL)
    (mail,) = await world.mails(to="ada@example.org")
    assert (mail.message_id, mail.subject, mail.recipient) == (MAIL.message_id, MAIL.subject, MAIL.to)
    assert mail.text.splitlines() == MAIL.text.splitlines()
    assert mail.html.strip() == MAIL.html
    assert "orders@shop.example" in mail.sender
    assert await world.mails(to="bob@example.org") == []


async def test_a_subject_that_fills_more_than_a_line_arrives_as_it_was_written(
    world: World, messages: SmtpMessages
) -> None:
    subject = "Your order SO-5131 is delayed: please tell us whether you want to wait"
    await messages.send(MAIL.model_copy(update={"subject": subject, "message_id": f"<{'a' * 40}@{'b' * 40}.example>"}))
    (mail,) = await world.mails()
    assert (mail.subject, mail.message_id) == (subject, f"<{'a' * 40}@{'b' * 40}.example>")


async def test_a_mail_sent_again_is_the_same_message(world: World, messages: SmtpMessages) -> None:
    await messages.send(MAIL)
    await messages.send(MAIL)
    assert {mail.message_id for mail in await world.mails()} == {MAIL.message_id}


async def test_a_recipient_that_does_not_exist_is_refused(world: World, messages: SmtpMessages) -> None:
    await world.control_mail(refuse=["ada@example.org"])
    with pytest.raises(Refused, match="550"):
        await messages.send(MAIL)


async def test_a_busy_mail_server_is_retryable(world: World, messages: SmtpMessages) -> None:
    await world.control_mail(busy=1)
    with pytest.raises(Retryable, match="451"):
        await messages.send(MAIL)
    await messages.send(MAIL)
    assert len(await world.mails()) == 1


async def test_an_absent_mail_server_is_retryable(free_port: int) -> None:
    with pytest.raises(Retryable):
        await SmtpMessages("127.0.0.1", free_port, sender="orders@shop.example").send(MAIL)


async def test_a_login_is_not_sent_in_the_clear(world: World) -> None:
    messages = SmtpMessages(
        *(world.addresses.smtp_host, world.addresses.smtp_port),
        sender="orders@shop.example",
        user="shop",
        password=SecretStr("open sesame"),
    )
    with pytest.raises(Retryable, match="STARTTLS extension not supported"):
        await messages.send(MAIL)
    assert await world.mails() == []


@pytest.mark.parametrize(
    "smuggled",
    [
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"subject": "Hello\nBcc: eve@example.org"},
        {"to": "ada@example.org\r\nBcc: eve@example.org"},
        {"to": "ada@example.org>\r\nRCPT TO:<eve@example.org"},
        {"to": "ada@example.org, eve@example.org"},
        {"to": "not an address"},
        {"to": ""},
        {"message_id": "<a@b>\r\nBcc: eve@example.org"},
    ],
)
async def test_no_header_or_recipient_can_be_smuggled_in(
    world: World, messages: SmtpMessages, smuggled: dict[str, str]
) -> None:
    with pytest.raises(Refused):
        await messages.send(MAIL.model_copy(update=smuggled))
    assert await world.mails() == []


async def test_a_non_ascii_address_is_carried(world: World, messages: SmtpMessages) -> None:
    await messages.send(MAIL.model_copy(update={"to": "žofie@example.org"}))
    assert len(await world.mails(to="žofie@example.org")) == 1
