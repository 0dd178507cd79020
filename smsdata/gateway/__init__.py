"""Everything that knows HTTP: which calls there are, when the next may go, and what proves a read complete.

Knows no store and no files but the throttle's; imports `schema`, `settings`, `times` and `errors`. Nothing
here imports `client`, which stands on top. In the order to read it:

`endpoints`
    The table of calls: parameters, where rows and totals are, error codes.
`answers`
    A body -> a checked page.
`throttle`
    When the next call may go, shared by every process of an account.
`wire`
    One request on the network: connections, one deadline, no more bytes than an answer may have.
`caller`
    One call: credentials, pace, retry, masking.
`blame`
    Whose failure a failed call is.
`reads`
    What is read and what came of it; slices of time.
`proofs`
    What makes a read complete: pure.
`reader`
    Passes over pages, in parallel, cancellable.
`client`
    The front door: `Client`, `drain`, and the certificate of a frame. `progress` is its bar.
"""
