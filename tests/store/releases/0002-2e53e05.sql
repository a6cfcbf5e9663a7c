CREATE FUNCTION IF NOT EXISTS otlpText AS (v) -> coalesce(
    tupleElement(v, 'string_value'),
    toString(tupleElement(v, 'int_value')),
    if(isNull(tupleElement(v, 'bool_value')), NULL, if(tupleElement(v, 'bool_value'), 'true', 'false')),
    toString(tupleElement(v, 'double_value')),
    base64Encode(tupleElement(v, 'bytes_value')),
    '')
;
CREATE FUNCTION IF NOT EXISTS otlpMap AS (attributes) -> CAST(
    mapFromArrays(
        tupleElement(attributes, 'key'),
        arrayMap(v -> otlpText(v), tupleElement(attributes, 'value'))),
    'Map(LowCardinality(String), String)')
;
CREATE FUNCTION IF NOT EXISTS otlpTime AS (unix_nano) ->
    fromUnixTimestamp64Nano(toInt64(least(unix_nano, 9223372036854775807)))
;
CREATE FUNCTION IF NOT EXISTS otlpHex AS (id) -> lower(hex(id))
;
CREATE TABLE IF NOT EXISTS otel_traces (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    SpanFlags UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    DroppedAttributesCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    DroppedEventsCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    DroppedLinksCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT TraceId, min(toDateTime(Timestamp)) AS Start, max(toDateTime(Timestamp)) AS End
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId
;
CREATE TABLE IF NOT EXISTS otlp_traces (
    resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
            spans Array(Tuple(
                trace_id String, span_id String, trace_state String, parent_span_id String,
                name String, kind Int32, start_time_unix_nano UInt64, end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))),
                dropped_attributes_count UInt32,
                events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))))),
                dropped_events_count UInt32,
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))))),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32),
                flags UInt32)),
            schema_url String)),
        schema_url String))
) ENGINE = Null
;
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_mv TO otel_traces AS
SELECT
    otlpTime(span.start_time_unix_nano) AS Timestamp,
    otlpHex(span.trace_id) AS TraceId,
    otlpHex(span.span_id) AS SpanId,
    otlpHex(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [1, 2, 3, 4, 5],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    otlpMap(span.attributes) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano,
        span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(e -> otlpTime(e.time_unix_nano), span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(e -> otlpMap(e.attributes), span.events) AS `Events.Attributes`,
    arrayMap(l -> otlpHex(l.trace_id), span.links) AS `Links.TraceId`,
    arrayMap(l -> otlpHex(l.span_id), span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(l -> otlpMap(l.attributes), span.links) AS `Links.Attributes`,
    span.flags AS SpanFlags,
    scope_attributes AS ScopeAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_schema_url AS ScopeSchemaUrl,
    span.dropped_attributes_count AS DroppedAttributesCount,
    span.dropped_events_count AS DroppedEventsCount,
    span.dropped_links_count AS DroppedLinksCount
FROM (
    SELECT
        resource_attributes, resource_schema_url,
        s.scope.name AS scope_name, s.scope.version AS scope_version,
        otlpMap(s.scope.attributes) AS scope_attributes, s.schema_url AS scope_schema_url,
        s.spans AS spans
    FROM (
        SELECT
            otlpMap(r.resource.attributes) AS resource_attributes,
            r.schema_url AS resource_schema_url,
            r.scope_spans AS scope_spans
        FROM otlp_traces
        ARRAY JOIN resource_spans AS r
    )
    ARRAY JOIN scope_spans AS s
)
ARRAY JOIN spans AS span
;
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
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE TABLE IF NOT EXISTS otlp_logs (
    resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
            log_records Array(Tuple(
                time_unix_nano UInt64, severity_number Int32, severity_text String,
                body Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)),
                attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))),
                dropped_attributes_count UInt32, flags UInt32, trace_id String, span_id String,
                observed_time_unix_nano UInt64, event_name String)),
            schema_url String)),
        schema_url String))
) ENGINE = Null
;
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
ARRAY JOIN records AS record
;
INSERT INTO schema_migrations (version, name) VALUES (1, 'traces')
;
INSERT INTO schema_migrations (version, name) VALUES (2, 'logs')
;
INSERT INTO otel_logs (`Timestamp`, `TimestampTime`, `TraceId`, `SpanId`, `TraceFlags`, `SeverityText`, `SeverityNumber`, `ServiceName`, `Body`, `ResourceSchemaUrl`, `ResourceAttributes`, `ScopeSchemaUrl`, `ScopeName`, `ScopeVersion`, `ScopeAttributes`, `LogAttributes`, `EventName`, `ObservedTimestamp`, `DroppedAttributesCount`) VALUES ('2026-11-18 11:06:40.123000000', '2026-11-18 11:06:40', '000102030405060708090a0b0c0d0e0f', '0001020304050607', 0, 'INFO', 9, 'shop', 'an old record', '', {'service.name':'shop','service.instance.id':'i-1','host.name':'h'}, '', 'lib', '1.2', {}, {'http.route':'/old','retries':'2'}, '', '1970-01-01 00:00:00.000000000', 0)
;
INSERT INTO otel_traces (`Timestamp`, `TraceId`, `SpanId`, `ParentSpanId`, `TraceState`, `SpanName`, `SpanKind`, `ServiceName`, `ResourceAttributes`, `ScopeName`, `ScopeVersion`, `SpanAttributes`, `Duration`, `StatusCode`, `StatusMessage`, `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`, `SpanFlags`, `ScopeAttributes`, `ResourceSchemaUrl`, `ScopeSchemaUrl`, `DroppedAttributesCount`, `DroppedEventsCount`, `DroppedLinksCount`) VALUES ('2026-11-18 11:06:40.123000000', '000102030405060708090a0b0c0d0e0f', '0001020304050607', '', '', 'GET /old', 'Server', 'shop', {'service.name':'shop','service.instance.id':'i-1','host.name':'h'}, 'lib', '1.2', {'http.route':'/old','retries':'2'}, 5000000, 'Error', 'late', ['2026-11-18 11:06:40.123000001'], ['e'], [{'http.route':'/old','retries':'2'}], ['000102030405060708090a0b0c0d0e0f'], ['0001020304050607'], [''], [{'http.route':'/old','retries':'2'}], 0, {}, '', '', 0, 0, 0)
;
INSERT INTO otel_traces_trace_id_ts (`TraceId`, `Start`, `End`) VALUES ('000102030405060708090a0b0c0d0e0f', '2026-11-18 11:06:40', '2026-11-18 11:06:40')
;
