"""The password in a document is not kept, and the document can be read again all the same."""

import pytest

from connectors.errors import Undecodable
from connectors.suppliers.cxml.connector import CxmlConnector
from connectors.suppliers.interface import HidesSecrets, Inward
from tests.connectors.cxml.partner import CONFIG

SECRET = "their-secret <&> \N{SNOWMAN}"
DOCUMENT = """<?xml version="1.0" encoding="{encoding}"?>
<cXML payloadID="1@x" timestamp="2026-12-01T00:00:00Z"><Header>
<From><Credential domain="DUNS"><Identity>080123456</Identity></Credential></From>
<To><Credential domain="NetworkId"><Identity>AN01000000001</Identity></Credential></To>
<Sender><Credential domain="duns"><Identity>080123456</Identity><SharedSecret >{secret}</SharedSecret>
</Credential><UserAgent>S\u00f6hne</UserAgent></Sender></Header>
<Request><StatusUpdateRequest><DocumentReference payloadID="PO-1"/><Status code="200" text="OK"/></StatusUpdateRequest>
</Request></cXML>"""


@pytest.fixture
def connector() -> CxmlConnector:
    return CxmlConnector("acme", CONFIG | {"inbound_secret": SECRET})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "iso-8859-1"])
async def test_a_document_is_kept_without_its_password_and_read_again(connector: CxmlConnector, encoding: str) -> None:
    assert isinstance(connector, HidesSecrets)
    whole = DOCUMENT.format(encoding=encoding, secret="their-secret &lt;&amp;&gt; &#9731;")
    message = Inward(body=whole.encode(encoding), headers={})
    connector.verify(message)
    kept = connector.hidden(message)
    assert kept.body.decode(encoding) == DOCUMENT.format(encoding=encoding, secret="not-kept")
    assert connector.hidden(kept) == kept
    with pytest.raises(Undecodable):
        connector.verify(kept)  # who finds it in the books proves nothing by it
    assert connector.decode(connector.shown(kept)) == connector.decode(message)
    await connector.aclose()


async def test_a_password_may_be_written_as_character_data(connector: CxmlConnector) -> None:
    body = DOCUMENT.format(encoding="utf-8", secret="<![CDATA[their-secret <&>]]> &#x2603;").encode()
    connector.verify(Inward(body=body, headers={}))
    assert b"their-secret" not in connector.hidden(Inward(body=body, headers={})).body
    await connector.aclose()


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xff\xfe<", b"<SharedSecret>" * 100_000, b"\x00<" * 1001 + b"\xd8"])
async def test_bytes_without_a_password_stay_as_they_are(connector: CxmlConnector, body: bytes) -> None:
    message = Inward(body=body, headers={})
    assert connector.hidden(message) == message == connector.shown(message)
    await connector.aclose()
