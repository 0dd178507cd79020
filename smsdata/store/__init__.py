"""Everything that knows files: durable writing, sealed Parquet, the journal, the state, merging, verifying.

Knows no HTTP; imports `schema`, `settings`, `times` and `errors`.
"""
