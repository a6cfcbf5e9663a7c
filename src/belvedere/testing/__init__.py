"""A model provider of your own, for tests and demonstrations: no network, no key, no cost.

    from openai import OpenAI
    from belvedere.testing import Call, ModelServer, Scenario

    script = [Scenario("weather", turns=((Call("get_weather", {"city": "Riga"}),),))]
    with ModelServer(script, speed=math.inf) as server:
        client = OpenAI(base_url=server.url, api_key="any")

It speaks the chat completions of the OpenAI API (whole and streamed, tool calls, usage with cached
and reasoning tokens, errors) with the delays of a real model. The same requests get the same
answers, by `seed`.

policy.py        what a policy is asked, and what it answers
script.py        the policy that follows a script
tokens.py        texts cut into tokens
pace.py          how long a model takes
completion.py    the API's objects
model_app.py     the API
model_server.py  the API on a port

Needs starlette and uvicorn, which `belvedere[server]` brings.
"""

from belvedere.testing.model_app import MODELS, model_app
from belvedere.testing.model_server import ModelServer
from belvedere.testing.policy import Call, ChatRequest, Fault, Policy, Reply
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
    "model_app",
]
