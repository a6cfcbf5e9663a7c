"""Series as the store keeps them: found by matchers, read as samples."""
