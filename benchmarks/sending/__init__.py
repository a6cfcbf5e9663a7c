"""The sender: a process of its own that sends serialized requests, and the parent's side of it."""
