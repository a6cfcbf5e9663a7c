-- Brings the settings of tables that earlier forms of 0001 to 0003 created to those of new tables.
-- (Their views and Null tables were recreated before this ran, see migrate.py.) The order key of
-- metric_samples and the codecs stay as they were created: they change speed and size only.
ALTER TABLE otel_traces MODIFY SETTING
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

ALTER TABLE otel_traces_trace_id_ts MODIFY SETTING
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

ALTER TABLE otel_logs MODIFY SETTING
    min_level_for_wide_part = 1, string_serialization_version = 'single_stream', merge_selector_base = 10;

ALTER TABLE metric_samples MODIFY SETTING min_level_for_wide_part = 1, merge_selector_base = 10;

ALTER TABLE metric_histograms MODIFY SETTING min_level_for_wide_part = 1, merge_selector_base = 10;

ALTER TABLE metric_exemplars MODIFY SETTING min_level_for_wide_part = 1, merge_selector_base = 10;

ALTER TABLE metric_series MODIFY SETTING min_level_for_wide_part = 1, merge_selector_base = 10;
