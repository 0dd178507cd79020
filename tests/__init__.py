"""The tests. `support` holds what they share; `torture` holds the long runs, which no other test imports."""
