-- Logs: OTLP log records come in through otlp_logs, a view shapes them, otel_logs keeps them.

-- What the official Collector's ClickHouse exporter creates: same names, columns and types. The
-- columns after EventName are ours, with defaults. The text index on the body answers searches for
-- words without reading the bodies.
CREATE TABLE IF NOT EXISTS otel_logs (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimestampTime DateTime DEFAULT toDateTime(Timestamp),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    ObservedTimestamp DateTime64(9) DEFAULT Timestamp CODEC(Delta(8), ZSTD(1)),
    DroppedAttributesCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body Body TYPE text(tokenizer = 'splitByNonAlpha')
) ENGINE = MergeTree
PARTITION BY toDate(TimestampTime)
PRIMARY KEY (ServiceName, TimestampTime)
ORDER BY (ServiceName, TimestampTime, Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- The door: columns are the messages of otlp.proto, one row is one segment of the durable queue.
-- {AnyValue} and {Attributes} stand for the types of those messages (see migrate.py).
CREATE TABLE IF NOT EXISTS otlp_logs (
    resource_logs Array(Tuple(
        resource Tuple(attributes {Attributes}),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes {Attributes}),
            log_records Array(Tuple(
                time_unix_nano UInt64, severity_number Int32, severity_text String,
                body {AnyValue},
                attributes {Attributes},
                dropped_attributes_count UInt32, flags UInt32, trace_id String, span_id String,
                observed_time_unix_nano UInt64, event_name String)),
            schema_url String)),
        schema_url String))
) ENGINE = Null;

-- A record without a time of its own has the time it was observed, as in the official exporter.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_mv TO otel_logs AS
SELECT
    otlpTime(if(record.time_unix_nano = 0,
        record.observed_time_unix_nano, record.time_unix_nano)) AS Timestamp,
    toDateTime(Timestamp) AS TimestampTime,
    otlpHex(record.trace_id) AS TraceId,
    otlpHex(record.span_id) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(greatest(0, least(255, record.severity_number))) AS SeverityNumber,
    resource_attributes['service.name'] AS ServiceName,
    otlpText(record.body) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    otlpMap(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    otlpTime(record.observed_time_unix_nano) AS ObservedTimestamp,
    record.dropped_attributes_count AS DroppedAttributesCount
FROM (
    SELECT
        resource_attributes, resource_schema_url,
        s.scope.name AS scope_name, s.scope.version AS scope_version,
        otlpMap(s.scope.attributes) AS scope_attributes, s.schema_url AS scope_schema_url,
        s.log_records AS records
    FROM (
        SELECT
            otlpMap(r.resource.attributes) AS resource_attributes,
            r.schema_url AS resource_schema_url,
            r.scope_logs AS scope_logs
        FROM otlp_logs
        ARRAY JOIN resource_logs AS r
    )
    ARRAY JOIN scope_logs AS s
)
ARRAY JOIN records AS record;
