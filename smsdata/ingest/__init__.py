"""From the gateway into the store: what is worth reading, and the one loop read -> merge -> cursor.

Imports `gateway` and `store`, which know nothing of each other. In the order in which to read it: `run` (the
order of a run), `plan` (every decision, pure), `rounds` (which of very many sends, pure), `targets` (what
runs set out to read), `pipeline` (the one way of a row from the reader into the store), then one module per
family of tables: `campaigns`, `replies`, `messages`, `derived` (dlrs that follow from messages), `dlrs`,
`lists`, `on_demand`, `lost_files`, `whose_rows`; `report` is what a run tells, `reconcile` compares the
store with the gateway.
"""
