CREATE MATERIALIZED VIEW IF NOT EXISTS {table} {cluster} TO {target} AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM {source}
WHERE TraceId != ''
GROUP BY TraceId
