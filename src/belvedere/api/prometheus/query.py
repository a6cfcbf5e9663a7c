"""Queries: `/query`, `/query_range`, `/format_query`, `/parse_query`."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.prometheus.answers import BadData, answering, streamed, success
from belvedere.api.prometheus.encode import (
    encode_matrix,
    encode_samples,
    encode_scalar,
    encode_string,
    encode_vector,
)
from belvedere.api.prometheus.parameters import Parameters, parse_duration_ms
from belvedere.api.prometheus.project import Project, Projects
from belvedere.api.prometheus.tree import tree
from belvedere.query.matrix import Grid, SeriesMatrix
from belvedere.query.promql.ast import Expression
from belvedere.query.promql.engine import Engine
from belvedere.query.promql.errors import (
    ParseError,
    QueryCanceledError,
    QueryTimeoutError,
    QueryTypeError,
)
from belvedere.query.promql.pretty import pretty
from belvedere.query.promql.result import Result
from belvedere.query.promql.signatures import ValueType
from belvedere.query.promql.source import Source
from belvedere.query.samples import Samples

_GET_AND_POST: Final = ["GET", "POST"]
_MAX_STEPS: Final = 11_000
_MAX_ANNOTATIONS: Final = 10
MAX_TIMEOUT_S: Final = 120.0
"""Of a query, unless its parameter `timeout` is shorter."""
_DURING: Final = "expression evaluation"

Evaluate = Callable[[Source, Callable[[], None]], Result]


class Stop:
    """What ends a query before it is done: its time, or that who asked has gone away."""

    def __init__(self, timeout_s: float) -> None:
        self._ends_s = time.monotonic() + timeout_s
        self._canceled = threading.Event()

    def cancel(self) -> None:
        """From any thread."""
        self._canceled.set()

    def check(self) -> None:
        """Raises `QueryCanceledError` or `QueryTimeoutError` when the query is to end."""
        if self._canceled.is_set():
            raise QueryCanceledError(_DURING)
        if time.monotonic() > self._ends_s:
            raise QueryTimeoutError(_DURING)


def routes(projects: Projects, engine: Engine) -> list[BaseRoute]:
    """The routes of this file."""

    async def instant(request: Request) -> Response:
        parameters = await Parameters.of(request)
        text = parameters.text("query")
        at_ms = parameters.time_ms("time", time.time_ns() // 1_000_000)
        lookback_ms = _lookback_ms(parameters)

        def evaluate(source: Source, check: Callable[[], None]) -> Result:
            return engine.instant(text, source, at_ms, lookback_ms=lookback_ms, check=check)

        return await _answer(request, parameters, projects.of(request), evaluate)

    async def ranged(request: Request) -> Response:
        parameters = await Parameters.of(request)
        text, grid = parameters.text("query"), _grid(parameters)
        lookback_ms = _lookback_ms(parameters)

        def evaluate(source: Source, check: Callable[[], None]) -> Result:
            return engine.range(text, source, grid, lookback_ms=lookback_ms, check=check)

        return await _answer(request, parameters, projects.of(request), evaluate)

    async def formatted(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        text = parameters.text("query")
        return success(await project.run(request, lambda: pretty(_parsed(engine, text))))

    async def parsed(request: Request) -> Response:
        parameters = await Parameters.of(request)
        project = projects.of(request)
        text = parameters.text("query")
        return success(await project.run(request, lambda: tree(_parsed(engine, text))))

    return [
        Route("/api/v1/query", answering(instant), methods=_GET_AND_POST),
        Route("/api/v1/query_range", answering(ranged), methods=_GET_AND_POST),
        Route("/api/v1/format_query", answering(formatted), methods=_GET_AND_POST),
        Route("/api/v1/parse_query", answering(parsed), methods=_GET_AND_POST),
    ]


def _parsed(engine: Engine, text: str) -> Expression:
    try:
        return engine.parse(text)
    except ParseError as error:
        raise BadData(f'invalid parameter "query": {error}') from None


async def _answer(
    request: Request, parameters: Parameters, project: Project, evaluate: Evaluate
) -> Response:
    """Evaluate in a thread, and answer in pieces; stop the work when the client goes away."""
    timeout_s = parameters.duration_ms("timeout", round(MAX_TIMEOUT_S * 1000)) / 1000
    limit = parameters.limit()
    stop = Stop(min(timeout_s, MAX_TIMEOUT_S))
    try:
        result = await project.run(request, lambda: evaluate(project.source(), stop.check))
    except (ParseError, QueryTypeError) as error:
        raise BadData(f'invalid parameter "query": {error}') from None
    finally:
        stop.cancel()  # whatever ends the waiting ends the work
    text = parameters.text("query")
    warnings = result.annotations.warnings(text, _MAX_ANNOTATIONS)
    value, cut = _limited(result.value, limit)
    if cut:
        warnings.append("results truncated due to limit")
    return streamed(
        _data(result.type, value, result.grid),
        warnings=warnings,
        infos=result.annotations.infos(text, _MAX_ANNOTATIONS),
    )


def _data(type_: ValueType, value: Any, grid: Grid) -> Iterator[bytes]:
    """`data` of an answer."""
    yield f'{{"resultType":"{type_.value}","result":'.encode()
    match type_, value:
        case ValueType.VECTOR, _:
            yield from encode_vector(value, grid.start_ms)
        case ValueType.SCALAR, _:
            yield encode_scalar(float(value[0]), grid.start_ms)
        case ValueType.STRING, _:
            yield encode_string(value, grid.start_ms)
        case _, Samples():
            yield from encode_samples(value)
        case _:
            yield from encode_matrix(value, grid)
    yield b"}"


def _limited(value: Any, limit: int) -> tuple[Any, bool]:
    """No more than `limit` (0: all) series of a value, and whether it had more."""
    if not limit or not isinstance(value, SeriesMatrix | Samples) or len(value.labels) <= limit:
        return value, False
    if isinstance(value, Samples):
        end = int(value.offsets[limit])
        histograms = None if value.histograms is None else value.histograms[:end]
        return Samples(
            value.labels[:limit],
            value.offsets[: limit + 1],
            value.timestamps_ms[:end],
            value.values[:end],
            histograms,
        ), True
    return SeriesMatrix(
        value.labels[:limit],
        value.values[:limit],
        value.present[:limit],
        None if value.histograms is None else value.histograms[:limit],
        value.drop_name[:limit],
    ), True


def _grid(parameters: Parameters) -> Grid:
    start_ms, end_ms = parameters.time_ms("start"), parameters.time_ms("end")
    if end_ms < start_ms:
        raise BadData('invalid parameter "end": end timestamp must not be before start time')
    step_ms = parameters.duration_ms("step")
    if step_ms <= 0:
        raise BadData(
            'invalid parameter "step": zero or negative query resolution step widths are not'
            " accepted. Try a positive integer"
        )
    if (end_ms - start_ms) // step_ms > _MAX_STEPS:
        raise BadData(
            "exceeded maximum resolution of 11,000 points per timeseries."
            " Try decreasing the query resolution (?step=XX)"
        )
    return Grid(start_ms, end_ms, step_ms)


def _lookback_ms(parameters: Parameters) -> int | None:
    """None for the default, which upstream takes for what is not more than 0 as well."""
    text = parameters.text("lookback_delta")
    try:
        lookback_ms = parse_duration_ms(text) if text else 0
    except ValueError as error:
        raise BadData(f"error parsing lookback delta duration: {error}") from None
    return lookback_ms if lookback_ms > 0 else None
