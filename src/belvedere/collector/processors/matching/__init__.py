"""`include` and `exclude`: which items a processor acts upon."""
