"""Connecting to Temporal, the same way for worker, gateway and command line: by Temporal's own environment."""

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from activities import tracing
from activities.sealing import KeyRing, data_converter

DEFAULT_ADDRESS = "localhost:7233"
"""Where Temporal is looked for when neither TEMPORAL_ADDRESS nor a profile says."""


def profile() -> ClientConnectConfig:
    """How to connect, as TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE ... or a temporal.toml say.

    Raises:
        RuntimeError: the profile cannot be read.
    """
    found = ClientConfig.load_client_connect_config()
    found.setdefault("target_host", DEFAULT_ADDRESS)
    return found


async def connect(keys: KeyRing, *, lazy: bool = False, runtime: Runtime | None = None) -> Client:
    """A client by that profile.

    Args:
        keys: seal and open payloads; an empty ring seals nothing.
        lazy: connect at first use; a worker cannot be given such a client.
        runtime: what metrics and logs of the SDK itself go through; None: the SDK's own.

    Raises:
        RuntimeError: nobody answers there, or the profile cannot be read.
    """
    return await Client.connect(
        **profile(),
        data_converter=data_converter(keys),
        lazy=lazy,
        interceptors=tracing.interceptors(),
        runtime=runtime,
    )
