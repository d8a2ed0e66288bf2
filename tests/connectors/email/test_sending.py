"""Handing a mail over to a real SMTP server: taken, put off, refused, or left in doubt; and again as the same bytes."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from connectors.errors import Retryable, Unsupported
from connectors.suppliers.email_portal.connector import EmailConnector
from connectors.suppliers.interface import Envelope, SendResult
from tests.connectors.email.conftest import IDS, PLACE, PostOffice


@pytest.fixture
def placed(connector: EmailConnector) -> Envelope:
    return connector.render(PLACE, IDS)


async def test_an_order_arrives_byte_for_byte(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice
) -> None:
    receipt = await connector.send(placed)
    assert (receipt.result, receipt.events) == (SendResult.DELIVERED, ())
    assert "queued as 4711" in receipt.reason
    assert post_office.mails == [placed.body]
    assert post_office.recipients == [["orders@cedar.example"]]


async def test_the_same_order_again_is_the_same_message(
    connect: Callable[..., EmailConnector], placed: Envelope, post_office: PostOffice
) -> None:
    await connect().send(placed)
    # another address meanwhile: what is written stays as it is written
    await connect(to="other@cedar.example").send(placed)
    assert post_office.mails == [placed.body, placed.body]
    assert post_office.recipients[0] == post_office.recipients[1]
    assert len({letter["Message-ID"] for letter in post_office.letters()}) == 1


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
async def test_what_the_server_refuses_for_good_is_refused(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice, stage: str
) -> None:
    post_office.says[stage] = "550 5.1.1 nobody \x07lives here"
    receipt = await connector.send(placed)
    assert receipt.result is SendResult.REFUSED
    assert "550 5.1.1 nobody lives here" in receipt.reason
    assert post_office.mails == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_greylisted_mail_is_sent_again_later(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice, stage: str
) -> None:
    post_office.once[stage] = "451 4.7.1 greylisted, come back"
    with pytest.raises(Retryable, match=r"451 4\.7\.1 greylisted"):
        await connector.send(placed)
    assert post_office.mails == []
    assert (await connector.send(placed)).result is SendResult.DELIVERED
    assert post_office.mails == [placed.body]


async def test_a_connection_that_breaks_once_the_mail_is_under_way_leaves_it_unknown(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice
) -> None:
    post_office.once["DATA"] = "break"
    receipt = await connector.send(placed)
    assert receipt.result is SendResult.UNKNOWN
    assert "broke while it took the mail" in receipt.reason
    with pytest.raises(Unsupported, match="mailbox, which cannot be asked"):
        await connector.lookup(placed)
    # who recognises an order by its number takes the second copy for the first
    assert (await connector.send(placed)).result is SendResult.DELIVERED
    assert post_office.mails == [placed.body, placed.body]


async def test_an_answer_that_is_no_answer_leaves_it_unknown(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice
) -> None:
    post_office.once["DATA"] = "354 go on"
    assert (await connector.send(placed)).result is SendResult.UNKNOWN


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
async def test_a_connection_that_breaks_before_is_tried_again(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice, stage: str
) -> None:
    post_office.once[stage] = "break"
    with pytest.raises(Retryable):
        await connector.send(placed)
    assert post_office.mails == []


async def test_a_mail_beyond_what_the_server_takes_is_refused_before_it_is_sent(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice
) -> None:
    post_office.largest = 1000
    receipt = await connector.send(placed)
    assert receipt.result is SendResult.REFUSED
    assert "too large" in receipt.reason and "552" in receipt.reason
    assert post_office.mails == []


async def test_a_sender_that_is_not_taken_is_for_an_operator_to_mend(
    connector: EmailConnector, placed: Envelope, post_office: PostOffice
) -> None:
    post_office.says["MAIL"] = "553 5.7.1 you are not of this house"
    with pytest.raises(Retryable, match="correct sender"):
        await connector.send(placed)


async def test_a_login_is_not_sent_in_the_clear(
    connect: Callable[..., EmailConnector], placed: Envelope, post_office: PostOffice
) -> None:
    connector = connect(smtp_user="shop", smtp_password=SecretStr("open sesame"))
    with pytest.raises(Retryable, match="STARTTLS extension not supported"):
        await connector.send(placed)
    health = await connector.check()
    assert not health.ok and "open sesame" not in health.detail + repr(connector)
    assert post_office.mails == []


async def test_an_absent_server_is_retryable_and_the_check_says_so(
    connect: Callable[..., EmailConnector], placed: Envelope, free_port: int
) -> None:
    connector = connect(smtp_port=free_port)
    with pytest.raises(Retryable, match="did not take the mail"):
        await connector.send(placed)
    health = await connector.check()
    assert not health.ok and "smtp_host" in health.detail


async def test_the_check_connects_and_sends_nothing(connector: EmailConnector, post_office: PostOffice) -> None:
    health = await connector.check()
    assert health.ok and "orders@cedar.example" in health.detail
    assert post_office.mails == []


async def test_nothing_can_be_polled(connector: EmailConnector) -> None:
    with pytest.raises(Unsupported, match="answers on our page"):
        await connector.poll(None)
    await connector.aclose()
