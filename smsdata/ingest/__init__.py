"""From the gateway into the store: what is worth reading, and the one loop read -> merge -> cursor.

Imports `gateway` and `store`, which know nothing of each other.
"""
