"""Training as pure functions: `optimizer`, one `step`, and the `loop` that a chunk is."""
