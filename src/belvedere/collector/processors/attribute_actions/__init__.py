"""What the processors `attributes` and `resource` do to attributes: `action`s, in order."""
