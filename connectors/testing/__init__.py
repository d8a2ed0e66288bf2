"""The conformance kit: what every supplier connector must do, as tests that its author runs against a far side.

    from connectors.testing import ConnectorSuite

    class TestAcme(ConnectorSuite):
        @pytest.fixture
        def peer(self, tmp_path): ...        # the far side, see `Peer`

        @pytest.fixture
        def connector(self, peer): ...       # the connector, made with `peer.settings`

`pip install promisekeeper[testing]` brings what it needs. pytest finds its plugin by itself; nothing else here is
imported until a suite is. See docs/writing-a-connector.md.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.testing.peer import Fault, Flaw, HeldOrder, Peer, Seen, SeenLine, held
    from connectors.testing.suite import ConnectorSuite

__all__ = ["ConnectorSuite", "Fault", "Flaw", "HeldOrder", "Peer", "Seen", "SeenLine", "held"]


def __getattr__(name: str) -> object:
    """Import on first use: pytest imports this package at every start, for the plugin, suite or no suite."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from connectors.testing import peer, suite  # noqa: PLC0415 (as said)

    return getattr(suite if name == "ConnectorSuite" else peer, name)
