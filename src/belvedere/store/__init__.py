"""Stage 4, keep: `Batch`es become rows of ClickHouse tables, embedded or on a cluster."""
