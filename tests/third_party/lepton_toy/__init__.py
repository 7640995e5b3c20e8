"""A package outside leptonctl: a store and a state in SQLite, an executor, a platform, and a kind with an op of its own."""
