"""Worker, gateway and commands reach a Temporal behind TLS by its own environment and profiles."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from temporalio.testing import WorkflowEnvironment

from activities.sealing import KeyRing
from cli.connections import temporal_client
from cli.errors import CommandFailed
from tests.privacy.tls_front import Front, tls_front
from workflows.connecting import connect

API_KEY = "toaeeoeatatotaee"
WORKER = "worker.shop.example"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def front(
    env: WorkflowEnvironment, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Front]:
    """Asks for a client certificate of our authority; the shell's own Temporal settings are out of the way."""
    for name in ("TEMPORAL_API_KEY", "TEMPORAL_PROFILE", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-temporal.toml"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with tls_front(env.client.service_client.config.target_host, context) as listening:
        monkeypatch.setenv("TEMPORAL_ADDRESS", listening.address)
        yield listening


def _files(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    """The authority's certificate, and a client's certificate and key, as files."""
    client = authority.issue_cert(WORKER)
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    client.cert_chain_pems[0].write_to_path(str(files["cert"]))
    client.private_key_pem.write_to_path(str(files["key"]))
    return files


async def test_client_certificate_and_api_key_of_the_environment_arrive(
    front: Front, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(authority, tmp_path)
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files["ca"]))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(files["cert"]))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(files["key"]))
    monkeypatch.setenv("TEMPORAL_API_KEY", API_KEY)
    client = await connect(KeyRing())
    assert await client.service_client.check_health()
    assert front.client_certificates == [(("DNS", WORKER),)]
    assert front.was_sent(f"Bearer {API_KEY}")


async def test_a_profile_of_a_file_says_the_same(
    front: Front, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(authority, tmp_path)
    (tmp_path / "temporal.toml").write_text(
        f"""
        [profile.shop]
        address = "{front.address}"
        namespace = "default"
        [profile.shop.tls]
        server_ca_cert_path = "{files["ca"]}"
        client_cert_path = "{files["cert"]}"
        client_key_path = "{files["key"]}"
        """
    )
    monkeypatch.delenv("TEMPORAL_ADDRESS")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))
    monkeypatch.setenv("TEMPORAL_PROFILE", "shop")
    client = await temporal_client()
    assert await client.service_client.check_health()
    assert front.client_certificates == [(("DNS", WORKER),)]


async def test_a_server_of_another_authority_is_not_believed(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _files(trustme.CA(), tmp_path)
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files["ca"]))
    monkeypatch.setenv("TEMPORAL_API_KEY", API_KEY)
    with pytest.raises(CommandFailed, match=r"certificate.*TEMPORAL_TLS_SERVER_CA_CERT_PATH") as refused:
        await temporal_client()
    assert front.address in str(refused.value)
    assert API_KEY not in str(refused.value)
    assert front.received == b""


async def test_nothing_is_sent_in_clear_to_a_server_that_speaks_tls(front: Front) -> None:
    with pytest.raises(CommandFailed, match="no Temporal server answers"):
        await temporal_client()
    assert front.received == b""
