"""How the outside world fails: a kind of error for each thing that it asks of the caller."""

from datetime import timedelta


class ConnectorError(Exception):
    """Base of what connectors raise on purpose."""


class Retryable(ConnectorError):
    """Nothing happened on the far side; trying again is safe. `after` is what the far side asked for, if it did."""

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Refused(ConnectorError):
    """The far side understood and said no. Trying the same again is useless."""


class Unknown(ConnectorError):
    """The request may or may not have taken effect. Look it up before anything else."""


class Unsupported(ConnectorError):
    """This connector cannot do that, as its capabilities say."""


class WronglySetUp(Unsupported):
    """A supplier's connector cannot be built as the catalogue and the environment have it; nothing was tried.

    Asking again at once is useless, so that whoever waits is told at once; but it may be mended at any time.
    """


class Undecodable(ConnectorError):
    """These bytes are no message of this protocol, or not from who they claim. Keep them raw; tell an operator."""


class NoDocument(Undecodable):
    """These bytes are not even a document of this protocol: they claim nobody, so that nobody's claim is in doubt."""


class ClocksApart(Undecodable):
    """Signed by who it claims, for an instant minutes away from ours: a replay, or one of the two clocks is wrong.

    Not taken now; but the same message is good as soon as the clock is set, so it must not be refused for good.
    """
