"""Rules at work: what one evaluation of a rule or of a group does.

vector.py     queries → their vectors
alert.py      one alert, and its states
recording.py  a recording rule
alerting.py   an alerting rule
restore.py    the states of alerts before the last stop
recent.py     what rules wrote a moment ago, for the queries of the next ones
group.py      rules that are evaluated one after another
"""
