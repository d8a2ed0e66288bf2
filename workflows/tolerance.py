"""Signals that do not fit must not hurt: a wrong number of arguments would fail every task of the workflow for ever.

Found by trying: a signal handler called with too many or too few arguments raises TypeError, which is a workflow *task*
failure, so the workflow is stuck until somebody terminates it. This interceptor hands such a signal to the workflow's
`keep_malformed`, which keeps it and raises attention.
"""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, cast, runtime_checkable

from temporalio import workflow
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


@runtime_checkable
class KeepsMalformed(Protocol):
    """A workflow that takes in what does not fit."""

    def keep_malformed(self, signal: str, arguments: list[Any]) -> None:
        """Keep a signal whose arguments do not fit its handler."""
        ...


class TolerantSignals(Interceptor):
    """Worker interceptor; see the module's docstring."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The interceptor every workflow runs under."""
        return _Tolerant


class _Tolerant(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        handler = cast("Callable[..., object] | None", workflow.get_signal_handler(input.signal))  # pyright: ignore[reportUnknownMemberType] - the SDK leaves its type open
        instance = workflow.instance()
        if handler is not None and isinstance(instance, KeepsMalformed):
            try:
                inspect.signature(handler).bind(*input.args)
            except TypeError:
                instance.keep_malformed(input.signal, list(input.args))
                return
        await super().handle_signal(input)
