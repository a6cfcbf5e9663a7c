"""Scrapers: each measures one part of the machine."""
