"""What tells this Collector from others, as long as it runs."""

import uuid
from typing import Final

INSTANCE_ID: Final = str(uuid.uuid4())
"""`service.instance.id` of own telemetry, unless it is configured; `collector.instance.id` of what
connectors make."""
