"""What Temporal holds of its workflows, as whoever runs it can read it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client


async def held(stranger: Client, query: str = "") -> AsyncIterator[Message]:
    """Visibility, description and every event of every workflow, as protobuf messages."""
    async for listed in stranger.list_workflows(query):
        yield listed.raw_info
        handle = stranger.get_workflow_handle(listed.id, run_id=listed.run_id)
        yield (await handle.describe()).raw_description
        async for event in handle.fetch_history_events():
            yield event


def parts(message: Message, kind: type[Any]) -> Iterator[Any]:
    """Every message of that kind within a message, however deep, itself included."""
    if isinstance(message, kind):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            within = [one for one in value.values() if isinstance(one, Message)]
        else:
            within = list(value) if field.is_repeated else [value]
        for one in within:
            yield from parts(one, kind)


def payloads(message: Message) -> Iterator[Payload]:
    """Its payloads."""
    return parts(message, Payload)


def failures(message: Message) -> Iterator[Failure]:
    """Its failures, causes included."""
    return parts(message, Failure)
