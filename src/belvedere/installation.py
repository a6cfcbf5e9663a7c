"""The extras of Belvedere, and how to install one: from where this installation came."""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final
from urllib.parse import unquote, urlsplit

_NAME: Final = "belvedere"


def install_command(extra: str) -> str:
    """Return the command that adds an extra to this installation.

    Belvedere need not be on an index: pip records where a distribution came from (PEP 610), such
    as a checkout, a wheel or a repository, and the command names the same place.
    """
    origin = _origin()
    requirement = f"{_NAME}[{extra}]"
    if not origin:
        return f"pip install {shlex.quote(requirement)}"
    url = origin["url"]
    if origin.get("dir_info", {}).get("editable"):
        path = unquote(urlsplit(url).path)
        return f"pip install -e {shlex.quote(f'{path}[{extra}]')}"
    vcs = origin.get("vcs_info", {})
    if vcs:
        revision = vcs.get("requested_revision")
        url = f"{vcs['vcs']}+{url}" + (f"@{revision}" if revision else "")
    return f"pip install {shlex.quote(f'{requirement} @ {url}')}"


def is_extra(name: str) -> bool:
    """Return whether Belvedere has an extra of this name."""
    try:
        extras = distribution(_NAME).metadata.get_all("Provides-Extra")
    except PackageNotFoundError:
        return False
    return name in (extras or ())


def _origin() -> Mapping[str, Any]:
    """Return the record of where the distribution came from; empty if from an index."""
    try:
        text = distribution(_NAME).read_text("direct_url.json")
        found = json.loads(text) if text else {}
    except (PackageNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("url"), str) else {}
