"""The half of the gateway's wire that calls us: delivery receipts, replies, link hits and list changes.

Owns the addresses that the gateway calls, and what is answered. Each callback is durable in the spool of the
store before it is answered; nothing here touches a table, nor needs the API secret. Imports `store`,
`gateway` (the signature), `schema`, `settings` and `errors`. Read in this order: `addresses` (path tokens and
URLs), `group_commit` (many requests, one fsync), `application` (one request), `server` (limits of
connections, the server), `watching` (status and tail). `ingest.callbacks` merges what is received.
"""
