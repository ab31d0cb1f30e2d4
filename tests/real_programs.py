# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "litellm[proxy]==1.108.7",
#   "openai==3.57.0",
#   "opentelemetry-exporter-otlp-proto-common==1.45.2",
#   "opentelemetry-instrumentation-genai-openai==1.3b0",
#   "opentelemetry-processor-baggage==0.66b1",
#   "opentelemetry-sdk==1.45.2",
# ]
# ///
"""Calls by others' programs: OpenAI's client under OpenTelemetry, LiteLLM's proxy, and a model that is none.

    uv run --script tests/real_programs.py CALLS.json FOLDER

CALLS.json holds calls as `tests.own_logs` plans them. FOLDER gets what the programs logged of them: litellm.jsonl,
the rows that the proxy makes for LiteLLM_SpendLogs, and otel.binpb, the client's spans (OTLP, each export behind
its length). Two weeks can't be waited for: the times of each call are moved to its plan, and nothing else is.

All listen on 127.0.0.1 alone. An environment of its own, because LiteLLM's requirements exclude ours. The proxy's
database needs engines that no registry has, so its rows are taken where it would insert them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
from aiohttp import web
from opentelemetry import baggage, context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

AT_ONCE, PATIENCE, EXPORT = 8, 180.0, 500  # calls; seconds that anything may take to happen; spans
CAPTURE = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}
CONFIG = """
model_list:
  - {{model_name: "*", litellm_params: {{model: "openai/*", api_base: "{model}", api_key: none}}}}
litellm_settings: {{callbacks: [hooks.rows], num_retries: 0, telemetry: false}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
general_settings: {{custom_auth: hooks.allow, store_prompts_in_spend_logs: true, use_x_forwarded_for: true}}
"""
HOOKS = '''
"""Any key is good, and what the proxy would insert into its database goes to a file."""
import json
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.db.db_spend_update_writer import DBSpendUpdateWriter
from litellm.proxy.hooks.proxy_track_cost_callback import ProxyDBLogger

async def allow(request, api_key):
    return UserAPIKeyAuth(api_key=api_key)

async def keep(self, payload, prisma_client, llm_router=None):
    with open("rows.jsonl", "a") as file:
        file.write(json.dumps(payload, default=str) + "\\n")

DBSpendUpdateWriter._insert_spend_log_to_db = keep
rows = ProxyDBLogger()
'''
Planned = dict[str, Any]
"""A call of `tests.own_logs`."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def model(calls: Iterable[Planned]) -> AsyncIterator[str]:
    """A server that answers each prompt as planned; gives its address."""
    planned = {call["prompt"]: call for call in calls}

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        call = planned[body["messages"][-1]["content"]]
        if call["failed"]:
            said = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
            return web.json_response({"error": said}, status=429)
        message = {"role": "assistant", "content": call["answer"]}
        usage = {"prompt_tokens": call["input_tokens"], "completion_tokens": call["output_tokens"]}
        return web.json_response(
            {
                "id": call["id"],
                "object": "chat.completion",
                "created": int(time.time()),
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage | {"total_tokens": sum(usage.values())},
            }
        )

    application = web.Application()
    application.router.add_post("/v1/chat/completions", answer)
    runner, port = web.AppRunner(application), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def proxy(folder: Path, model_url: str) -> AsyncIterator[str]:
    """LiteLLM's proxy before a model, once it listens; gives its address."""
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG.format(model=model_url))
    (folder / "hooks.py").write_text(HOOKS)
    port = free_port()
    program = str(Path(sys.executable).with_name("litellm"))
    command = [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": "sk-" + secrets.token_hex(32)}
    own |= {"PYTHONPATH": ".", "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | own, stdout=log, stderr=log)
        try:
            end = time.monotonic() + PATIENCE
            while not await _listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"LiteLLM's proxy does not listen: {(folder / 'log').read_text()[-2000:]}")
                await asyncio.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait()


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def send(calls: Iterable[Planned], url: str) -> None:
    """Send every call as its account's program does; whose it is goes with it as baggage."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def one(call: Planned) -> None:
            async with gate:
                said = {"user.id": call["user"], "client.address": call["address"], "plan": call["id"]}
                said |= {"user_agent.original": call["sdk"], "gen_ai.conversation.id": call["session"]}
                here = context.get_current()
                for key, value in said.items():
                    here = baggage.set_baggage(key, value, here) if value else here
                context.attach(here)  # of this task alone
                headers = {"user-agent": call["sdk"], "x-forwarded-for": call["address"]}
                headers |= {"x-litellm-session-id": call["session"]} if call["session"] else {}
                asked = {} if call["temperature"] is None else {"temperature": call["temperature"]}
                system = [{"role": "system", "content": call["system"]}] if call["system"] else []
                with contextlib.suppress(openai.RateLimitError):
                    await client.with_options(api_key=call["key"]).chat.completions.create(
                        model=call["model"],
                        messages=[*system, {"role": "user", "content": call["prompt"]}],
                        max_tokens=call["max_tokens"],
                        extra_headers=headers,
                        **asked,
                    )

        await asyncio.gather(*(one(call) for call in calls))


def moved_rows(lines: Iterable[str], calls: Iterable[Planned]) -> list[dict[str, Any]]:
    """Rows of the proxy at the times of their plan."""
    planned, rows = {call["prompt"]: call for call in calls}, [json.loads(line) for line in lines]
    for row in rows:
        call = planned[json.loads(row["proxy_server_request"])["messages"][-1]["content"]]
        end = call["ts"] + call["latency_ms"]
        for name, ms in (("startTime", call["ts"]), ("endTime", end), ("completionStartTime", end)):
            row[name] = datetime.fromtimestamp(ms / 1000, UTC).isoformat()
        row["request_duration_ms"] = call["latency_ms"]
    return rows


def moved_spans(kept: InMemorySpanExporter, calls: Iterable[Planned]) -> bytes:
    """Spans of the client at the times of their plan, as OTLP."""
    planned, spans, exports = {call["id"]: call for call in calls}, kept.get_finished_spans(), []
    for first in range(0, len(spans), EXPORT):
        message = encode_spans(spans[first : first + EXPORT])
        for scope in (scope for resource in message.resource_spans for scope in resource.scope_spans):
            for span in scope.spans:
                plan = next(a for a in span.attributes if a.key == "plan")
                call = planned[plan.value.string_value]
                span.attributes.remove(plan)
                span.start_time_unix_nano = call["ts"] * 1_000_000
                span.end_time_unix_nano = (call["ts"] + call["latency_ms"]) * 1_000_000
        body = message.SerializeToString()
        exports.append(len(body).to_bytes(4, "big") + body)
    return b"".join(exports)


async def main() -> None:
    calls, folder = json.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2])
    os.environ |= CAPTURE
    kept, tracer = InMemorySpanExporter(), TracerProvider()
    tracer.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
    tracer.add_span_processor(SimpleSpanProcessor(kept))
    OpenAIInstrumentor().instrument(tracer_provider=tracer)
    written = folder / "proxy" / "rows.jsonl"
    async with model(calls) as model_url, proxy(written.parent, model_url) as url:
        await send(calls, url)
        end = time.monotonic() + PATIENCE
        while len(lines := written.read_text("utf-8").splitlines()) < len(calls) and time.monotonic() < end:
            await asyncio.sleep(0.2)  # rows are written behind the answers
    if len(lines) < len(calls):
        raise SystemExit(f"LiteLLM's proxy wrote {len(lines)} rows of {len(calls)} calls in {PATIENCE:.0f} s")
    rows = moved_rows(lines, calls)
    (folder / "litellm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "otel.binpb").write_bytes(moved_spans(kept, calls))


if __name__ == "__main__":
    asyncio.run(main())
