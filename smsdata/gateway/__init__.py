"""Everything that knows HTTP: which calls there are, when the next may go, and what proves a read complete.

Knows no store; imports `schema`, `settings`, `times` and `errors`.
"""
