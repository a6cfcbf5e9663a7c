"""Stage 2, speak: OTLP bytes or JSON come in, validated `Batch`es go out."""
