"""One page per period that reads without this library: what was sent, what came of it, and how sure that is.

Owns what the page says and how it looks; every number comes from `analysis`, every picture from `plots`.
Imports of smsdata only `analysis`, `plots`, `store`, `schema`, `settings`, `times` and `errors`. Read in this
order: `periods` (which days), `pieces` (what a page is made of, and masking), `sources` (the store's tables,
this period and the one before apart), `reach` (what of both was read), `delivered`, `people`, `spent` and
`certified` (the sections), `pictures` (Axes to SVG), `page` (all of it as HTML, and the file).
"""
