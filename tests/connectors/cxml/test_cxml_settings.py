"""The settings of a cXML supplier: what is wrong is named, and no secret is shown."""

import pytest
from pydantic import ValidationError

from connectors.configuration import problems
from connectors.suppliers.cxml.profile import CxmlPartner
from tests.connectors.cxml.partner import CONFIG


def wrong(**changed: object) -> list[str]:
    settings = CONFIG | changed
    with pytest.raises(ValidationError) as raised:
        CxmlPartner.model_validate(settings)
    return [str(problem) for problem in problems(raised.value, CxmlPartner, settings)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "acme.example"}, "connector_config.url: must start with http"),
        ({"bill_to": {"name": "Shop"}}, "connector_config.bill_to.street: is missing"),
        ({"payload_domain": "shop@example"}, "connector_config.payload_domain: "),
        ({"version": "1.2"}, "connector_config.version: "),
        ({"repeat_codes": [200]}, "connector_config.repeat_codes"),
        ({"inbound_secret": "hunter2 "}, "connector_config.inbound_secret: a shared secret has"),
        ({"outbound_secret": ""}, "connector_config.outbound_secret: a shared secret has"),
        ({"unsaid_rest": "lost"}, "connector_config.unsaid_rest: must be 'dropped' or 'follows'"),
        ({"their": {}}, "connector_config.their: is no setting of this connector; did you mean theirs?"),
    ],
)
def test_a_wrong_setting_is_named(changed: dict[str, object], words: str) -> None:
    told = wrong(**changed)
    assert any(problem.startswith(words) for problem in told), told
    assert "hunter2" not in " ".join(told)


def test_secrets_and_identities_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SECRET", "from elsewhere")
    monkeypatch.setenv("OUR_ID", "AN7")
    ours = {"domain": "NetworkId", "identity": "env:OUR_ID"}
    partner = CxmlPartner.model_validate(CONFIG | {"outbound_secret": "env:ACME_SECRET", "ours": ours})
    assert partner.outbound_secret.get_secret_value() == "from elsewhere"
    assert partner.ours.identity == "AN7"
    assert "from elsewhere" not in repr(partner)
    assert "their-secret" not in repr(partner)
