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
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

-- The door: columns are the fields of the messages of otlp.proto, as in 0001_traces.sql.
CREATE TABLE IF NOT EXISTS otlp_logs (
    `resource_logs.resource.attributes` Array({Attributes}),
    `resource_logs.schema_url` Array(String),
    `resource_logs.scope_logs.scope.name` Array(Array(String)),
    `resource_logs.scope_logs.scope.version` Array(Array(String)),
    `resource_logs.scope_logs.scope.attributes` Array(Array({Attributes})),
    `resource_logs.scope_logs.schema_url` Array(Array(String)),
    `resource_logs.scope_logs.log_records.time_unix_nano` Array(Array(Array(UInt64))),
    `resource_logs.scope_logs.log_records.severity_number` Array(Array(Array(Int32))),
    `resource_logs.scope_logs.log_records.severity_text` Array(Array(Array(String))),
    `resource_logs.scope_logs.log_records.body` Array(Array(Array({AnyValue}))),
    `resource_logs.scope_logs.log_records.attributes` Array(Array(Array({Attributes}))),
    `resource_logs.scope_logs.log_records.dropped_attributes_count` Array(Array(Array(UInt32))),
    `resource_logs.scope_logs.log_records.flags` Array(Array(Array(UInt32))),
    `resource_logs.scope_logs.log_records.trace_id` Array(Array(Array(String))),
    `resource_logs.scope_logs.log_records.span_id` Array(Array(Array(String))),
    `resource_logs.scope_logs.log_records.observed_time_unix_nano` Array(Array(Array(UInt64))),
    `resource_logs.scope_logs.log_records.event_name` Array(Array(Array(String)))
) ENGINE = Null;

-- A record without a time of its own has the time it was observed, as in the official exporter.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_mv TO otel_logs AS
SELECT
    otlpTime(if(time_unix_nano = 0, observed_time_unix_nano, time_unix_nano)) AS Timestamp,
    toDateTime(Timestamp) AS TimestampTime,
    otlpHex(trace_id) AS TraceId,
    otlpHex(span_id) AS SpanId,
    toUInt8(bitAnd(flags, 255)) AS TraceFlags,
    severity_text AS SeverityText,
    toUInt8(greatest(0, least(255, severity_number))) AS SeverityNumber,
    resource_attributes['service.name'] AS ServiceName,
    otlpText(body) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    otlpMap(attributes) AS LogAttributes,
    event_name AS EventName,
    otlpTime(observed_time_unix_nano) AS ObservedTimestamp,
    dropped_attributes_count AS DroppedAttributesCount
FROM (
    SELECT
        resource_attributes, resource_schema_url,
        scope_name, scope_version, otlpMap(scope_attribute_list) AS scope_attributes,
        scope_schema_url,
        s_time_unix_nano, s_severity_number, s_severity_text, s_body, s_attributes,
        s_dropped_attributes_count, s_flags, s_trace_id, s_span_id, s_observed_time_unix_nano,
        s_event_name
    FROM (
        SELECT
            otlpMap(resource_attribute_list) AS resource_attributes, resource_schema_url,
            r_scope_name, r_scope_version, r_scope_attributes, r_scope_schema_url,
            r_time_unix_nano, r_severity_number, r_severity_text, r_body, r_attributes,
            r_dropped_attributes_count, r_flags, r_trace_id, r_span_id, r_observed_time_unix_nano,
            r_event_name
        FROM otlp_logs
        ARRAY JOIN
            `resource_logs.resource.attributes` AS resource_attribute_list,
            `resource_logs.schema_url` AS resource_schema_url,
            `resource_logs.scope_logs.scope.name` AS r_scope_name,
            `resource_logs.scope_logs.scope.version` AS r_scope_version,
            `resource_logs.scope_logs.scope.attributes` AS r_scope_attributes,
            `resource_logs.scope_logs.schema_url` AS r_scope_schema_url,
            `resource_logs.scope_logs.log_records.time_unix_nano` AS r_time_unix_nano,
            `resource_logs.scope_logs.log_records.severity_number` AS r_severity_number,
            `resource_logs.scope_logs.log_records.severity_text` AS r_severity_text,
            `resource_logs.scope_logs.log_records.body` AS r_body,
            `resource_logs.scope_logs.log_records.attributes` AS r_attributes,
            `resource_logs.scope_logs.log_records.dropped_attributes_count` AS r_dropped_attributes_count,
            `resource_logs.scope_logs.log_records.flags` AS r_flags,
            `resource_logs.scope_logs.log_records.trace_id` AS r_trace_id,
            `resource_logs.scope_logs.log_records.span_id` AS r_span_id,
            `resource_logs.scope_logs.log_records.observed_time_unix_nano` AS r_observed_time_unix_nano,
            `resource_logs.scope_logs.log_records.event_name` AS r_event_name
    )
    ARRAY JOIN
        r_scope_name AS scope_name, r_scope_version AS scope_version,
        r_scope_attributes AS scope_attribute_list, r_scope_schema_url AS scope_schema_url,
        r_time_unix_nano AS s_time_unix_nano, r_severity_number AS s_severity_number,
        r_severity_text AS s_severity_text, r_body AS s_body, r_attributes AS s_attributes,
        r_dropped_attributes_count AS s_dropped_attributes_count, r_flags AS s_flags,
        r_trace_id AS s_trace_id, r_span_id AS s_span_id,
        r_observed_time_unix_nano AS s_observed_time_unix_nano, r_event_name AS s_event_name
)
ARRAY JOIN
    s_time_unix_nano AS time_unix_nano, s_severity_number AS severity_number,
    s_severity_text AS severity_text, s_body AS body, s_attributes AS attributes,
    s_dropped_attributes_count AS dropped_attributes_count, s_flags AS flags,
    s_trace_id AS trace_id, s_span_id AS span_id,
    s_observed_time_unix_nano AS observed_time_unix_nano, s_event_name AS event_name;
