"""Stage 3, move: `Batch`es from receivers through processors to exporters."""
