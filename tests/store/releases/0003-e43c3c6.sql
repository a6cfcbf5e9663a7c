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
CREATE TABLE IF NOT EXISTS metric_samples (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(timestamp, 'UTC')
ORDER BY (fingerprint, timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE TABLE IF NOT EXISTS metric_histograms (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(Delta, ZSTD(1)),
    schema Int8 CODEC(ZSTD(1)),
    zero_threshold Float64 CODEC(ZSTD(1)),
    zero_count Float64 CODEC(ZSTD(1)),
    count Float64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    positive_indexes Array(Int32) CODEC(Delta, ZSTD(1)),
    positive_counts Array(Float64) CODEC(ZSTD(1)),
    negative_indexes Array(Int32) CODEC(Delta, ZSTD(1)),
    negative_counts Array(Float64) CODEC(ZSTD(1)),
    custom_values Array(Float64) CODEC(ZSTD(1)),
    reset_hint Enum8('unknown' = 0, 'yes' = 1, 'no' = 2, 'gauge' = 3) CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(timestamp, 'UTC')
ORDER BY (fingerprint, timestamp)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE TABLE IF NOT EXISTS metric_exemplars (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(timestamp, 'UTC')
ORDER BY (fingerprint, timestamp)
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000
;
CREATE TABLE IF NOT EXISTS metric_series (
    name LowCardinality(String) CODEC(ZSTD(1)),
    fingerprint UInt64 CODEC(ZSTD(1)),
    labels SimpleAggregateFunction(anyLast, Map(String, String)) CODEC(ZSTD(1)),
    type SimpleAggregateFunction(anyLast, LowCardinality(String)) CODEC(ZSTD(1)),
    unit SimpleAggregateFunction(anyLast, LowCardinality(String)) CODEC(ZSTD(1)),
    help SimpleAggregateFunction(anyLast, LowCardinality(String)) CODEC(ZSTD(1)),
    first_seen SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    last_seen SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
ORDER BY (name, fingerprint)
SETTINGS index_granularity = 1024
;
CREATE FUNCTION IF NOT EXISTS metricFingerprint AS (name, labels_hash) -> bitOr(
    bitAnd(cityHash64(name), 0xFFF0000000000000),
    bitAnd(cityHash64(name) + labels_hash, 0x000FFFFFFFFFFFFF))
;
CREATE FUNCTION IF NOT EXISTS metricLabelHash AS (key, value) ->
    if(key = '' OR value = '', 0, cityHash64(key, value))
;
CREATE TABLE IF NOT EXISTS metric_points (
    name LowCardinality(String),
    type LowCardinality(String),
    unit LowCardinality(String),
    help LowCardinality(String),
    labels Map(String, String),
    samples Array(Tuple(
        suffix String, bound String, timestamp DateTime64(3), value Float64)),
    histograms Array(Tuple(
        timestamp DateTime64(3), schema Int8, zero_threshold Float64, zero_count Float64,
        count Float64, sum Float64,
        positive_indexes Array(Int32), positive_counts Array(Float64),
        negative_indexes Array(Int32), negative_counts Array(Float64),
        custom_values Array(Float64), reset_hint Int8)),
    exemplars Array(Tuple(
        suffix String, bound String,
        timestamp DateTime64(3), value Float64, trace_id String, span_id String,
        labels Map(String, String))),
    labels_hash UInt64 MATERIALIZED
        arraySum((key, value) -> metricLabelHash(key, value), mapKeys(labels), mapValues(labels)),
    fingerprints Array(UInt64) MATERIALIZED arrayMap(
        (suffix, bound) -> metricFingerprint(
            concat(name, suffix),
            labels_hash + metricLabelHash(if(suffix = '_bucket', 'le', 'quantile'), bound)),
        samples.suffix, samples.bound)
) ENGINE = Null
;
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_samples_mv TO metric_samples AS
SELECT fingerprint, sample.timestamp AS timestamp, sample.value AS value
FROM metric_points
ARRAY JOIN samples AS sample, fingerprints AS fingerprint
;
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_histograms_mv TO metric_histograms AS
SELECT
    metricFingerprint(name, labels_hash) AS fingerprint,
    histogram.timestamp AS timestamp,
    histogram.schema AS schema,
    histogram.zero_threshold AS zero_threshold,
    histogram.zero_count AS zero_count,
    histogram.count AS count,
    histogram.sum AS sum,
    histogram.positive_indexes AS positive_indexes,
    histogram.positive_counts AS positive_counts,
    histogram.negative_indexes AS negative_indexes,
    histogram.negative_counts AS negative_counts,
    histogram.custom_values AS custom_values,
    histogram.reset_hint AS reset_hint
FROM metric_points
ARRAY JOIN histograms AS histogram
;
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_exemplars_mv TO metric_exemplars AS
SELECT
    metricFingerprint(
        concat(name, exemplar.suffix),
        labels_hash + metricLabelHash('le', exemplar.bound)) AS fingerprint,
    exemplar.timestamp AS timestamp,
    exemplar.value AS value,
    exemplar.trace_id AS trace_id,
    exemplar.span_id AS span_id,
    exemplar.labels AS labels
FROM metric_points
ARRAY JOIN exemplars AS exemplar
;
CREATE MATERIALIZED VIEW IF NOT EXISTS metric_series_mv TO metric_series AS
SELECT
    concat(any(family), any(series.suffix)) AS name,
    series.fingerprint AS fingerprint,
    any(mapFilter(
        (key, value) -> key != '' AND value != '',
        if(series.bound = '', labels, mapUpdate(
            labels, map(if(series.suffix = '_bucket', 'le', 'quantile'), series.bound))))) AS labels,
    any(type) AS type,
    any(unit) AS unit,
    any(help) AS help,
    min(series.hour) AS first_seen,
    max(series.hour) AS last_seen
FROM (
    SELECT
        name AS family, type, unit, help, labels,
        arrayFilter(
            series -> (series.fingerprint, series.hour) NOT IN (
                SELECT fingerprint, last_seen FROM metric_series
                WHERE last_seen > now() - INTERVAL 2 HOUR),
            CAST(
                arrayConcat(
                    arrayMap(
                        (sample, fingerprint) -> (
                            sample.suffix, sample.bound, fingerprint,
                            toStartOfHour(sample.timestamp, 'UTC')),
                        samples, fingerprints),
                    arrayMap(
                        histogram -> (
                            '', '', metricFingerprint(name, labels_hash),
                            toStartOfHour(histogram.timestamp, 'UTC')),
                        histograms)),
                'Array(Tuple(suffix String, bound String, fingerprint UInt64, hour DateTime))')
        ) AS new_series
    FROM metric_points
)
ARRAY JOIN new_series AS series
GROUP BY series.fingerprint
;
CREATE FUNCTION IF NOT EXISTS prometheusLabelName AS (key) -> if(
    match(key, '^[a-zA-Z][a-zA-Z0-9_.]*$'),
    replaceAll(key, '.', '_'),
    replaceRegexpOne(
        concat(
            multiIf(match(key, '^([0-9]|$)'), 'key_', match(key, '^[^a-zA-Z0-9]([a-zA-Z0-9]|$)'), 'key', ''),
            replaceRegexpAll(key, '[^a-zA-Z0-9_]', '_')),
        '^__name__$', ''))
;
CREATE FUNCTION IF NOT EXISTS prometheusLabels AS (keys, texts) -> arrayMap(
    names -> if(
        arrayUniq(names) = length(names),
        mapFromArrays(names, texts),
        mapFromArrays(
            arrayDistinct(names),
            arrayMap(
                name -> arrayStringConcat(
                    arrayMap(
                        attribute -> attribute.3,
                        arrayFilter(
                            attribute -> attribute.2 = name AND attribute.3 != '',
                            arraySort(arrayZip(keys, names, texts)))),
                    ';'),
                arrayDistinct(names)))),
    [arrayMap(key -> prometheusLabelName(key), keys)])[1]
;
CREATE FUNCTION IF NOT EXISTS prometheusWord AS (text) -> replaceRegexpOne(
    replaceRegexpAll(text, '[^a-zA-Z0-9:]+', '_'), '^_', '')
;
CREATE FUNCTION IF NOT EXISTS prometheusUnitWord AS (unit) -> arrayMap(
    symbol -> prometheusWord(transform(symbol,
        ['d', 'h', 'min', 's', 'ms', 'us', 'ns',
         'By', 'KiBy', 'MiBy', 'GiBy', 'TiBy', 'kBy', 'KBy', 'MBy', 'GBy', 'TBy',
         'm', 'V', 'A', 'J', 'W', 'g', 'Cel', 'Hz', '1', '%'],
        ['days', 'hours', 'minutes', 'seconds', 'milliseconds', 'microseconds', 'nanoseconds',
         'bytes', 'kibibytes', 'mebibytes', 'gibibytes', 'tebibytes',
         'kilobytes', 'kilobytes', 'megabytes', 'gigabytes', 'terabytes',
         'meters', 'volts', 'amperes', 'joules', 'watts', 'grams', 'celsius', 'hertz', '', 'percent'],
        symbol)),
    [extract(unit, '^\\s*([^/{}]*?)\\s*(?:/|$)')])[1]
;
CREATE FUNCTION IF NOT EXISTS prometheusPerWord AS (unit) -> arrayMap(
    symbol -> replaceRegexpOne(
        concat('per_', prometheusWord(transform(symbol,
            ['s', 'm', 'h', 'd', 'w', 'mo', 'y'],
            ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'],
            symbol))),
        '^per_$|_$', ''),
    [extract(unit, '^[^/]*/\\s*([^{}]*?)\\s*$')])[1]
;
CREATE FUNCTION IF NOT EXISTS prometheusMetricName AS (name, unit_word, per_word, last_word) -> arrayMap(
    (words, unit, per, last) -> replaceRegexpOne(
        arrayStringConcat(
            arrayConcat(
                arrayFilter(
                    word -> word NOT IN ('', last),
                    arrayConcat(words, [
                        multiIf(
                            has(words, unit), '',
                            per = '' OR has(words, per), unit,
                            replaceRegexpOne(unit, '_$', '')),
                        if(has(words, per), '', per)])),
                arrayFilter(word -> word != '', [last])),
            '_'),
        '^([0-9])', '_\\1'),
    [extractAll(name, '[a-zA-Z0-9:]+')], [unit_word], [per_word], [last_word])[1]
;
CREATE FUNCTION IF NOT EXISTS prometheusFloat AS (value) -> arrayMap(
    text -> multiIf(
        match(text, '^[-0-9.]+$'), text,
        abs(value) >= 1e-20 AND abs(value) < 1e37, toString(toDecimal256OrZero(text, 38)),
        transform(text, ['inf', '-inf', 'nan'], ['+Inf', '-Inf', 'NaN'], text)),
    [toString(value)])[1]
;
CREATE FUNCTION IF NOT EXISTS otlpMillis AS (unix_nano) ->
    fromUnixTimestamp64Milli(toInt64(least(intDiv(unix_nano, 1000000), 4102444800000)))
;
CREATE FUNCTION IF NOT EXISTS otlpValue AS (flags, value) ->
    if(bitAnd(flags, 1) = 1, reinterpretAsFloat64(toUInt64(0x7ff0000000000002)), toFloat64(value))
;
CREATE FUNCTION IF NOT EXISTS otlpNumber AS (as_double, as_int) ->
    coalesce(as_double, toFloat64(as_int), 0.)
;
CREATE FUNCTION IF NOT EXISTS prometheusTarget AS (resource_attributes) -> arrayMap(
    resource -> mapFilter(
        (key, value) -> value != '',
        map('job', if(
                resource['service.name'] = '' OR resource['service.namespace'] = '',
                resource['service.name'],
                concat(resource['service.namespace'], '/', resource['service.name'])),
            'instance', resource['service.instance.id'])),
    [otlpMap(resource_attributes)])[1]
;
CREATE FUNCTION IF NOT EXISTS otlpTargetInfo AS (resource_attributes, target, time) -> arrayMap(
    others -> CAST(
        if(time = 0 OR empty(target) OR empty(others), [], [(others, time, 0, 1, NULL)]),
        'Array(Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32, as_double Nullable(Float64), as_int Nullable(Int64)))'),
    [arrayFilter(
        attribute -> tupleElement(attribute, 'key') NOT IN (
            'service.name', 'service.namespace', 'service.instance.id'),
        resource_attributes)])[1]
;
CREATE FUNCTION IF NOT EXISTS prometheusType AS (kind, metadata) -> arrayMap(
    (otlp, prometheus) -> multiIf(
        otlp = 'gauge', if(prometheus = 'unknown', prometheus, 'gauge'),
        otlp = 'updowncounter', if(prometheus IN ('info', 'stateset'), prometheus, 'gauge'),
        otlp),
    [kind], [otlpMap(metadata)['prometheus.type']])[1]
;
CREATE FUNCTION IF NOT EXISTS otlpBucketIndexes AS (buckets) -> arrayMap(
    index -> toInt32(toInt64(tupleElement(buckets, 'offset')) + index),
    arrayFilter(
        (index, count) -> count != 0,
        arrayEnumerate(tupleElement(buckets, 'bucket_counts')), tupleElement(buckets, 'bucket_counts')))
;
CREATE FUNCTION IF NOT EXISTS otlpBucketCounts AS (buckets) ->
    arrayMap(count -> toFloat64(count), arrayFilter(count -> count != 0, tupleElement(buckets, 'bucket_counts')))
;
CREATE TABLE IF NOT EXISTS otlp_metrics (
    `resource_metrics.resource.attributes` Array(Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
    `resource_metrics.scope_metrics.scope.name` Array(Array(String)),
    `resource_metrics.scope_metrics.scope.version` Array(Array(String)),
    `resource_metrics.scope_metrics.scope.attributes` Array(Array(Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))))),
    `resource_metrics.scope_metrics.schema_url` Array(Array(String)),
    `resource_metrics.scope_metrics.metrics.name` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.description` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.unit` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.metadata` Array(Array(Array(Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))))),
    `resource_metrics.scope_metrics.metrics.sum.is_monotonic` Array(Array(Array(Bool))),
    `resource_metrics.scope_metrics.metrics.gauge.data_points` Array(Array(Array(Array(Tuple(
        attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32,
        as_double Nullable(Float64), as_int Nullable(Int64)))))),
    `resource_metrics.scope_metrics.metrics.sum.data_points` Array(Array(Array(Array(Tuple(
        attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32,
        as_double Nullable(Float64), as_int Nullable(Int64),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))))))))),
    `resource_metrics.scope_metrics.metrics.histogram.data_points` Array(Array(Array(Array(Tuple(
        attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Nullable(Float64),
        bucket_counts Array(UInt64), explicit_bounds Array(Float64),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))))))))),
    `resource_metrics.scope_metrics.metrics.exponential_histogram.data_points` Array(Array(Array(Array(Tuple(
        attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Nullable(Float64), scale Int32, zero_count UInt64, zero_threshold Float64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))))))))),
    `resource_metrics.scope_metrics.metrics.summary.data_points` Array(Array(Array(Array(Tuple(
        attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))), time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)))))))
) ENGINE = Null
;
CREATE TABLE IF NOT EXISTS otlp_metrics_unnested (
    name LowCardinality(String),
    type LowCardinality(String),
    unit LowCardinality(String),
    help LowCardinality(String),
    common Map(String, String),
    attributes Array(Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
    exponential_time Array(UInt64),
    exponential_flags Array(UInt32),
    exponential_count Array(UInt64),
    exponential_sum Array(Nullable(Float64)),
    exponential_scale Array(Int32),
    exponential_zero_count Array(UInt64),
    exponential_zero_threshold Array(Float64),
    exponential_positive Array(Tuple(offset Int32, bucket_counts Array(UInt64))),
    exponential_negative Array(Tuple(offset Int32, bucket_counts Array(UInt64))),
    histogram_time Array(UInt64),
    histogram_flags Array(UInt32),
    histogram_count Array(UInt64),
    histogram_sum Array(Nullable(Float64)),
    histogram_counts Array(Array(UInt64)),
    histogram_bounds Array(Array(Float64)),
    number_time Array(UInt64),
    number_flags Array(UInt32),
    number_value Array(Float64),
    summary_time Array(UInt64),
    summary_flags Array(UInt32),
    summary_count Array(UInt64),
    summary_sum Array(Float64),
    summary_quantiles Array(Array(Tuple(quantile Float64, value Float64))),
    exemplars Array(Array(Tuple(
        time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
        trace_id String, span_id String, filtered_attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))))))
) ENGINE = Null
;
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_mv TO otlp_metrics_unnested AS
WITH
    multiIf(
        notEmpty(gauge), 'gauge',
        notEmpty(sum), if(is_monotonic, 'counter', 'updowncounter'),
        notEmpty(summary), 'summary',
        'histogram') AS kind,
    prometheusUnitWord(m_unit) AS unit_word,
    prometheusPerWord(m_unit) AS per_word
SELECT
    prometheusMetricName(
        m_name, unit_word, per_word,
        multiIf(kind = 'counter', 'total', kind = 'gauge' AND m_unit = '1', 'ratio', '')) AS name,
    prometheusType(kind, metadata) AS type,
    arrayStringConcat(
        arrayFilter(word -> word != '', [replaceRegexpOne(unit_word, '_$', ''), per_word]), '_') AS unit,
    description AS help,
    mapUpdate(s_common, multiIf(
        notEmpty(histogram), map('le', ''),
        notEmpty(summary), map('quantile', ''),
        CAST(map(), 'Map(String, String)'))) AS common,
    arrayConcat(exponential.attributes, histogram.attributes, sum.attributes, gauge.attributes,
        summary.attributes) AS attributes,
    exponential.time_unix_nano AS exponential_time,
    exponential.flags AS exponential_flags,
    exponential.count AS exponential_count,
    exponential.sum AS exponential_sum,
    exponential.scale AS exponential_scale,
    exponential.zero_count AS exponential_zero_count,
    exponential.zero_threshold AS exponential_zero_threshold,
    exponential.positive AS exponential_positive,
    exponential.negative AS exponential_negative,
    histogram.time_unix_nano AS histogram_time,
    histogram.flags AS histogram_flags,
    histogram.count AS histogram_count,
    histogram.sum AS histogram_sum,
    histogram.bucket_counts AS histogram_counts,
    histogram.explicit_bounds AS histogram_bounds,
    arrayConcat(sum.time_unix_nano, gauge.time_unix_nano) AS number_time,
    arrayConcat(sum.flags, gauge.flags) AS number_flags,
    arrayMap(
        (as_double, as_int) -> otlpNumber(as_double, as_int),
        arrayConcat(sum.as_double, gauge.as_double),
        arrayConcat(sum.as_int, gauge.as_int)) AS number_value,
    summary.time_unix_nano AS summary_time,
    summary.flags AS summary_flags,
    summary.count AS summary_count,
    summary.sum AS summary_sum,
    summary.quantile_values AS summary_quantiles,
    arrayConcat(exponential.exemplars, histogram.exemplars, sum.exemplars) AS exemplars
FROM (
    SELECT
        mapUpdate(
            r_common,
            mapFilter((key, value) -> value != '', mapUpdate(
                prometheusLabels(
                    arrayMap(key -> concat('otel_scope_', key), scope_attributes.key),
                    arrayMap(value -> otlpText(value), scope_attributes.value)),
                map('otel_scope_name', scope_name, 'otel_scope_version', scope_version,
                    'otel_scope_schema_url', scope_schema_url)))) AS s_common,
        s_name, s_description, s_unit, s_metadata, s_is_monotonic,
        s_gauge, s_sum, s_histogram, s_exponential, s_summary
    FROM (
        SELECT
            prometheusTarget(resource_attributes) AS r_common,
            length(scope_names) + 1 AS scopes,
            arrayResize(scope_names, scopes) AS r_scope_name,
            arrayResize(scope_versions, scopes) AS r_scope_version,
            arrayResize(scope_attributes, scopes) AS r_scope_attributes,
            arrayResize(scope_schema_urls, scopes) AS r_scope_schema_url,
            arrayPushBack(names, ['target_info']) AS r_name,
            arrayPushBack(descriptions, ['Target metadata']) AS r_description,
            arrayPushBack(units, ['']) AS r_unit,
            arrayPushBack(metadatas, [[]]) AS r_metadata,
            arrayPushBack(is_monotonics, [false]) AS r_is_monotonic,
            arrayPushBack(gauges, [otlpTargetInfo(
                resource_attributes, r_common, arrayMax([
                    arrayMax(arrayFlatten(gauges.time_unix_nano)),
                    arrayMax(arrayFlatten(sums.time_unix_nano)),
                    arrayMax(arrayFlatten(histograms.time_unix_nano)),
                    arrayMax(arrayFlatten(exponentials.time_unix_nano)),
                    arrayMax(arrayFlatten(summaries.time_unix_nano))]))]) AS r_gauge,
            arrayPushBack(sums, [[]]) AS r_sum,
            arrayPushBack(histograms, [[]]) AS r_histogram,
            arrayPushBack(exponentials, [[]]) AS r_exponential,
            arrayPushBack(summaries, [[]]) AS r_summary
        FROM otlp_metrics
        ARRAY JOIN
            `resource_metrics.resource.attributes` AS resource_attributes,
            `resource_metrics.scope_metrics.scope.name` AS scope_names,
            `resource_metrics.scope_metrics.scope.version` AS scope_versions,
            `resource_metrics.scope_metrics.scope.attributes` AS scope_attributes,
            `resource_metrics.scope_metrics.schema_url` AS scope_schema_urls,
            `resource_metrics.scope_metrics.metrics.name` AS names,
            `resource_metrics.scope_metrics.metrics.description` AS descriptions,
            `resource_metrics.scope_metrics.metrics.unit` AS units,
            `resource_metrics.scope_metrics.metrics.metadata` AS metadatas,
            `resource_metrics.scope_metrics.metrics.sum.is_monotonic` AS is_monotonics,
            `resource_metrics.scope_metrics.metrics.gauge.data_points` AS gauges,
            `resource_metrics.scope_metrics.metrics.sum.data_points` AS sums,
            `resource_metrics.scope_metrics.metrics.histogram.data_points` AS histograms,
            `resource_metrics.scope_metrics.metrics.exponential_histogram.data_points` AS exponentials,
            `resource_metrics.scope_metrics.metrics.summary.data_points` AS summaries
    )
    ARRAY JOIN
        r_scope_name AS scope_name, r_scope_version AS scope_version,
        r_scope_attributes AS scope_attributes, r_scope_schema_url AS scope_schema_url,
        r_name AS s_name, r_description AS s_description, r_unit AS s_unit,
        r_metadata AS s_metadata, r_is_monotonic AS s_is_monotonic,
        r_gauge AS s_gauge, r_sum AS s_sum, r_histogram AS s_histogram,
        r_exponential AS s_exponential, r_summary AS s_summary
)
ARRAY JOIN
    s_name AS m_name, s_description AS description, s_unit AS m_unit,
    s_metadata AS metadata, s_is_monotonic AS is_monotonic,
    s_gauge AS gauge, s_sum AS sum, s_histogram AS histogram,
    s_exponential AS exponential, s_summary AS summary
WHERE name != ''
;
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_unnested_mv TO metric_points AS
SELECT
    name, type, unit, help,
    mapUpdate(
        prometheusLabels(point.key, arrayMap(value -> otlpText(value), point.value)),
        common) AS labels,
    samples, histograms, exemplars
FROM (
    SELECT
        name, type, unit, help, common, attributes,
        arrayMap(bounds -> arrayMap(bound -> prometheusFloat(bound), bounds), histogram_bounds)
            AS bound_texts,

        arrayConcat(
            arrayMap(time -> [], exponential_time),
            arrayMap(
                (time, flags, count, sum, counts, bounds) -> arrayConcat(
                    arrayMap(
                        (bound, cumulative) ->
                            ('_bucket', bound, otlpMillis(time), otlpValue(flags, cumulative)),
                        arrayResize(bounds, least(length(bounds), length(counts))),
                        arrayResize(arrayCumSum(counts), least(length(bounds), length(counts)))),
                    [('_bucket', '+Inf', otlpMillis(time), otlpValue(flags, count)),
                     ('_count', '', otlpMillis(time), otlpValue(flags, count))],
                    if(isNull(sum), [],
                        [('_sum', '', otlpMillis(time), otlpValue(flags, assumeNotNull(sum)))])),
                histogram_time, histogram_flags, histogram_count, histogram_sum, histogram_counts,
                bound_texts),
            arrayMap(
                (time, flags, value) -> [('', '', otlpMillis(time), otlpValue(flags, value))],
                number_time, number_flags, number_value),
            arrayMap(
                (time, flags, count, sum, quantiles) -> arrayConcat(
                    arrayMap(
                        quantile -> ('', prometheusFloat(quantile.1), otlpMillis(time),
                            otlpValue(flags, quantile.2)),
                        quantiles),
                    [('_count', '', otlpMillis(time), otlpValue(flags, count)),
                     ('_sum', '', otlpMillis(time), otlpValue(flags, sum))]),
                summary_time, summary_flags, summary_count, summary_sum, summary_quantiles)
        ) AS all_samples,

        arrayResize(
            arrayMap(
                (time, flags, count, sum, scale, zero_count, zero_threshold, positive, negative) ->
                    if(scale < -4 OR scale > 8, [], [(
                        otlpMillis(time), scale,
                        if(zero_threshold = 0, 1e-128, zero_threshold), zero_count,
                        otlpValue(flags, count), otlpValue(flags, ifNull(sum, 0)),
                        otlpBucketIndexes(positive), otlpBucketCounts(positive),
                        otlpBucketIndexes(negative), otlpBucketCounts(negative),
                        [], 0)]),
                exponential_time, exponential_flags, exponential_count, exponential_sum,
                exponential_scale, exponential_zero_count, exponential_zero_threshold,
                exponential_positive, exponential_negative),
            length(attributes)) AS all_histograms,

        arrayResize(
            arrayMap(
                (point_time, exemplars, bounds, texts) -> arrayMap(
                    (time, value, trace_id, span_id, attributes) -> (
                        if(empty(texts), '', '_bucket'),
                        texts[-1 - arrayCount(bound -> value <= bound, bounds)],
                        otlpMillis(if(time = 0, point_time, time)), value,
                        otlpHex(trace_id), otlpHex(span_id), otlpMap(attributes)),
                    exemplars.time_unix_nano,
                    arrayMap((d, i) -> otlpNumber(d, i), exemplars.as_double, exemplars.as_int),
                    exemplars.trace_id, exemplars.span_id, exemplars.filtered_attributes),
                arrayResize(
                    arrayConcat(exponential_time, histogram_time, number_time), length(exemplars)),
                exemplars,
                arrayResize(
                    arrayConcat(arrayMap(time -> [], exponential_time), histogram_bounds),
                    length(exemplars)),
                arrayResize(
                    arrayConcat(
                        arrayMap(time -> [], exponential_time),
                        arrayMap(texts -> arrayPushBack(texts, '+Inf'), bound_texts)),
                    length(exemplars))),
            length(attributes)) AS all_exemplars
    FROM otlp_metrics_unnested
)
ARRAY JOIN
    attributes AS point, all_samples AS samples, all_histograms AS histograms,
    all_exemplars AS exemplars
;
INSERT INTO schema_migrations (version, name) VALUES (1, 'traces')
;
INSERT INTO schema_migrations (version, name) VALUES (2, 'logs')
;
INSERT INTO schema_migrations (version, name) VALUES (3, 'metrics')
;
INSERT INTO metric_exemplars (`fingerprint`, `timestamp`, `value`, `trace_id`, `span_id`, `labels`) VALUES (4918460939128225650, '2026-11-18 11:06:40.123', 1, '000102030405060708090a0b0c0d0e0f', '0001020304050607', {})
;
INSERT INTO metric_histograms (`fingerprint`, `timestamp`, `schema`, `zero_threshold`, `zero_count`, `count`, `sum`, `positive_indexes`, `positive_counts`, `negative_indexes`, `negative_counts`, `custom_values`, `reset_hint`) VALUES (17120387471124771633, '2026-11-18 11:06:40.123', 2, 1e-128, 1, 4, 9, [4,5], [1,2], [], [], [], 'unknown')
;
INSERT INTO metric_samples (`fingerprint`, `timestamp`, `value`) VALUES (1892152797986560302, '2026-11-18 11:06:40.123', 1), (4918460939128225650, '2026-11-18 11:06:40.123', 7), (5389152592705514888, '2026-11-18 11:06:40.123', 3), (5390513291911317114, '2026-11-18 11:06:40.123', 1), (14919869090031380097, '2026-11-18 11:06:40.123', 3), (16167543787752435100, '2026-11-18 11:06:40.123', 1.5)
;
INSERT INTO metric_series (`name`, `fingerprint`, `labels`, `type`, `unit`, `help`, `first_seen`, `last_seen`) VALUES ('orders_total', 4918460939128225650, {'http_route':'/old','retries':'2','job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2'}, 'counter', '', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('size_bytes', 17120387471124771633, {'job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2'}, 'histogram', 'bytes', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('target_info', 1892152797986560302, {'host_name':'h','job':'shop','instance':'i-1'}, 'gauge', '', 'Target metadata', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('wait_seconds_bucket', 5389152592705514888, {'job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2','le':'+Inf'}, 'histogram', 'seconds', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('wait_seconds_bucket', 5390513291911317114, {'job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2','le':'0.5'}, 'histogram', 'seconds', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('wait_seconds_count', 14919869090031380097, {'job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2'}, 'histogram', 'seconds', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00'), ('wait_seconds_sum', 16167543787752435100, {'job':'shop','instance':'i-1','otel_scope_name':'lib','otel_scope_version':'1.2'}, 'histogram', 'seconds', '', '2026-11-18 11:00:00', '2026-11-18 11:00:00')
;
INSERT INTO otel_logs (`Timestamp`, `TimestampTime`, `TraceId`, `SpanId`, `TraceFlags`, `SeverityText`, `SeverityNumber`, `ServiceName`, `Body`, `ResourceSchemaUrl`, `ResourceAttributes`, `ScopeSchemaUrl`, `ScopeName`, `ScopeVersion`, `ScopeAttributes`, `LogAttributes`, `EventName`, `ObservedTimestamp`, `DroppedAttributesCount`) VALUES ('2026-11-18 11:06:40.123000000', '2026-11-18 11:06:40', '000102030405060708090a0b0c0d0e0f', '0001020304050607', 0, 'INFO', 9, 'shop', 'an old record', '', {'service.name':'shop','service.instance.id':'i-1','host.name':'h'}, '', 'lib', '1.2', {}, {'http.route':'/old','retries':'2'}, '', '1970-01-01 00:00:00.000000000', 0)
;
INSERT INTO otel_traces (`Timestamp`, `TraceId`, `SpanId`, `ParentSpanId`, `TraceState`, `SpanName`, `SpanKind`, `ServiceName`, `ResourceAttributes`, `ScopeName`, `ScopeVersion`, `SpanAttributes`, `Duration`, `StatusCode`, `StatusMessage`, `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`, `SpanFlags`, `ScopeAttributes`, `ResourceSchemaUrl`, `ScopeSchemaUrl`, `DroppedAttributesCount`, `DroppedEventsCount`, `DroppedLinksCount`) VALUES ('2026-11-18 11:06:40.123000000', '000102030405060708090a0b0c0d0e0f', '0001020304050607', '', '', 'GET /old', 'Server', 'shop', {'service.name':'shop','service.instance.id':'i-1','host.name':'h'}, 'lib', '1.2', {'http.route':'/old','retries':'2'}, 5000000, 'Error', 'late', ['2026-11-18 11:06:40.123000001'], ['e'], [{'http.route':'/old','retries':'2'}], ['000102030405060708090a0b0c0d0e0f'], ['0001020304050607'], [''], [{'http.route':'/old','retries':'2'}], 0, {}, '', '', 0, 0, 0)
;
INSERT INTO otel_traces_trace_id_ts (`TraceId`, `Start`, `End`) VALUES ('000102030405060708090a0b0c0d0e0f', '2026-11-18 11:06:40', '2026-11-18 11:06:40')
;
