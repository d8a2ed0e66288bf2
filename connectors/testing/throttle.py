"""Group 10: a far side that is slow, busy or broken is given time, and never taken for one that said yes or no."""

from contextlib import suppress
from datetime import timedelta

import pytest

from connectors.errors import Retryable
from connectors.suppliers.interface import Connector, SendReceipt, SendResult
from connectors.testing.asking import Group, requires
from connectors.testing.orders import ORDER, ids
from connectors.testing.peer import Fault, Peer
from connectors.testing.talking import TRIES, delivered


class ThrottleTests(Group):
    """Group 10."""

    @requires()
    @pytest.mark.parametrize("seconds", [7, 90])
    @pytest.mark.parametrize("fault", [Fault.BUSY])
    async def test_who_asks_for_time_is_given_it(
        self, connector: Connector, peer: Peer, fault: Fault, seconds: int
    ) -> None:
        await peer.fail(fault, seconds=seconds)
        with pytest.raises(Retryable) as busy:
            await connector.send(connector.render(ORDER, ids("place")))
        assert busy.value.after == timedelta(seconds=seconds)
        assert not await peer.received()

    @requires()
    @pytest.mark.parametrize("fault", [Fault.BUSY])
    async def test_a_wait_beyond_reason_is_cut(self, connector: Connector, peer: Peer, fault: Fault) -> None:
        """A far side's typing error must not stop us for a year."""
        await peer.fail(fault, seconds=400 * 24 * 3600)
        with pytest.raises(Retryable) as busy:
            await connector.send(connector.render(ORDER, ids("place")))
        assert busy.value.after is None or busy.value.after <= timedelta(days=1)

    @requires()
    @pytest.mark.parametrize("fault", [Fault.SLOW])
    async def test_an_answer_that_comes_too_late_leaves_it_unknown(
        self, connector: Connector, peer: Peer, fault: Fault
    ) -> None:
        hasty = type(connector)(peer.supplier_id, dict(peer.hasty_settings))
        receipt: SendReceipt | None = None
        for _ in range(TRIES):
            await peer.fail(fault)
            with suppress(Retryable):  # on a busy machine, so little patience may not even get it through
                receipt = await hasty.send(hasty.render(ORDER, ids("place")))
                break
        await hasty.aclose()
        assert receipt is not None, "a Retryable each time: it says that nothing arrived, which nobody can know"
        assert receipt.result is SendResult.UNKNOWN
        assert receipt.reason

    @requires()
    @pytest.mark.parametrize("fault", [Fault.BUSY, Fault.BROKEN])
    async def test_an_order_arrives_once_after_a_bad_hour(self, connector: Connector, peer: Peer, fault: Fault) -> None:
        receipt = await delivered(connector, connector.render(ORDER, ids("place")), peer, fault, 3)
        assert receipt.result is SendResult.DELIVERED
        assert len(await peer.received()) == 1
