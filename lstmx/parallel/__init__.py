"""Devices: a mesh of them (`mesh`), and computing on one shard of a batch (`shards`)."""
