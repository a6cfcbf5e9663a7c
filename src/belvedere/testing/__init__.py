"""A model provider of your own, for tests and demonstrations: no network, no key, no cost.

    from openai import OpenAI
    from belvedere.testing import Call, ModelServer, Scenario

    script = [Scenario("weather", turns=((Call("get_weather", {"city": "Riga"}),),))]
    with ModelServer(script, speed=math.inf) as server:
        client = OpenAI(base_url=server.url, api_key="any")
        ...
        spent = sum(usage.input_tokens for usage in server.usages)

It speaks OpenAI's chat completions, Responses API and embeddings, and Anthropic's Messages API
(`Anthropic(base_url=server.anthropic_url, api_key="any")`): whole and streamed, tool calls, usage
with cached and reasoning tokens, errors, and the delays of a real model. One script serves them
all. The same requests get the same answers, by `seed`.

policy.py            what a policy is asked, and what it answers
script.py            the policy that follows a script
tokens.py            texts cut into tokens, and counted
answer.py            a reply, before it has the form of an API
pace.py              how long a model takes
chat_completions.py  OpenAI's APIs
responses.py
embeddings.py
messages.py          Anthropic's API
model_app.py         the APIs as an ASGI application
model_server.py      the application on a port

Needs starlette and uvicorn, which `belvedere[server]` brings.
"""

from belvedere.testing.model_app import MODELS, model_app
from belvedere.testing.model_server import ModelServer
from belvedere.testing.policy import Call, ChatRequest, Fault, Policy, Reply, Usage
from belvedere.testing.script import Scenario, Script

__all__ = [
    "MODELS",
    "Call",
    "ChatRequest",
    "Fault",
    "ModelServer",
    "Policy",
    "Reply",
    "Scenario",
    "Script",
    "Usage",
    "model_app",
]
