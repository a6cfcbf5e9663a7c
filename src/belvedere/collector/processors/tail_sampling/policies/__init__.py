"""The policies: each looks at a whole trace and votes."""
