"""Telling of alerts.

config.py        what --alerts has in it
alert.py         an alert as those who are told see it
alertmanager.py  to Alertmanagers, which group, repeat and silence for themselves
routes.py        which receivers an alert is for, and in which group
grouping.py      a group of alerts: what is due, and when
dispatch.py      groups at work
notification.py  what a receiver is told
receivers/       webhook, Slack, e-mail
"""
