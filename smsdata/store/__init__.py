"""Everything that knows files: what is stored of one account, and how it survives a crash.

Owns the layout of the store's folder. Knows no HTTP; imports `schema`, `times` and `errors`.

To read in this order: `disk` (durable files), `journal` (pages as they came), `manifest` (which files there
should be), `seal` (a file's checksums and mark), `files` (its rows), `inventory` (which files there are),
`parts` (where each table's rows lie), `keys` (rows by their keys), `evidence` (which status counts),
`merging` (rows into parts), `verify` (what can be checked without the gateway), `rejects` (rows set aside),
`scan` (a table without loading it), `store` (the front: `Store`), `last_run` (what came of the last runs),
`status` (how a store stands).
"""
