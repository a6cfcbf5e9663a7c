"""A run told as telemetry: one trace over four services, by the GenAI conventions."""

from collections.abc import Mapping

from opentelemetry.trace import Link, SpanKind

from belvedere.cli.demo.delivery import Delivery
from belvedere.cli.demo.plan import AGENTS, HOP_MS, OVERHEAD_MS, Run, ToolCall, Turn
from belvedere.cli.demo.service import Attributes, Clock, Service, fail


class RateLimitError(Exception):
    """The model's provider is busy."""


class ToolError(Exception):
    """A tool gave no result."""


class MaxTurnsExceeded(Exception):  # noqa: N818 - the name that agent frameworks give it
    """An agent took too many turns."""


class Story:
    """The services that the runs happen in."""

    def __init__(self, delivery: Delivery) -> None:
        self.gateway = Service("api-gateway", "gateway-1", delivery)
        self.runtime = Service("agent-runtime", "runtime-1", delivery)
        self.tools = Service("tool-server", "tools-1", delivery)
        self.worker = Service("worker", "worker-1", delivery)
        self._services = (self.gateway, self.runtime, self.tools, self.worker)
        self._make_instruments()

    def flush(self) -> None:
        """Send what the services hold."""
        for service in self._services:
            service.flush()

    def close(self) -> None:
        """Send what the services hold, and stop them."""
        for service in self._services:
            service.close()

    def tell(self, run: Run, end_ns: int) -> str:
        """Emit the telemetry of a run that ends at `end_ns`. Returns its trace id."""
        clock = Clock(end_ns - run.duration_ms * 10**6)
        began_ns = clock.now_ns
        route = {"http.request.method": "POST", "http.route": "/v1/agents/{id}/chat"}
        with self.gateway.span(
            clock, "POST /v1/agents/{id}/chat", {**route, "url.scheme": "https"}, SpanKind.SERVER
        ) as span:
            self.gateway.log(clock, "INFO", "chat request accepted", {"agent.id": run.agent})
            clock.advance_ms(OVERHEAD_MS / 2)
            answered = self._invoke_agent(run, clock)
            clock.advance_ms(OVERHEAD_MS / 2)
            status = 200 if answered else 500
            span.set_attribute("http.response.status_code", status)
            if not answered:
                self.gateway.log(clock, "ERROR", "chat request failed", {"agent.id": run.agent})
                fail(span, clock, MaxTurnsExceeded("no answer"), "the agent gave no answer")
        labels: Attributes = {"method": "POST", "path": "/v1/agents/{id}/chat", "status": status}
        self._requests.add(1, labels)
        self._request_duration.record((clock.now_ns - began_ns) / 1e9, labels)
        return f"{span.get_span_context().trace_id:032x}"

    def _invoke_agent(self, run: Run, clock: Clock) -> bool:
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": run.provider,
            "gen_ai.request.model": run.model,
            "gen_ai.agent.name": run.agent,
            "gen_ai.agent.id": f"agent_{run.agent}",
            "gen_ai.conversation.id": run.conversation,
        }
        with self.runtime.span(clock, f"invoke_agent {run.agent}", attributes) as span:
            self.runtime.log(clock, "INFO", f"question: {run.question}", {"agent.id": run.agent})
            for turn in run.turns:
                self._chat(run, turn, clock)
                if turn.tool:
                    self._execute_tool(turn.tool, clock)
            used = {
                "gen_ai.usage.input_tokens": sum(turn.input_tokens for turn in run.turns),
                "gen_ai.usage.output_tokens": sum(turn.output_tokens for turn in run.turns),
            }
            span.set_attributes(used)
            if run.fails:
                error = MaxTurnsExceeded(f"no answer after {len(run.turns)} turns")
                fail(span, clock, error, str(error))
                self.runtime.log(clock, "ERROR", f"run failed: {error}", used)
                return False
            self.runtime.log(clock, "INFO", "run finished", {"turns": len(run.turns), **used})
            return True

    def _chat(self, run: Run, turn: Turn, clock: Clock) -> None:
        attributes: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": run.provider,
            "gen_ai.request.model": run.model,
            "gen_ai.request.max_tokens": 1024,
            "gen_ai.conversation.id": run.conversation,
            "server.address": f"api.{run.provider}.example",
        }
        labels = {"model": run.model, "provider": run.provider, "agent_id": run.agent}
        if turn.retry_after_ms:
            with self.runtime.span(clock, f"chat {run.model}", attributes, SpanKind.CLIENT) as span:
                clock.advance_ms(40)
                fail(span, clock, RateLimitError("429: too many requests"), "429 Too Many Requests")
                self.runtime.log(
                    clock,
                    "WARN",
                    f"model is busy, trying again in {turn.retry_after_ms} ms",
                    {"attempt": 1, "model": run.model},
                )
            self._llm_calls.add(1, {**labels, "status": "error"})
            clock.advance_ms(turn.retry_after_ms)
        with self.runtime.span(clock, f"chat {run.model}", attributes, SpanKind.CLIENT) as span:
            clock.advance_ms(turn.chat_ms)
            span.set_attributes(
                {
                    "gen_ai.response.model": run.model,
                    "gen_ai.response.finish_reasons": ["tool_calls" if turn.tool else "stop"],
                    "gen_ai.usage.input_tokens": turn.input_tokens,
                    "gen_ai.usage.output_tokens": turn.output_tokens,
                }
            )
            # Recorded in the span, so that the histograms have exemplars.
            self._llm_duration.record(turn.chat_ms / 1000, labels)
        self._llm_calls.add(1, {**labels, "status": "ok"})
        self._record_tokens(run, turn, labels)

    def _record_tokens(self, run: Run, turn: Turn, labels: Mapping[str, str]) -> None:
        self._input_tokens.add(turn.input_tokens, labels)
        self._output_tokens.add(turn.output_tokens, labels)
        conventional = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": run.provider,
            "gen_ai.request.model": run.model,
        }
        self._client_duration.record(turn.chat_ms / 1000, conventional)
        for kind, tokens in (("input", turn.input_tokens), ("output", turn.output_tokens)):
            self._client_tokens.record(tokens, {**conventional, "gen_ai.token.type": kind})

    def _execute_tool(self, call: ToolCall, clock: Clock) -> None:
        call_id = f"call_{clock.now_ns % 16**8:08x}"
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id,
        }
        with self.runtime.span(clock, f"execute_tool {call.tool}", attributes) as span:
            clock.advance_ms(HOP_MS)
            done = self._serve_tool(call, clock)
            clock.advance_ms(HOP_MS)
            if not done:
                error = ToolError(f"{call.tool} gave no result")
                fail(span, clock, error, str(error))
                self.runtime.log(
                    clock, "WARN", f"{call.tool} failed, the model is told", {"call_id": call_id}
                )

    def _serve_tool(self, call: ToolCall, clock: Clock) -> bool:
        mcp = {
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": call.tool,
            "rpc.system": "jsonrpc",
        }
        with self.tools.span(clock, f"tools/call {call.tool}", mcp, SpanKind.SERVER) as span:
            clock.advance_ms(HOP_MS)
            if call.tool == "run_code":
                self._run_code(call, clock)
            elif call.tool == "query_orders":
                self._query_orders(call, clock)
            else:
                self._search(call, clock)
            clock.advance_ms(HOP_MS)
            if call.fails:
                error = TimeoutError(f"{call.tool} took longer than {call.duration_ms} ms")
                fail(span, clock, error, str(error))
                self.tools.log(clock, "ERROR", str(error), {"tool": call.tool})
            else:
                self.tools.log(
                    clock, "DEBUG", f"{call.tool} done", {"duration_ms": call.duration_ms}
                )
            return not call.fails

    def _query_orders(self, call: ToolCall, clock: Clock) -> None:
        query = {
            "db.system.name": "postgresql",
            "db.namespace": "shop",
            "db.query.text": "SELECT id, status, total FROM orders WHERE customer_id = $1",
        }
        with self.tools.span(clock, "SELECT orders", query, SpanKind.CLIENT):
            clock.advance_ms(call.duration_ms)

    def _search(self, call: ToolCall, clock: Clock) -> None:
        request = {
            "http.request.method": "GET",
            "url.full": "https://search.example/?q=otlp",
            "server.address": "search.example",
        }
        with self.tools.span(clock, "GET", request, SpanKind.CLIENT) as span:
            clock.advance_ms(call.duration_ms)
            span.set_attribute("http.response.status_code", 504 if call.fails else 200)

    def _run_code(self, call: ToolCall, clock: Clock) -> None:
        queue = {"messaging.system": "nats", "messaging.destination.name": "jobs"}
        with self.tools.span(clock, "send jobs", queue, SpanKind.PRODUCER) as sent:
            link = Link(sent.get_span_context(), {"messaging.operation.type": "process"})
            with self.worker.span(clock, "process jobs", queue, SpanKind.CONSUMER, (link,)):
                self.worker.log(clock, "INFO", "job started", {"sandbox": "python-3.11"})
                clock.advance_ms(call.duration_ms)
                level, body = ("ERROR", "job killed") if call.fails else ("INFO", "job finished")
                self.worker.log(clock, level, body, {"duration_ms": call.duration_ms})
        self._jobs.add(1, {"status": "error" if call.fails else "ok"})

    def _make_instruments(self) -> None:
        gateway, runtime, worker = self.gateway.meter, self.runtime.meter, self.worker.meter
        self._requests = gateway.create_counter(
            "http_requests_total", "{request}", "Total HTTP requests"
        )
        self._request_duration = gateway.create_histogram(
            "http_request_duration_seconds",
            "s",
            "HTTP request duration",
            explicit_bucket_boundaries_advisory=[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        )
        self._llm_calls = runtime.create_counter("llm_calls_total", "{call}", "Total LLM API calls")
        self._llm_duration = runtime.create_histogram(
            "llm_call_duration_seconds",
            "s",
            "LLM API call duration",
            explicit_bucket_boundaries_advisory=[0.1, 0.5, 1, 2, 5, 10, 30, 60],
        )
        self._input_tokens = runtime.create_counter(
            "llm_tokens_input_total", "{token}", "Tokens sent to models"
        )
        self._output_tokens = runtime.create_counter(
            "llm_tokens_output_total", "{token}", "Tokens received from models"
        )
        self._client_duration = runtime.create_histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration"
        )
        self._client_tokens = runtime.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens used by a GenAI operation"
        )
        self._jobs = worker.create_counter("jobs_processed_total", "{job}", "Jobs processed")
        active = runtime.create_up_down_counter("agents_active", "{agent}", "Agents deployed")
        for agent in AGENTS:
            active.add(1, {"agent_id": agent})
