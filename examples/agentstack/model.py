"""The model provider: `belvedere.testing`'s, with the scenarios of the load.

It stands for somebody else's service, and so has no telemetry.
"""

from agentstack.scenarios import SCENARIOS
from agentstack.serve import serve
from agentstack.settings import settings
from belvedere.testing import Script, model_app


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    chosen = settings()
    seed = int(chosen.model_seed)
    app = model_app(Script(SCENARIOS, seed=seed), seed=seed, speed=float(chosen.model_speed))
    serve(app, chosen.model_url)
