"""What a computation with native histograms has to tell its user."""

from enum import Enum, auto


class Notice(Enum):
    """Each is a warning or an info of Prometheus."""

    NOT_COUNTER = auto()  # a function of counters met a gauge
    NOT_GAUGE = auto()  # a function of gauges met a counter
    MIXED_SCHEMAS = auto()  # exponential and custom buckets; there is no result
    MIXED_FLOATS = auto()  # floats and histograms; there is no result
    RESET_COLLISION = auto()  # hints contradict each other
    BOUNDS_IN_ADDITION = auto()  # different custom bounds were brought to the common ones
    BOUNDS_IN_SUBTRACTION = auto()
    BOUNDS_IN_AGGREGATION = auto()
