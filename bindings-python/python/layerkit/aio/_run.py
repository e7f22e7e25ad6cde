"""A blocking call on a thread of its own, awaited: cancelling, and events on the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .._native import CancelToken
from ..errors import Cancelled
from ..types import Event, OnEvent

_T = TypeVar("_T")
_P = ParamSpec("_P")


async def call(blocking: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Runs a call that cannot be cancelled on a thread of its own."""
    return await _ended(_spawn(functools.partial(blocking, *args, **kwargs)), lambda: None)


async def long(
    call: Callable[[OnEvent | None, CancelToken], _T], on_event: OnEvent | None, cancel: CancelToken | None
) -> _T:
    """Runs an operation on a thread of its own; cancelling the awaiting task cancels it."""
    token = CancelToken() if cancel is None else cancel
    sink = None if on_event is None else _sink(on_event, token)
    return await _ended(_spawn(functools.partial(call, sink, token)), token.cancel)


async def interruptible(blocking: Callable[[], _T], interrupt: Callable[[], None]) -> _T:
    """Runs a call that `interrupt` ends on a thread of its own; cancelling the awaiting task interrupts it."""
    return await _ended(_spawn(blocking), interrupt)


def _spawn(call: Callable[[], _T]) -> asyncio.Future[_T]:
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    future = asyncio.wrap_future(result)
    threading.Thread(target=run, name="layerkit.aio").start()
    return future


async def _ended(future: asyncio.Future[_T], cancel: Callable[[], None]) -> _T:
    """The future's result. A cancelled wait still lasts until the operation has ended."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        future.exception()
        raise


def _sink(on_event: OnEvent, token: CancelToken) -> OnEvent:
    """Calls `on_event` on the loop, and waits for it on the operation's thread."""
    loop = asyncio.get_running_loop()

    async def deliver(event: Event) -> None:
        answer = on_event(event)
        if inspect.isawaitable(answer):
            await answer

    def send(event: Event) -> None:
        delivered = asyncio.run_coroutine_threadsafe(deliver(event), loop)
        while True:
            try:
                return delivered.result(0.1)
            except concurrent.futures.TimeoutError:
                if delivered.done():
                    return delivered.result()
                if token.cancelled or loop.is_closed():
                    delivered.cancel()
                    raise Cancelled("the operation was cancelled") from None

    return send
