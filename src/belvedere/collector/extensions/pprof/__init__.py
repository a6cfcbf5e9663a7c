"""`pprof`: profiles of the process over HTTP, for whoever asks why it is busy or stuck."""

from belvedere.collector.extensions.pprof.extension import PprofExtension

__all__ = ["PprofExtension"]
