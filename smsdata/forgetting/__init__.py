"""What is not to be kept is taken out of a store: a person who asks for it, and rows that are old enough.

Owns the order in which that is done and what it tells. Imports `store`, `hygiene.run_journal`, `schema`,
`analysis` and `errors`. To read in this order: `reasons`, `json_schemas`, `json_files`, `text_files`,
`file_formats`, `databases`, `workbooks`, `mails` and `archives` (files beside the store, and what is packed
in them), `places` (every place that may hold a number, and what is done with it), `other_numbers`,
`parquet_pages` and `read_back` (the search that proves it, which shares no line with `places`), `person` (one
person, from the list to the receipt), `lost_key` (going on without the key), `retention` (old rows).
"""
