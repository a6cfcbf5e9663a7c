"""Decorated functions: same signature, same kind, same results and errors; each call is a run.

A wrapper is of the kind of its function (a generator function for a generator function, ...), so
that `inspect` and frameworks see no difference. One thing cannot be the same: a coroutine function
or generator function that is called with wrong arguments raises its TypeError at the first step of
what it returned, not at the call.
"""

import functools
import inspect
import sys
import types
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar

from belvedere.sdk.agents import faults
from belvedere.sdk.agents.run import Run

F = TypeVar("F", bound=Callable[..., Any])
Func = Callable[..., Any]
Start = Callable[[], Run]

# ruff: noqa: SLF001 - wrappers are the other side of a run's underscored methods


def qualified_name(func: object) -> str:
    """The name of a function within its module, without the functions it is defined in."""
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None)
    if name is None:  # functools.partial, an object with __call__
        inner = getattr(func, "func", None)
        return qualified_name(type(func) if inner is None else inner)
    return str(name).rpartition("<locals>.")[2]


def wrap(func: F, start: Start) -> F:
    """`func`, each call of which is a run made by `start`.

    Raises:
        TypeError: `func` is a class or cannot be called.
    """
    if isinstance(func, staticmethod | classmethod):
        return type(func)(wrap(func.__func__, start))
    if isinstance(func, type) or not callable(func):
        raise TypeError(
            f"only functions and methods can be decorated, not {func!r}; "
            "decorate a method of the class, or use `with`"
        )
    wrapper = _maker(func)(func, start)
    return functools.wraps(func)(wrapper)  # type: ignore[return-value] # it stands for func


def _maker(func: Func) -> Callable[[Func, Start], Func]:
    for matches, make in (
        (_is_generator_coroutine, _generator_coroutine),  # a generator function, too
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.iscoroutinefunction, _coroutine),
        (inspect.isgeneratorfunction, _generator),
    ):
        if matches(func):
            return make
    return _function


def _is_generator_coroutine(func: Func) -> bool:
    """Whether it is a generator function that `types.coroutine` has made awaitable."""
    code = getattr(func, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def _called(run: Run, func: Func, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        run._called(func, args, kwargs)
    except Exception:  # noqa: BLE001 - the application is never changed by telemetry
        faults.report("the arguments of a call")


def _returned(run: Run, result: object) -> None:
    try:
        run._returned(result)
    except Exception:  # noqa: BLE001 - the application is never changed by telemetry
        faults.report("the result of a call")


def _function(func: Func, start: Start) -> Func:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        run = start()
        run._enter()
        _called(run, func, args, kwargs)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            run._leave()
            run._end(error)
            raise
        run._leave()
        _returned(run, result)
        run._end()
        return result

    return wrapper


def _coroutine(func: Func, start: Start) -> Func:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        run = start()
        run._enter()
        _called(run, func, args, kwargs)
        try:
            result = await func(*args, **kwargs)
        except BaseException as error:
            run._leave()
            run._end(error)
            raise
        run._leave()
        _returned(run, result)
        run._end()
        return result

    return wrapper


def _generator_coroutine(func: Func, start: Start) -> Func:
    @types.coroutine
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        run = start()
        run._enter()
        _called(run, func, args, kwargs)
        try:
            result = yield from func(*args, **kwargs)
        except BaseException as error:
            run._leave()
            run._end(error)
            raise
        run._leave()
        _returned(run, result)
        run._end()
        return result

    return wrapper


def _generator(func: Func, start: Start) -> Func:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        run = start()
        _called(run, func, args, kwargs)
        try:
            generator = func(*args, **kwargs)
            first: Callable[[], Any] = functools.partial(next, generator)
            step = first
            while True:
                run._enter()
                try:
                    item = step()
                except StopIteration as stop:
                    return stop.value
                finally:
                    run._suspend()
                    step = first  # a thrown error kept here would keep its frames alive
                run._chunk(item)
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the generator decides about it
                    step = functools.partial(generator.throw, error)
                else:
                    if sent is not None:
                        step = functools.partial(generator.send, sent)
        except BaseException as error:
            run._end(error)
            raise
        finally:
            run._end()

    return wrapper


class _EndAtCollection:
    """Ends a run whose asynchronous generator is collected after its event loop was closed.

    Then nothing runs the generator's own `finally`.
    """

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __del__(self) -> None:
        if not sys.is_finalizing():
            self._run._end()


def _async_generator(func: Func, start: Start) -> Func:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        run = start()
        last_resort = _EndAtCollection(run)
        _called(run, func, args, kwargs)
        try:
            generator = func(*args, **kwargs)
            first: Callable[[], Any] = generator.__anext__
            step = first
            while True:
                run._enter()
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                finally:
                    run._suspend()
                    step = first  # a thrown error kept here would keep its frames alive
                run._chunk(item)
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the generator decides about it
                    step = functools.partial(generator.athrow, error)
                else:
                    if sent is not None:
                        step = functools.partial(generator.asend, sent)
        except BaseException as error:
            run._end(error)
            raise
        finally:
            run._end()
            del last_resort

    return wrapper
