-- Metrics: OTLP data points become Prometheus series. The way of a segment:
--
--   otlp_metrics ──► otlp_metrics_unnested ──► metric_points ──► metric_samples     floats
--   (the door)       (one row a metric)        (label sets       metric_histograms  native histograms
--                                               and their data)  metric_exemplars
--                                                                metric_series      what the
--                                                                                   fingerprints are
--
-- Only the four on the right keep anything. Names and labels follow Prometheus's OTLP receiver
-- with its default strategy, UnderscoreEscapingWithSuffixes; belvedere.otlp.prometheus says the
-- same in Python, and a property test holds the two equal.
--
-- ClickHouse plans every view anew for each insert, which for a small insert is most of the work:
-- hence few views, a door of columns instead of one great tuple, and lambdas over arrays of one to
-- bind a name to an expression that is used more than once (`arrayMap(x -> …, [expression])[1]`).

-- ── What is kept ────────────────────────────────────────────────────────────────────────────────

-- A series is a name and labels; its fingerprint is a function of these alone (see below). Where a
-- fingerprint has two samples of one time (a client sent again what had arrived), either will do.
-- A sample that is the NaN with the bits 0x7ff0000000000002 is a stale marker. (Codecs: 1.4 bytes a
-- sample of a usual mix; Gorilla, DoubleDelta and FPC for the values take 1.8 to 2.1.)
--
-- The samples of a metric lie by hours, and within an hour by series: a part has a day, a dashboard
-- asks for an hour. Of 11,000 series with samples of 6 hours, one hour is read in 9 ms, where the
-- order (fingerprint, timestamp) took 29; of all the hours in the same time; disk is the same.
CREATE TABLE IF NOT EXISTS metric_samples (
    fingerprint UInt64 CODEC(Delta, ZSTD(1)),
    timestamp DateTime64(3) CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(Delta, ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toDate(timestamp, 'UTC')
ORDER BY (bitShiftRight(fingerprint, 52), toStartOfHour(timestamp, 'UTC'), fingerprint, timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, merge_selector_base = 10;

-- Native histograms as Prometheus has them, non-empty buckets only: bucket i of schema s holds the
-- observations in (2^((i-1)/2^s), 2^(i/2^s)]. That is OTLP's index plus one. With custom buckets
-- (schema -53) bucket i holds those in (custom_values[i-1], custom_values[i]], counted from 0.
-- Counts are floats, since Prometheus also has histograms of floats. Stale: sum is a stale marker.
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
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, merge_selector_base = 10;

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
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    min_level_for_wide_part = 1, merge_selector_base = 10;

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
SETTINGS index_granularity = 1024,
    min_level_for_wide_part = 1, merge_selector_base = 10;

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
    [arrayMap(key -> prometheusLabelName(key), keys)])[1];

-- The word for a unit (`By` of `By/s`) and for what it is divided by (`s`); '' for {annotations}.
CREATE FUNCTION IF NOT EXISTS prometheusWord AS (text) -> replaceRegexpOne(
    replaceRegexpAll(text, '[^a-zA-Z0-9:]+', '_'), '^_', '');

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
    [extract(unit, '^\\s*([^/{}]*?)\\s*(?:/|$)')])[1];

CREATE FUNCTION IF NOT EXISTS prometheusPerWord AS (unit) -> arrayMap(
    symbol -> replaceRegexpOne(
        concat('per_', prometheusWord(transform(symbol,
            ['s', 'm', 'h', 'd', 'w', 'mo', 'y'],
            ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'],
            symbol))),
        '^per_$|_$', ''),
    [extract(unit, '^[^/]*/\\s*([^{}]*?)\\s*$')])[1];

-- A metric's name: its words, its unit's unless they are there, and at the end the word of the
-- type. `last` is 'total', 'ratio' or ''.
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
    [extractAll(name, '[a-zA-Z0-9:]+')], [unit_word], [per_word], [last_word])[1];

-- A number as text for `le` and `quantile`: the shortest that is still this number, without
-- exponent from 1e-20 up to 1e37.
CREATE FUNCTION IF NOT EXISTS prometheusFloat AS (value) -> arrayMap(
    text -> multiIf(
        match(text, '^[-0-9.]+$'), text,
        abs(value) >= 1e-20 AND abs(value) < 1e37, toString(toDecimal256OrZero(text, 38)),
        transform(text, ['inf', '-inf', 'nan'], ['+Inf', '-Inf', 'NaN'], text)),
    [toString(value)])[1];

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

-- The labels that say where a metric comes from.
CREATE FUNCTION IF NOT EXISTS prometheusTarget AS (resource_attributes) -> arrayMap(
    resource -> mapFilter(
        (key, value) -> value != '',
        map('job', if(
                resource['service.name'] = '' OR resource['service.namespace'] = '',
                resource['service.name'],
                concat(resource['service.namespace'], '/', resource['service.name'])),
            'instance', resource['service.instance.id'])),
    [otlpMap(resource_attributes)])[1];

-- The resource's other attributes as a gauge's points: one point with the time of the newest of the
-- resource's points, if there are others, something to tell them of, and points at all.
CREATE FUNCTION IF NOT EXISTS otlpTargetInfo AS (resource_attributes, target, time) -> arrayMap(
    others -> CAST(
        if(time = 0 OR empty(target) OR empty(others), [], [(others, time, 0, 1, NULL)]),
        'Array(Tuple(attributes {Attributes}, time_unix_nano UInt64, flags UInt32, as_double Nullable(Float64), as_int Nullable(Int64)))'),
    [arrayFilter(
        attribute -> tupleElement(attribute, 'key') NOT IN (
            'service.name', 'service.namespace', 'service.instance.id'),
        resource_attributes)])[1];

-- The type, which the metric's metadata may know better where it came from Prometheus.
CREATE FUNCTION IF NOT EXISTS prometheusType AS (kind, metadata) -> arrayMap(
    (otlp, prometheus) -> multiIf(
        otlp = 'gauge', if(prometheus = 'unknown', prometheus, 'gauge'),
        otlp = 'updowncounter', if(prometheus IN ('info', 'stateset'), prometheus, 'gauge'),
        otlp),
    [kind], [otlpMap(metadata)['prometheus.type']])[1];

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

-- One row is one metric. `attributes`, and whatever else the points have, stand in arrays with one
-- element a point, kind after kind: exponential histograms, histograms, numbers (sums, then
-- gauges), summaries. `common` are the labels that the resource and the scope give to all points.
CREATE TABLE IF NOT EXISTS otlp_metrics_unnested (
    name LowCardinality(String),
    type LowCardinality(String),
    unit LowCardinality(String),
    help LowCardinality(String),
    common Map(String, String),
    attributes Array({Attributes}),
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
    -- of exponential histograms, histograms and sums
    exemplars Array(Array(Tuple(
        time_unix_nano UInt64, as_double Nullable(Float64), as_int Nullable(Int64),
        trace_id String, span_id String, filtered_attributes {Attributes})))
) ENGINE = Null;

-- Inside out: resources, their scopes, their metrics.
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
    -- A name that has nothing which escaping keeps stays as it is.
    ifNull(nullIf(prometheusMetricName(
        m_name, unit_word, per_word,
        multiIf(kind = 'counter', 'total', kind = 'gauge' AND m_unit = '1', 'ratio', '')), ''),
        m_name) AS name,
    prometheusType(kind, metadata) AS type,
    arrayStringConcat(
        arrayFilter(word -> word != '', [replaceRegexpOne(unit_word, '_$', ''), per_word]), '_') AS unit,
    description AS help,
    -- What becomes `le` and `quantile` later is not an attribute's to give.
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
        -- Each resource gets one more scope, which has one metric: target_info.
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
WHERE name != '';

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

        -- An exemplar belongs to the lowest bucket with its value; without buckets, to the point.
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
    all_exemplars AS exemplars;
