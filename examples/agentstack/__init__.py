"""AgentStack: a small platform for AI agents, instrumented with Belvedere.

In the order of a chat:

gateway.py        the API that users call
control_plane.py  the agents, their deployment, what was said (tables.py)
runtime.py        runs agents: agent_loop.py asks the model (model_client.py), toolbox.py has tools
tool_server.py    tools behind the Model Context Protocol
job_queue.py      the queue, which traces cross
jobs.py           what is done by the worker (worker.py)

model.py          the model provider, by scenarios.py
load.py           users
processes.py      all of them together
"""
