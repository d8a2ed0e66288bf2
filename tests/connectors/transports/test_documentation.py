"""What docs/suppliers/transports.md says of the settings is what is read."""

import json
import re
from pathlib import Path

import asyncssh
import pytest
from pydantic import TypeAdapter

from connectors.suppliers.transports.configuration import FolderConfig, HttpsConfig, SftpConfig, TransportConfig

DOCUMENT = (Path(__file__).parents[3] / "docs/suppliers/transports.md").read_text()
EXAMPLES = re.findall(r'```json\n"transport": (\{.*?\n\})\n```', DOCUMENT, re.DOTALL)


def test_the_examples_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SFTP_KEY", asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
    for secret in ("ACME_SIGNING_SECRET", "ACME_INBOUND_SECRET"):
        monkeypatch.setenv(secret, "whsec_YWNtZQ==")
    read = [TypeAdapter(TransportConfig).validate_python(json.loads(example)) for example in EXAMPLES]
    assert [config.kind for config in read] == ["folder", "sftp", "https"]


@pytest.mark.parametrize("config", [FolderConfig, SftpConfig, HttpsConfig])
def test_every_setting_is_described(config: type[FolderConfig | SftpConfig | HttpsConfig]) -> None:
    assert [name for name in config.model_fields if name != "kind" and f"`{name}`" not in DOCUMENT] == []
