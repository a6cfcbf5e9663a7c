-- Metrics: OTLP data points become Prometheus series. The way of a segment:
--
--   otlp_metrics ──► metric_points ──► metric_samples     floats
--   (the door)       (label sets       metric_histograms  native histograms
--                     and their data)  metric_exemplars
--                                      metric_series      what the fingerprints stand for
--
-- Only the four on the right keep anything. Names and labels follow Prometheus's OTLP receiver
-- with its default strategy, UnderscoreEscapingWithSuffixes; belvedere.otlp.prometheus says the
-- same in Python, and a property test holds the two equal.
--
-- ClickHouse plans every view anew for each insert, in time that grows with the length of the names
-- of the types in it: hence few views, and a door of columns instead of one great tuple.

-- ── What is kept ────────────────────────────────────────────────────────────────────────────────

-- A series is a name and labels; its fingerprint is a function of these alone (see below). Where a
-- fingerprint has two samples of one time (a client sent again what had arrived), either will do.
-- A sample that is the NaN with the bits 0x7ff0000000000002 is a stale marker.
CREATE TABLE IF NOT EXISTS metric_samples (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(timestamp, 'UTC')
ORDER BY (fingerprint, timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Native histograms as Prometheus has them, non-empty buckets only: bucket i of schema s holds the
-- observations in (2^((i-1)/2^s), 2^(i/2^s)]. That is OTLP's index plus one. With custom buckets
-- (schema -53) bucket i holds those in (custom_values[i-1], custom_values[i]], counted from 0.
-- Counts are floats, since Prometheus also has histograms of floats. Stale: sum is a stale marker.
CREATE TABLE IF NOT EXISTS metric_histograms (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(DoubleDelta, ZSTD(1)),
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
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- Exemplars, by the series that they belong to (of a histogram: the bucket's).
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
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- The series: one row each, after merges (before, aggregate: any, any, any, any, min, max). The
-- hours of the first and of the last sample stand for their times, so that a series is written
-- once an hour and not with every sample: all its samples are in [first_seen, last_seen + 1 hour).
-- Writing a row again changes nothing, hence no deduplication window here.
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
SETTINGS index_granularity = 1024;

-- ── From label sets to what is kept ─────────────────────────────────────────────────────────────

-- The fingerprint of a series: a sum of hashes, so that the order of labels does not matter and
-- `le` can be added to what the labels of a point sum up to. The upper 12 bits are the name's
-- alone: a metric's series lie together in the tables.
CREATE FUNCTION IF NOT EXISTS metricFingerprint AS (name, labels_hash) -> bitOr(
    bitAnd(cityHash64(name), 0xFFF0000000000000),
    bitAnd(cityHash64(name) + labels_hash, 0x000FFFFFFFFFFFFF));

CREATE FUNCTION IF NOT EXISTS metricLabelHash AS (key, value) ->
    if(key = '' OR value = '', 0, cityHash64(key, value));

-- One row is one label set and what came for it. Whoever receives Prometheus data (OTLP here;
-- scrapes and remote write insert into it directly) writes here; the last two columns fill
-- themselves. Labels are final Prometheus labels without __name__; an empty value is no label.
-- A sample's series is `name` with `suffix` added, and `bound`, if any, is its label `le` (of
-- buckets) or `quantile`: `metric_bucket{le="0.5"}` is ('_bucket', '0.5', time, value), or
-- ('', '', time, value) where the name and the labels have it all.
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
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS metric_samples_mv TO metric_samples AS
SELECT fingerprint, sample.timestamp AS timestamp, sample.value AS value
FROM metric_points
ARRAY JOIN samples AS sample, fingerprints AS fingerprint;

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
ARRAY JOIN histograms AS histogram;

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
ARRAY JOIN exemplars AS exemplar;

-- Only series that are not yet known for the hour are looked at further.
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
GROUP BY series.fingerprint;

-- ── Names: from OpenTelemetry to Prometheus ─────────────────────────────────────────────────────

-- A label's name. Most are words and dots; others have each character that Prometheus does not
-- know replaced, and a prefix if they then begin as no label may. __name__ is not an attribute's
-- to give: '' is no label.
CREATE FUNCTION IF NOT EXISTS prometheusLabelName AS (key) -> if(
    match(key, '^[a-zA-Z][a-zA-Z0-9_.]*$'),
    replaceAll(key, '.', '_'),
    replaceRegexpOne(
        concat(
            multiIf(match(key, '^([0-9]|$)'), 'key_', match(key, '^[^a-zA-Z0-9]([a-zA-Z0-9]|$)'), 'key', ''),
            replaceRegexpAll(key, '[^a-zA-Z0-9_]', '_')),
        '^__name__$', ''));

-- Labels from attributes. Keys that become the same label share it: their values, in the order of
-- the original keys, joined by ';'.
CREATE FUNCTION IF NOT EXISTS prometheusLabels AS (keys, texts) -> if(
    arrayUniq(arrayMap(key -> prometheusLabelName(key), keys)) = length(keys),
    mapFromArrays(arrayMap(key -> prometheusLabelName(key), keys), texts),
    mapFromArrays(
        arrayDistinct(arrayMap(key -> prometheusLabelName(key), keys)),
        arrayMap(
            name -> arrayStringConcat(
                arrayMap(
                    attribute -> attribute.2,
                    arrayFilter(
                        attribute -> prometheusLabelName(attribute.1) = name AND attribute.2 != '',
                        arraySort(arrayZip(keys, texts)))),
                ';'),
            arrayDistinct(arrayMap(key -> prometheusLabelName(key), keys)))));

-- The word for a unit (`By` of `By/s`) and for what it is divided by (`s`); '' for {annotations}.
CREATE FUNCTION IF NOT EXISTS prometheusWord AS (text) -> replaceRegexpOne(
    replaceRegexpAll(text, '[^a-zA-Z0-9:]+', '_'), '^_', '');

CREATE FUNCTION IF NOT EXISTS prometheusUnitWord AS (unit) -> prometheusWord(transform(
    extract(unit, '^\\s*([^/{}]*?)\\s*(?:/|$)'),
    ['d', 'h', 'min', 's', 'ms', 'us', 'ns',
     'By', 'KiBy', 'MiBy', 'GiBy', 'TiBy', 'kBy', 'KBy', 'MBy', 'GBy', 'TBy',
     'm', 'V', 'A', 'J', 'W', 'g', 'Cel', 'Hz', '1', '%'],
    ['days', 'hours', 'minutes', 'seconds', 'milliseconds', 'microseconds', 'nanoseconds',
     'bytes', 'kibibytes', 'mebibytes', 'gibibytes', 'tebibytes', 'kilobytes', 'kilobytes', 'megabytes', 'gigabytes', 'terabytes',
     'meters', 'volts', 'amperes', 'joules', 'watts', 'grams', 'celsius', 'hertz', '', 'percent'],
    extract(unit, '^\\s*([^/{}]*?)\\s*(?:/|$)')));

CREATE FUNCTION IF NOT EXISTS prometheusPerWord AS (unit) -> replaceRegexpOne(
    replaceRegexpOne(
        concat('per_', prometheusWord(transform(
            extract(unit, '^[^/]*/\\s*([^{}]*?)\\s*$'),
            ['s', 'm', 'h', 'd', 'w', 'mo', 'y'],
            ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'],
            extract(unit, '^[^/]*/\\s*([^{}]*?)\\s*$')))),
        '_$', ''),
    '^per$', '');

-- A metric's name: its words, the unit's unless it is among them, and at the end the word of the
-- type: `last` is total, ratio or ''.
CREATE FUNCTION IF NOT EXISTS prometheusMetricName AS (words, unit_word, per_word, last) ->
    replaceRegexpOne(
        arrayStringConcat(
            arrayConcat(
                arrayFilter(
                    word -> word NOT IN ('', last),
                    arrayConcat(words, [
                        multiIf(
                            has(words, unit_word), '',
                            per_word = '' OR has(words, per_word), unit_word,
                            replaceRegexpOne(unit_word, '_$', '')),
                        if(has(words, per_word), '', per_word)])),
                if(last = '', [], [last])),
            '_'),
        '^([0-9])', '_\\1');

-- A number as text for `le` and `quantile`: without exponent, as short as it stays the number.
CREATE FUNCTION IF NOT EXISTS prometheusFloat AS (value) -> multiIf(
    match(toString(value), '^-?[0-9.]+$'), toString(value),
    isInfinite(value), if(value > 0, '+Inf', '-Inf'),
    isNaN(value), 'NaN',
    concat(
        if(value < 0, '-', ''),
        if(abs(value) < 1, concat('0.', repeat('0', -toInt32OrZero(extract(toString(value), 'e(.*)$')) - 1)), ''),
        replaceRegexpAll(extract(toString(value), '^-?(.*)e'), '\\.', ''),
        if(abs(value) < 1, '', repeat('0',
            toInt32OrZero(extract(toString(value), 'e(.*)$'))
            - length(extract(toString(value), '\\.(.*)e'))))));

-- ── From OTLP to label sets ─────────────────────────────────────────────────────────────────────

-- Milliseconds; times after the year 2100 become its beginning.
CREATE FUNCTION IF NOT EXISTS otlpMillis AS (unix_nano) ->
    fromUnixTimestamp64Milli(toInt64(least(intDiv(unix_nano, 1000000), 4102444800000)));

-- A sample's value: a stale marker where the point's flags say that there is none.
CREATE FUNCTION IF NOT EXISTS otlpValue AS (flags, value) ->
    if(bitAnd(flags, 1) = 1, reinterpretAsFloat64(toUInt64(0x7ff0000000000002)), toFloat64(value));

-- A point's or an exemplar's number, whichever it is.
CREATE FUNCTION IF NOT EXISTS otlpNumber AS (as_double, as_int) ->
    coalesce(as_double, toFloat64(as_int), 0.);

CREATE FUNCTION IF NOT EXISTS otlpExemplar AS (exemplar, time, suffix, bound) -> (
    suffix, bound,
    otlpMillis(if(tupleElement(exemplar, 'time_unix_nano') = 0, time, tupleElement(exemplar, 'time_unix_nano'))),
    otlpNumber(tupleElement(exemplar, 'as_double'), tupleElement(exemplar, 'as_int')),
    otlpHex(tupleElement(exemplar, 'trace_id')),
    otlpHex(tupleElement(exemplar, 'span_id')),
    otlpMap(tupleElement(exemplar, 'filtered_attributes')));

-- The bucket of a histogram that an exemplar belongs to.
CREATE FUNCTION IF NOT EXISTS otlpBucketOf AS (exemplar, bounds) -> ifNull(
    prometheusFloat(arrayFirstOrNull(
        bound -> otlpNumber(tupleElement(exemplar, 'as_double'), tupleElement(exemplar, 'as_int')) <= bound, bounds)),
    '+Inf');

-- Buckets that are not empty: OTLP's index plus one, and their counts.
CREATE FUNCTION IF NOT EXISTS otlpBucketIndexes AS (buckets) -> arrayMap(
    index -> toInt32(toInt64(tupleElement(buckets, 'offset')) + index),
    arrayFilter(
        (index, count) -> count != 0,
        arrayEnumerate(tupleElement(buckets, 'bucket_counts')), tupleElement(buckets, 'bucket_counts')));

CREATE FUNCTION IF NOT EXISTS otlpBucketCounts AS (buckets) ->
    arrayMap(count -> toFloat64(count), arrayFilter(count -> count != 0, tupleElement(buckets, 'bucket_counts')));

-- The door: columns are the fields of the messages of otlp_metrics.proto, one row is one segment of
-- the durable queue. One level of Array for each message on the way that repeats.
CREATE TABLE IF NOT EXISTS otlp_metrics (
    `resource_metrics.resource.attributes` Array({Attributes}),
    `resource_metrics.scope_metrics.scope.name` Array(Array(String)),
    `resource_metrics.scope_metrics.scope.version` Array(Array(String)),
    `resource_metrics.scope_metrics.scope.attributes` Array(Array({Attributes})),
    `resource_metrics.scope_metrics.schema_url` Array(Array(String)),
    `resource_metrics.scope_metrics.metrics.name` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.description` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.unit` Array(Array(Array(String))),
    `resource_metrics.scope_metrics.metrics.metadata` Array(Array(Array({Attributes}))),
    `resource_metrics.scope_metrics.metrics.sum.is_monotonic` Array(Array(Array(Bool))),
    `resource_metrics.scope_metrics.metrics.gauge.data_points` Array(Array(Array(Array(Tuple(
        attributes {Attributes}, time_unix_nano UInt64, flags UInt32,
        as_double Nullable(Float64), as_int Nullable(Int64)))))),
    `resource_metrics.scope_metrics.metrics.sum.data_points` Array(Array(Array(Array(Tuple(
        attributes {Attributes}, time_unix_nano UInt64, flags UInt32,
        as_double Nullable(Float64), as_int Nullable(Int64),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes {Attributes}))))))),
    `resource_metrics.scope_metrics.metrics.histogram.data_points` Array(Array(Array(Array(Tuple(
        attributes {Attributes}, time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Nullable(Float64),
        bucket_counts Array(UInt64), explicit_bounds Array(Float64),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes {Attributes}))))))),
    `resource_metrics.scope_metrics.metrics.exponential_histogram.data_points` Array(Array(Array(Array(Tuple(
        attributes {Attributes}, time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Nullable(Float64), scale Int32, zero_count UInt64, zero_threshold Float64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        exemplars Array(Tuple(
            time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
            trace_id String, span_id String, filtered_attributes {Attributes}))))))),
    `resource_metrics.scope_metrics.metrics.summary.data_points` Array(Array(Array(Array(Tuple(
        attributes {Attributes}, time_unix_nano UInt64, flags UInt32,
        count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)))))))
) ENGINE = Null;

-- Inside out: resources, their scopes, their metrics, their points. `common` are the labels that
-- the resource and the scope give to all points; they stand above attributes of the same name.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_mv TO metric_points AS
SELECT
    name, type, unit, help,
    mapUpdate(
        prometheusLabels(attributes.key, arrayMap(value -> otlpText(value), attributes.value)),
        common) AS labels,
    samples, histograms, exemplars
FROM (
    SELECT
        multiIf(
            notEmpty(m_gauge), 'gauge',
            notEmpty(m_sum), if(m_is_monotonic, 'counter', 'gauge'),
            notEmpty(m_summary), 'summary',
            'histogram') AS kind,
        prometheusUnitWord(m_unit) AS unit_word,
        prometheusPerWord(m_unit) AS per_word,
        prometheusMetricName(
            extractAll(m_name, '[a-zA-Z0-9:]+'), unit_word, per_word,
            multiIf(kind = 'counter', 'total', m_unit = '1' AND notEmpty(m_gauge), 'ratio', '')) AS name,
        otlpMap(m_metadata)['prometheus.type'] AS prometheus_type,
        if(kind = 'gauge' AND prometheus_type IN ('unknown', 'info', 'stateset'),
            prometheus_type, kind) AS type,
        replaceRegexpOne(concat(unit_word, if(unit_word = '' OR per_word = '', '', '_'), per_word), '_$', '') AS unit,
        m_description AS help,
        mapUpdate(s_common, multiIf(
            notEmpty(m_histogram), map('le', ''),
            notEmpty(m_summary), map('quantile', ''),
            CAST(map(), 'Map(String, String)'))) AS common,

        -- One element a point in each of these, in the same order of kinds.
        arrayConcat(m_exponential.attributes, m_histogram.attributes, m_sum.attributes,
            m_gauge.attributes, m_summary.attributes) AS all_attributes,

        arrayConcat(
            arrayMap(point -> [], m_exponential.flags),
            arrayMap(
                (time, flags, count, sum, counts, bounds) -> arrayConcat(
                    arrayMap(
                        (bound, cumulative) -> (
                            '_bucket', prometheusFloat(bound),
                            otlpMillis(time), otlpValue(flags, cumulative)),
                        arrayResize(bounds, least(length(bounds), length(counts))),
                        arrayResize(arrayCumSum(counts), least(length(bounds), length(counts)))),
                    [('_bucket', '+Inf', otlpMillis(time), otlpValue(flags, count)),
                     ('_count', '', otlpMillis(time), otlpValue(flags, count))],
                    if(isNull(sum), [],
                        [('_sum', '', otlpMillis(time), otlpValue(flags, assumeNotNull(sum)))])),
                m_histogram.time_unix_nano, m_histogram.flags, m_histogram.count, m_histogram.sum,
                m_histogram.bucket_counts, m_histogram.explicit_bounds),
            arrayMap(
                (time, flags, as_double, as_int) -> [
                    ('', '', otlpMillis(time), otlpValue(flags, otlpNumber(as_double, as_int)))],
                arrayConcat(m_sum.time_unix_nano, m_gauge.time_unix_nano),
                arrayConcat(m_sum.flags, m_gauge.flags),
                arrayConcat(m_sum.as_double, m_gauge.as_double),
                arrayConcat(m_sum.as_int, m_gauge.as_int)),
            arrayMap(
                (time, flags, count, sum, quantiles, values) -> arrayConcat(
                    arrayMap(
                        (quantile, value) -> (
                            '', prometheusFloat(quantile), otlpMillis(time), otlpValue(flags, value)),
                        quantiles, values),
                    [('_count', '', otlpMillis(time), otlpValue(flags, count)),
                     ('_sum', '', otlpMillis(time), otlpValue(flags, sum))]),
                m_summary.time_unix_nano, m_summary.flags, m_summary.count, m_summary.sum,
                m_summary.quantile_values.quantile, m_summary.quantile_values.value)
        ) AS all_samples,

        arrayResize(
            arrayMap(
                point -> if(point.scale < -4 OR point.scale > 8, [], [(
                    otlpMillis(point.time_unix_nano),
                    point.scale,
                    if(point.zero_threshold = 0, 1e-128, point.zero_threshold),
                    point.zero_count,
                    otlpValue(point.flags, point.count),
                    otlpValue(point.flags, ifNull(point.sum, 0)),
                    otlpBucketIndexes(point.positive), otlpBucketCounts(point.positive),
                    otlpBucketIndexes(point.negative), otlpBucketCounts(point.negative),
                    [], 0)]),
                m_exponential),
            length(all_attributes)) AS all_histograms,

        arrayResize(
            arrayConcat(
                arrayMap(
                    (time, exemplars) -> arrayMap(e -> otlpExemplar(e, time, '', ''), exemplars),
                    m_exponential.time_unix_nano, m_exponential.exemplars),
                arrayMap(
                    (time, exemplars, bounds) -> arrayMap(
                        e -> otlpExemplar(e, time, '_bucket', otlpBucketOf(e, bounds)), exemplars),
                    m_histogram.time_unix_nano, m_histogram.exemplars, m_histogram.explicit_bounds),
                arrayMap(
                    (time, exemplars) -> arrayMap(e -> otlpExemplar(e, time, '', ''), exemplars),
                    m_sum.time_unix_nano, m_sum.exemplars)),
            length(all_attributes)) AS all_exemplars
    FROM (
        SELECT
            mapUpdate(
                r_common,
                mapFilter((key, value) -> value != '', mapUpdate(
                    prometheusLabels(
                        arrayMap(key -> concat('otel_scope_', key), s_scope_attributes.key),
                        arrayMap(value -> otlpText(value), s_scope_attributes.value)),
                    map('otel_scope_name', s_scope_name, 'otel_scope_version', s_scope_version,
                        'otel_scope_schema_url', s_scope_schema_url)))) AS s_common,
            s_name, s_description, s_unit, s_metadata, s_is_monotonic, s_gauge, s_sum,
            s_histogram, s_exponential, s_summary
        FROM (
            SELECT
                otlpMap(r_resource_attributes) AS r_attributes,
                mapFilter((key, value) -> value != '', map(
                    'job', if(
                        r_attributes['service.name'] = '' OR r_attributes['service.namespace'] = '',
                        r_attributes['service.name'],
                        concat(r_attributes['service.namespace'], '/', r_attributes['service.name'])),
                    'instance', r_attributes['service.instance.id'])) AS r_common,
                r_scope_name, r_scope_version, r_scope_attributes, r_scope_schema_url, r_name,
                r_description, r_unit, r_metadata, r_is_monotonic, r_gauge, r_sum, r_histogram,
                r_exponential, r_summary
            FROM otlp_metrics
            ARRAY JOIN
                `resource_metrics.resource.attributes` AS r_resource_attributes,
                `resource_metrics.scope_metrics.scope.name` AS r_scope_name,
                `resource_metrics.scope_metrics.scope.version` AS r_scope_version,
                `resource_metrics.scope_metrics.scope.attributes` AS r_scope_attributes,
                `resource_metrics.scope_metrics.schema_url` AS r_scope_schema_url,
                `resource_metrics.scope_metrics.metrics.name` AS r_name,
                `resource_metrics.scope_metrics.metrics.description` AS r_description,
                `resource_metrics.scope_metrics.metrics.unit` AS r_unit,
                `resource_metrics.scope_metrics.metrics.metadata` AS r_metadata,
                `resource_metrics.scope_metrics.metrics.sum.is_monotonic` AS r_is_monotonic,
                `resource_metrics.scope_metrics.metrics.gauge.data_points` AS r_gauge,
                `resource_metrics.scope_metrics.metrics.sum.data_points` AS r_sum,
                `resource_metrics.scope_metrics.metrics.histogram.data_points` AS r_histogram,
                `resource_metrics.scope_metrics.metrics.exponential_histogram.data_points` AS r_exponential,
                `resource_metrics.scope_metrics.metrics.summary.data_points` AS r_summary
        )
        ARRAY JOIN
            r_scope_name AS s_scope_name, r_scope_version AS s_scope_version,
            r_scope_attributes AS s_scope_attributes, r_scope_schema_url AS s_scope_schema_url,
            r_name AS s_name, r_description AS s_description, r_unit AS s_unit,
            r_metadata AS s_metadata, r_is_monotonic AS s_is_monotonic, r_gauge AS s_gauge,
            r_sum AS s_sum, r_histogram AS s_histogram, r_exponential AS s_exponential,
            r_summary AS s_summary
    )
    ARRAY JOIN
        s_name AS m_name, s_description AS m_description, s_unit AS m_unit,
        s_metadata AS m_metadata, s_is_monotonic AS m_is_monotonic, s_gauge AS m_gauge,
        s_sum AS m_sum, s_histogram AS m_histogram, s_exponential AS m_exponential,
        s_summary AS m_summary
)
ARRAY JOIN
    all_attributes AS attributes, all_samples AS samples,
    all_histograms AS histograms, all_exemplars AS exemplars
WHERE name != '';
