-- Traces: OTLP spans come in through otlp_traces, a view shapes them, otel_traces keeps them.
--
-- The tables' settings beyond the official ones save the database a quarter of its CPU: new parts
-- are one file (`min_level_for_wide_part`) with strings written as one stream, and merges take ten
-- parts at a time. They need ClickHouse 26.2 or later, as the text index of the logs does.
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
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

-- When a trace began and ended, so that a search for its id reads only the right days.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT TraceId, min(toDateTime(Timestamp)) AS Start, max(toDateTime(Timestamp)) AS End
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;

-- The door: columns are the fields of the messages of otlp.proto, one row is one segment of the
-- durable queue. One level of Array for each message on the way that repeats. (One column that is
-- a Tuple of everything would read nicer, but takes several times as long to plan for each insert.)
-- {Attributes} stands for the type of a list of KeyValue (see migrate.py).
CREATE TABLE IF NOT EXISTS otlp_traces (
    `resource_spans.resource.attributes` Array({Attributes}),
    `resource_spans.schema_url` Array(String),
    `resource_spans.scope_spans.scope.name` Array(Array(String)),
    `resource_spans.scope_spans.scope.version` Array(Array(String)),
    `resource_spans.scope_spans.scope.attributes` Array(Array({Attributes})),
    `resource_spans.scope_spans.schema_url` Array(Array(String)),
    `resource_spans.scope_spans.spans.trace_id` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.span_id` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.trace_state` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.parent_span_id` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.name` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.kind` Array(Array(Array(Int32))),
    `resource_spans.scope_spans.spans.start_time_unix_nano` Array(Array(Array(UInt64))),
    `resource_spans.scope_spans.spans.end_time_unix_nano` Array(Array(Array(UInt64))),
    `resource_spans.scope_spans.spans.attributes` Array(Array(Array({Attributes}))),
    `resource_spans.scope_spans.spans.dropped_attributes_count` Array(Array(Array(UInt32))),
    `resource_spans.scope_spans.spans.events` Array(Array(Array(Array(Tuple(time_unix_nano UInt64, name String, attributes {Attributes}))))),
    `resource_spans.scope_spans.spans.dropped_events_count` Array(Array(Array(UInt32))),
    `resource_spans.scope_spans.spans.links` Array(Array(Array(Array(Tuple(
        trace_id String, span_id String, trace_state String, attributes {Attributes}))))),
    `resource_spans.scope_spans.spans.dropped_links_count` Array(Array(Array(UInt32))),
    `resource_spans.scope_spans.spans.status.message` Array(Array(Array(String))),
    `resource_spans.scope_spans.spans.status.code` Array(Array(Array(Int32))),
    `resource_spans.scope_spans.spans.flags` Array(Array(Array(UInt32)))
) ENGINE = Null;

-- Inside out: resources, their scopes, their spans.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_mv TO otel_traces AS
SELECT
    otlpTime(start_time_unix_nano) AS Timestamp,
    otlpHex(trace_id) AS TraceId,
    otlpHex(span_id) AS SpanId,
    otlpHex(parent_span_id) AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    transform(kind, [1, 2, 3, 4, 5],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource_attributes['service.name'] AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    otlpMap(attributes) AS SpanAttributes,
    if(end_time_unix_nano > start_time_unix_nano,
        end_time_unix_nano - start_time_unix_nano, 0) AS Duration,
    transform(status_code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    status_message AS StatusMessage,
    arrayMap(e -> otlpTime(tupleElement(e, 'time_unix_nano')), events) AS `Events.Timestamp`,
    tupleElement(events, 'name') AS `Events.Name`,
    arrayMap(e -> otlpMap(tupleElement(e, 'attributes')), events) AS `Events.Attributes`,
    arrayMap(id -> otlpHex(id), tupleElement(links, 'trace_id')) AS `Links.TraceId`,
    arrayMap(id -> otlpHex(id), tupleElement(links, 'span_id')) AS `Links.SpanId`,
    tupleElement(links, 'trace_state') AS `Links.TraceState`,
    arrayMap(l -> otlpMap(tupleElement(l, 'attributes')), links) AS `Links.Attributes`,
    flags AS SpanFlags,
    scope_attributes AS ScopeAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_schema_url AS ScopeSchemaUrl,
    dropped_attributes_count AS DroppedAttributesCount,
    dropped_events_count AS DroppedEventsCount,
    dropped_links_count AS DroppedLinksCount
FROM (
    SELECT
        resource_attributes, resource_schema_url,
        scope_name, scope_version, otlpMap(scope_attribute_list) AS scope_attributes,
        scope_schema_url,
        s_trace_id, s_span_id, s_trace_state, s_parent_span_id, s_name, s_kind,
        s_start_time_unix_nano, s_end_time_unix_nano, s_attributes, s_dropped_attributes_count,
        s_events, s_dropped_events_count, s_links, s_dropped_links_count, s_status_message,
        s_status_code, s_flags
    FROM (
        SELECT
            otlpMap(resource_attribute_list) AS resource_attributes, resource_schema_url,
            r_scope_name, r_scope_version, r_scope_attributes, r_scope_schema_url,
            r_trace_id, r_span_id, r_trace_state, r_parent_span_id, r_name, r_kind,
            r_start_time_unix_nano, r_end_time_unix_nano, r_attributes, r_dropped_attributes_count,
            r_events, r_dropped_events_count, r_links, r_dropped_links_count, r_status_message,
            r_status_code, r_flags
        FROM otlp_traces
        ARRAY JOIN
            `resource_spans.resource.attributes` AS resource_attribute_list,
            `resource_spans.schema_url` AS resource_schema_url,
            `resource_spans.scope_spans.scope.name` AS r_scope_name,
            `resource_spans.scope_spans.scope.version` AS r_scope_version,
            `resource_spans.scope_spans.scope.attributes` AS r_scope_attributes,
            `resource_spans.scope_spans.schema_url` AS r_scope_schema_url,
            `resource_spans.scope_spans.spans.trace_id` AS r_trace_id,
            `resource_spans.scope_spans.spans.span_id` AS r_span_id,
            `resource_spans.scope_spans.spans.trace_state` AS r_trace_state,
            `resource_spans.scope_spans.spans.parent_span_id` AS r_parent_span_id,
            `resource_spans.scope_spans.spans.name` AS r_name,
            `resource_spans.scope_spans.spans.kind` AS r_kind,
            `resource_spans.scope_spans.spans.start_time_unix_nano` AS r_start_time_unix_nano,
            `resource_spans.scope_spans.spans.end_time_unix_nano` AS r_end_time_unix_nano,
            `resource_spans.scope_spans.spans.attributes` AS r_attributes,
            `resource_spans.scope_spans.spans.dropped_attributes_count` AS r_dropped_attributes_count,
            `resource_spans.scope_spans.spans.events` AS r_events,
            `resource_spans.scope_spans.spans.dropped_events_count` AS r_dropped_events_count,
            `resource_spans.scope_spans.spans.links` AS r_links,
            `resource_spans.scope_spans.spans.dropped_links_count` AS r_dropped_links_count,
            `resource_spans.scope_spans.spans.status.message` AS r_status_message,
            `resource_spans.scope_spans.spans.status.code` AS r_status_code,
            `resource_spans.scope_spans.spans.flags` AS r_flags
    )
    ARRAY JOIN
        r_scope_name AS scope_name, r_scope_version AS scope_version,
        r_scope_attributes AS scope_attribute_list, r_scope_schema_url AS scope_schema_url,
        r_trace_id AS s_trace_id, r_span_id AS s_span_id, r_trace_state AS s_trace_state,
        r_parent_span_id AS s_parent_span_id, r_name AS s_name, r_kind AS s_kind,
        r_start_time_unix_nano AS s_start_time_unix_nano,
        r_end_time_unix_nano AS s_end_time_unix_nano, r_attributes AS s_attributes,
        r_dropped_attributes_count AS s_dropped_attributes_count, r_events AS s_events,
        r_dropped_events_count AS s_dropped_events_count, r_links AS s_links,
        r_dropped_links_count AS s_dropped_links_count, r_status_message AS s_status_message,
        r_status_code AS s_status_code, r_flags AS s_flags
)
ARRAY JOIN
    s_trace_id AS trace_id, s_span_id AS span_id, s_trace_state AS trace_state,
    s_parent_span_id AS parent_span_id, s_name AS name, s_kind AS kind,
    s_start_time_unix_nano AS start_time_unix_nano, s_end_time_unix_nano AS end_time_unix_nano,
    s_attributes AS attributes, s_dropped_attributes_count AS dropped_attributes_count,
    s_events AS events, s_dropped_events_count AS dropped_events_count, s_links AS links,
    s_dropped_links_count AS dropped_links_count, s_status_message AS status_message,
    s_status_code AS status_code, s_flags AS flags;
