"""One place where errors become Temporal's: final ones are not retried, others wait as long as they were asked to.

What is raised here goes into histories, logs and the operators' screen, so it is our own words alone: the chain of
causes is cut where it may quote what was sent (a mail server repeats the address it refuses).
"""

from typing import Any

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class InTradeWords(Interceptor):
    """Worker interceptor: turns the errors of `domain/` and `connectors/` into typed `ApplicationError`s."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap every activity."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        from psycopg import DataError, IntegrityError
        from psycopg import Error as DatabaseError
        from pydantic import ValidationError

        from connectors.errors import Refused, Retryable, Undecodable, Unknown, Unsupported
        from domain.errors import BooksDoNotBalance, NotFound, OrderConflict, OrderRefused

        try:
            return await self.next.execute_activity(input)
        except (OrderRefused, OrderConflict, NotFound) as final:
            raise ApplicationError(
                str(final), type=type(final).__name__, non_retryable=True, category=ApplicationErrorCategory.BENIGN
            ) from final
        except (Refused, Undecodable, Unsupported) as final:
            raise ApplicationError(str(final), type=type(final).__name__, non_retryable=True) from None
        except BooksDoNotBalance as defect:
            # Nothing was written. What is HOPELESS is for the workflow to say (`workflows.durably`).
            raise ApplicationError(str(defect), type="BooksDoNotBalance") from None
        except DatabaseError as trouble:
            # PostgreSQL's own words, without its DETAIL, which quotes the row.
            words = str(trouble).partition("DETAIL:")[0].strip()
            # What the database will not take now it will not take in a second; what it could not do just now, it may.
            # A table or a right that is missing is no reason to give up: the database is being migrated, or mended.
            hopeless = next((kind for kind in (DataError, IntegrityError) if isinstance(trouble, kind)), None)
            raise ApplicationError(words, type=(hopeless or type(trouble)).__name__) from None
        except Retryable as later:
            raise ApplicationError(str(later), type="Retryable", next_retry_delay=later.after) from None
        except Unknown as unknown:
            raise ApplicationError(str(unknown), type="Unknown") from None
        except ValidationError as defect:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in defect.errors())
            raise ApplicationError(f"{defect.title} cannot be read: {wrong}", type="ValidationError") from None
