"""What tests share, the long runs of `tests.torture` too. Imports the package and nothing of the tests.

`accounts` makes small accounts and stirs them; `clients` connects to a gateway in this process, `tampering`
changes its answers on their way; `comparison` says where a store is not the truth; `frames` builds small
frames by hand, `pictures` those that are drawn; `examples` has one answer of the gateway per endpoint,
`results` one small result of every public helper; `hygiene_world` is an account with dead numbers and what
has to come of a run; `look_back` is the export that smsdata is measured against.
"""
