"""What a table is: its columns, the kinds of values, statuses, counters, and rows as Arrow and pandas.

Knows no network and no files; imports `errors` and `times`.
"""
