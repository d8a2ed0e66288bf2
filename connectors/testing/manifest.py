"""Group 1: who the connector is, how it is set up, and that nothing of it shows a secret."""

from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from connectors.errors import Refused, Unsupported
from connectors.suppliers.interface import Connector, Grade, Inbound
from connectors.testing.asking import DOING, Group, claims, deniable, requires
from connectors.testing.orders import REQUESTS, ids
from connectors.testing.peer import Peer

SOUNDS_SECRET = ("key", "secret", "password", "passphrase", "token")
SOUNDS_PUBLIC = ("public", "host", "known")
"""As in `host_key` and `public_key`."""


def another(connector: Connector, peer: Peer, **settings: object) -> Connector:
    """A connector of the same kind, with some settings set otherwise."""
    return type(connector)(peer.supplier_id, {**peer.settings, **settings})


class ManifestTests(Group):
    """Group 1."""

    @requires()
    async def test_it_says_who_it_is(self, connector: Connector, peer: Peer) -> None:
        about = connector.manifest
        for told in (about.name, about.version, about.protocol):
            assert told.strip() == told and told.isprintable() and told
        assert about.grade is None or about.grade in Grade
        assert about.config.model_json_schema()["type"] == "object"

    @requires()
    async def test_its_claims_agree_with_each_other(self, connector: Connector, peer: Peer) -> None:
        can = connector.capabilities
        assert can.poll == (Inbound.POLL in can.inbound), "what comes in by poll can be polled, and the other way round"
        for name in ("syntax_ack", "acknowledges", "splits", "multi_po_notice", "balance_known"):
            assert can.inbound or not getattr(can, name), f"{name} is about messages, and none come in"

    @requires()
    async def test_what_its_author_denies_is_known_here_and_has_a_reason(
        self, connector: Connector, peer: Peer
    ) -> None:
        known = deniable(getattr(type(self), name) for name in dir(self) if name.startswith("test_"))
        assert set(self.denies) <= known, f"{sorted(set(self.denies) - known)} cannot be denied"
        assert all(len(reason.split()) >= 3 for reason in self.denies.values()), "a reason is a few words at least"

    @requires()
    async def test_its_settings_survive_being_written_down_and_read_again(
        self, connector: Connector, peer: Peer
    ) -> None:
        model = connector.manifest.config
        read = model.model_validate(dict(peer.settings))
        assert model.model_validate(_written_down(read)) == read

    @requires()
    async def test_a_misspelt_setting_is_refused(self, connector: Connector, peer: Peer) -> None:
        with pytest.raises(ValidationError):
            another(connector, peer, a_setting_that_there_is_not="1")

    @requires()
    async def test_a_setting_that_sounds_secret_is_kept_as_one(self, connector: Connector, peer: Peer) -> None:
        for name, value in _values(connector.manifest.config.model_validate(dict(peer.settings))):
            words = name.lower().split("_")
            if isinstance(value, str) and any(w in SOUNDS_SECRET for w in words):
                assert any(word in SOUNDS_PUBLIC for word in words), (
                    f"the setting {name} should be a pydantic.SecretStr"
                )

    @requires()
    async def test_no_secret_is_shown_or_stored(self, connector: Connector, peer: Peer) -> None:
        config = connector.manifest.config.model_validate(dict(peer.settings))
        shown = f"{connector!r} {connector} {config!r} {config} {config.model_dump_json()}"
        for name, request in REQUESTS.items():
            try:
                shown += repr(connector.render(request, ids(name)))
            except (Unsupported, Refused) as said:
                shown += str(said)
        shown += f"{await connector.check()} {another(connector, peer)!r}"
        for name, value in _values(config):
            if isinstance(value, SecretStr) and value.get_secret_value():
                assert value.get_secret_value() not in shown, f"the setting {name} is shown"

    @requires()
    async def test_its_check_finds_the_far_side(self, connector: Connector, peer: Peer) -> None:
        health = await connector.check()
        assert health.ok, health.detail
        assert health.detail
        assert not await peer.received(), "a check changes nothing"

    @requires()
    async def test_its_check_says_so_when_it_cannot_get_in(self, connector: Connector, peer: Peer) -> None:
        outside = type(connector)(peer.supplier_id, dict(peer.wrong_settings))
        try:
            health = await outside.check()
        finally:
            await outside.aclose()
        assert not health.ok, "with these settings nobody gets in"
        assert health.detail and health.detail.isprintable(), "what is wrong is told in one line of words"

    @requires()
    async def test_what_a_setting_takes_away_is_denied_and_nothing_else(self, connector: Connector, peer: Peer) -> None:
        config = connector.manifest.config.model_validate(dict(peer.settings))
        for name, thrown in _each_switch_thrown(config, peer.settings):
            try:
                other = type(connector)(peer.supplier_id, thrown)
            except ValidationError:
                continue  # this switch cannot be thrown alone
            try:
                await _keeps_its_word(other, name)
            finally:
                await other.aclose()


async def _keeps_its_word(connector: Connector, setting: str) -> None:
    """What it denies raises Unsupported; what it claims does not, as far as that shows without a far side."""
    for capability, doing in DOING.items():
        if not claims(connector.capabilities, capability):
            with pytest.raises(Unsupported):
                await doing(connector)
        elif capability in {"cancel", "reduce_line", "add_line"}:
            try:
                await doing(connector)
            except Unsupported as denied:
                pytest.fail(f"with {setting} thrown it claims {capability}, and says {denied}")


def _each_switch_thrown(config: BaseModel, settings: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """For each setting that is true or false, however deep: its name, and the settings with it the other way round."""
    for name, value in config:
        if isinstance(value, bool):
            yield name, {**settings, name: not value}
        elif isinstance(value, BaseModel) and isinstance(within := settings.get(name, {}), Mapping):
            for inner, thrown in _each_switch_thrown(value, cast("Mapping[str, object]", within)):
                yield f"{name}.{inner}", {**settings, name: thrown}


def _values(config: BaseModel) -> Iterator[tuple[str, object]]:
    for name, value in config:
        if isinstance(value, BaseModel):
            yield from _values(value)
        else:
            yield name, value


def _written_down(value: object) -> dict[str, object]:
    """Settings as a catalogue has them: plain data, secrets in clear."""

    def plain(value: object) -> object:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, BaseModel):
            return _written_down(value)
        if isinstance(value, Mapping):
            return {key: plain(of) for key, of in cast("Mapping[str, object]", value).items()}
        return value

    assert isinstance(value, BaseModel)
    return {name: plain(of) for name, of in value if name in value.model_fields_set}
