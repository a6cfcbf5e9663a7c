"""Distributions for tests: a library and its instrumentor, as pip would install them."""

import textwrap
from pathlib import Path

INSTRUMENTOR = """
    import {library}
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor


    class Instrumentor(BaseInstrumentor):
        def instrumentation_dependencies(self):
            return ()

        def _instrument(self, **options):
            {body}

        def _uninstrument(self, **options):
            {library}.patched = False
    """


class Installed:
    """A folder on `sys.path`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def distribution(self, name: str, version: str, files: dict[str, str], **parts: str) -> None:
        """Install a distribution: its files, and further parts of its metadata."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(textwrap.dedent(text))
        metadata = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (metadata / "METADATA").write_text(head + parts.get("metadata", ""))
        (metadata / "RECORD").write_text("".join(f"{path},,\n" for path in files))
        for part in ("entry_points", "top_level"):
            if part in parts:
                (metadata / f"{part}.txt").write_text(parts[part])

    def library(self, name: str, version: str = "1.0", body: str = "patched = False\n") -> None:
        self.distribution(name, version, {f"{name}/__init__.py": body})

    def instrumentor(
        self, library: str, supports: str = ">=1", body: str = "", metadata: str | None = None
    ) -> None:
        """Install the instrumentor of `library`, which sets `patched` there."""
        module = f"instrumentor_of_{library}"
        text = INSTRUMENTOR.format(library=library, body=body or f"{library}.patched = True")
        if metadata is None:
            extra = '; extra == "instruments"'
            metadata = f"Provides-Extra: instruments\nRequires-Dist: {library}{supports}{extra}\n"
        self.distribution(
            f"opentelemetry-instrumentation-{library}",
            "0.1",
            {f"{module}.py": text},
            metadata=metadata,
            entry_points=f"[opentelemetry_instrumentor]\n{library} = {module}:Instrumentor\n",
        )
