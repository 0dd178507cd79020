"""What leaves the house as files: exports of tables and results, and the same without people.

Owns formats, the filter of rows, pseudonyms and which helper a result comes from; changes nothing. Imports
`store`, `analysis`, `schema`, `settings`, `times` and `errors`. Read in this order: `exporting` (from rows to
a file in its place), `row_filter` (what ``--where`` says), `formats` and `workbook` (one writer per format),
`named_results` (a helper and its tables by name), `pseudonyms` (the key and what is left of a row).
"""
