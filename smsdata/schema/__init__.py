"""What a table is: its columns, the kinds of values, statuses, counters, and rows as Arrow and pandas.

Also how phone numbers are spelled elsewhere (number_spellings), and frames as CSV (csv_text). Knows no
network and no files; imports `errors` and `times`.
"""
