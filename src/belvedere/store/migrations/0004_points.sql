-- Prometheus series as they come, by remote write and from rules: the way of a segment is
--
--   points ──► metric_points ──► the tables of 0003_metrics.sql
--   (the door)

-- The door: columns are the fields of the messages of points.proto, one row is one segment.
CREATE TABLE IF NOT EXISTS points (
    `series.type` Array(String),
    `series.unit` Array(String),
    `series.help` Array(String),
    `series.labels.name` Array(Array(String)),
    `series.labels.value` Array(Array(String)),
    `series.samples.timestamp` Array(Array(Int64)),
    `series.samples.value` Array(Array(Float64)),
    `series.histograms` Array(Array(Tuple(
        timestamp_ms Int64, schema Int32, zero_threshold Float64, zero_count Float64,
        count Float64, sum Float64,
        positive_indexes Array(Int32), positive_counts Array(Float64),
        negative_indexes Array(Int32), negative_counts Array(Float64),
        custom_values Array(Float64), reset_hint Int32))),
    `series.exemplars` Array(Array(Tuple(
        timestamp_ms Int64, value Float64, trace_id String, span_id String,
        labels Array(Tuple(name String, value String)))))
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS points_mv TO metric_points AS
SELECT
    label_values[indexOf(label_names, '__name__')] AS name,
    type,
    unit,
    help,
    mapFromArrays(
        arrayFilter(label -> label != '__name__', label_names),
        arrayFilter((value, label) -> label != '__name__', label_values, label_names)) AS labels,
    arrayMap(
        (timestamp_ms, value) -> ('', '', fromUnixTimestamp64Milli(timestamp_ms, 'UTC'), value),
        timestamps_ms, `values`) AS samples,
    arrayMap(
        histogram -> (
            fromUnixTimestamp64Milli(histogram.timestamp_ms, 'UTC'),
            histogram.schema, histogram.zero_threshold, histogram.zero_count,
            histogram.count, histogram.sum,
            histogram.positive_indexes, histogram.positive_counts,
            histogram.negative_indexes, histogram.negative_counts,
            histogram.custom_values, histogram.reset_hint),
        point_histograms) AS histograms,
    arrayMap(
        exemplar -> (
            '', '', fromUnixTimestamp64Milli(exemplar.timestamp_ms, 'UTC'), exemplar.value,
            exemplar.trace_id, exemplar.span_id,
            mapFromArrays(exemplar.labels.name, exemplar.labels.value)),
        point_exemplars) AS exemplars
FROM points
ARRAY JOIN
    `series.type` AS type,
    `series.unit` AS unit,
    `series.help` AS help,
    `series.labels.name` AS label_names,
    `series.labels.value` AS label_values,
    `series.samples.timestamp` AS timestamps_ms,
    `series.samples.value` AS `values`,
    `series.histograms` AS point_histograms,
    `series.exemplars` AS point_exemplars;
