"""Devices: a mesh of them (`mesh`), and what a shard of a batch draws (`shards`)."""
