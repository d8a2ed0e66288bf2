"""Payloads are sealed by the first key and opened by all; what is wrong with keys is said without showing them."""

import base64

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.sealing import ENCODING, KeyRing, NotOpened, SealedPayloads, data_converter, fresh_key
from domain.orders import Customer

ADA = Customer(customer_id="C-1", name="Ada Lovelace", email="ada@customer.example")
OLD, NEW = fresh_key("old"), fresh_key("new")


async def _sealed(keys: str) -> Payload:
    (payload,) = await data_converter(KeyRing.read(keys)).encode([ADA])
    return payload


async def _opened(payload: Payload, keys: str) -> object:
    (value,) = await data_converter(KeyRing.read(keys)).decode([payload], [Customer])
    return value


async def test_a_sealed_payload_shows_nothing_of_what_is_in_it_not_even_its_kind() -> None:
    payload = await _sealed(NEW)
    assert payload.metadata == {"encoding": ENCODING, "key-id": b"new"}
    assert b"Ada" not in payload.SerializeToString()
    assert b"json" not in payload.SerializeToString()
    assert await _opened(payload, NEW) == ADA


async def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert (await _sealed(NEW)).data != (await _sealed(NEW)).data


async def test_after_a_rotation_the_first_key_seals_and_the_old_one_still_opens() -> None:
    before = await _sealed(OLD)
    assert (await _sealed(f"{NEW},{OLD}")).metadata["key-id"] == b"new"
    assert await _opened(before, f"{NEW}, {OLD}") == ADA


async def test_what_was_never_sealed_is_read_as_it_is() -> None:
    assert await _opened(await _sealed(""), NEW) == ADA


@pytest.mark.parametrize("keys", [NEW, ""], ids=["another ring", "no keys"])
async def test_a_missing_key_is_named_with_the_setting_that_lacks_it(keys: str) -> None:
    payload = await _sealed(OLD)
    with pytest.raises(NotOpened, match=r"the key 'old', which PROMISEKEEPER_PAYLOAD_KEYS does not hold"):
        await _opened(payload, keys)


@pytest.mark.parametrize("at", [0, 20, -1], ids=["nonce", "text", "tag"])
async def test_a_payload_that_was_changed_is_not_opened(at: int) -> None:
    payload = await _sealed(NEW)
    changed = bytearray(payload.data)
    changed[at] ^= 1
    with pytest.raises(NotOpened, match="was changed, or sealed with another key"):
        await _opened(Payload(metadata=payload.metadata, data=bytes(changed)), NEW)


@pytest.mark.parametrize("data", [b"", b"short"])
async def test_a_payload_too_short_to_be_one_is_not_opened(data: bytes) -> None:
    with pytest.raises(NotOpened, match="was changed"):
        await _opened(Payload(metadata={"encoding": ENCODING, "key-id": b"new"}, data=data), NEW)


async def test_the_key_id_cannot_be_exchanged() -> None:
    key = NEW.partition(":")[2]
    payload = await _sealed(NEW)
    payload.metadata["key-id"] = b"twin"
    with pytest.raises(NotOpened, match="'twin'"):
        await _opened(payload, f"twin:{key}")


async def test_a_failure_says_neither_message_nor_stack_in_clear_and_comes_back_whole() -> None:
    converter = data_converter(KeyRing.read(NEW))
    failure = Failure()
    try:
        raise ApplicationError("no such street: 1 Main St", {"email": "ada@customer.example"}, type="Refused")  # noqa: TRY301 - it needs a traceback
    except ApplicationError as raised:
        await converter.encode_failure(raised, failure)
    assert "Refused" in str(failure)
    assert not any(word in str(failure) for word in ("Main St", "ada@", __file__.rpartition("/")[2]))
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.details) == ("no such street: 1 Main St", ({"email": "ada@customer.example"},))


async def test_without_keys_a_failure_is_readable_as_ever() -> None:
    failure = Failure()
    await data_converter(KeyRing()).encode_failure(ApplicationError("no such street"), failure)
    assert failure.message == "no such street"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("only-a-key", "entry 1 is not `id:base64`"),
        (f"{NEW},", "entry 2 is not"),
        (f"an id:{NEW[4:]}", "entry 1 is not"),
        ("new:c2VjcmV0LXNlY3JldA==", "key 'new' is not 32 bytes in base64"),
        ("new:not base64 at all!", "key 'new' is not 32 bytes in base64"),
        (f"{NEW},{NEW}", "the key id 'new' stands there twice"),
    ],
    ids=["no id", "empty", "blank", "short", "no base64", "twice"],
)
def test_keys_that_cannot_be_read_are_refused_without_being_shown(keys: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        KeyRing.read(keys)
    assert not any(part and part in str(refused.value) for part in ("c2Vjcm", "not base64 at", NEW[4:], "only-a-key"))


def test_a_ring_shows_the_ids_of_its_keys_alone() -> None:
    ring = KeyRing.read(f"{NEW},{OLD}")
    assert repr(ring) == str(ring) == "KeyRing(new, old)"
    assert "KeyRing(new" not in repr(SealedPayloads(ring))


def test_a_fresh_key_is_256_random_bits_under_its_id() -> None:
    one, other = fresh_key("k"), fresh_key("k")
    assert one != other
    assert len(base64.b64decode(one.removeprefix("k:"))) == 32
