"""Errors in the trade's words. Each message says what is wrong and what to do next."""


class PromisekeeperError(Exception):
    """Base of every error this product raises on purpose."""


class OrderRefused(PromisekeeperError):
    """The order cannot be accepted as it stands (unknown SKU, unsupported currency, past date ...). Never retried."""

    def __init__(self, why: str, *, field: str = "") -> None:
        """Why, and the field of the order that it is about; empty: none in particular."""
        super().__init__(why)
        self.field = field


class OrderConflict(PromisekeeperError):
    """The same backorder id was accepted before with other content. Nothing was changed."""


class NotFound(PromisekeeperError):
    """No such backorder, purchase order, supplier or item in the ledger."""


class BooksDoNotBalance(PromisekeeperError):
    """A ledger write would break a law of the books. The transaction was rolled back; this is a defect of ours."""
