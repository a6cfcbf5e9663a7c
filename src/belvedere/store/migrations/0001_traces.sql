-- Traces: OTLP spans come in through otlp_traces, a view shapes them, otel_traces keeps them.
--
-- Functions belong to the server, not to a database, and are inlined where a view is made.

-- An attribute value as text, as the OpenTelemetry Collector's Value.AsString has it.
-- `v` is an AnyValue whose members are Nullable: NULL where the oneof holds another one.
CREATE FUNCTION IF NOT EXISTS otlpText AS (v) -> coalesce(
    tupleElement(v, 'string_value'),
    toString(tupleElement(v, 'int_value')),
    if(isNull(tupleElement(v, 'bool_value')), NULL, if(tupleElement(v, 'bool_value'), 'true', 'false')),
    toString(tupleElement(v, 'double_value')),
    base64Encode(tupleElement(v, 'bytes_value')),
    '');

-- Attributes as the Map type of the official tables.
CREATE FUNCTION IF NOT EXISTS otlpMap AS (attributes) -> CAST(
    mapFromArrays(
        tupleElement(attributes, 'key'),
        arrayMap(v -> otlpText(v), tupleElement(attributes, 'value'))),
    'Map(LowCardinality(String), String)');

-- Nanoseconds since 1970. Times past the year 2262 become the last that DateTime64(9) can hold.
CREATE FUNCTION IF NOT EXISTS otlpTime AS (unix_nano) ->
    fromUnixTimestamp64Nano(toInt64(least(unix_nano, 9223372036854775807)));

-- Trace and span ids as lower-case hex; an id that is not there is ''.
CREATE FUNCTION IF NOT EXISTS otlpHex AS (id) -> lower(hex(id));

-- What the official Collector's ClickHouse exporter creates: same names, columns and types. The
-- columns after Links are ours: what OTLP carries and the official table has no place for. They
-- have defaults, so the official exporter can write here too.
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
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- When a trace began and ended, so that a search for its id reads only the right days.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT TraceId, min(toDateTime(Timestamp)) AS Start, max(toDateTime(Timestamp)) AS End
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;

-- The door: columns are the messages of otlp.proto, one row is one segment of the durable queue.
-- {AnyValue} and {Attributes} stand for the types of those messages (see migrate.py).
CREATE TABLE IF NOT EXISTS otlp_traces (
    resource_spans Array(Tuple(
        resource Tuple(attributes {Attributes}),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes {Attributes}),
            spans Array(Tuple(
                trace_id String, span_id String, trace_state String, parent_span_id String,
                name String, kind Int32, start_time_unix_nano UInt64, end_time_unix_nano UInt64,
                attributes {Attributes},
                dropped_attributes_count UInt32,
                events Array(Tuple(time_unix_nano UInt64, name String, attributes {Attributes})),
                dropped_events_count UInt32,
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes {Attributes})),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32),
                flags UInt32)),
            schema_url String)),
        schema_url String))
) ENGINE = Null;

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
ARRAY JOIN spans AS span;
