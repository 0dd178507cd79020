"""Everything that knows HTTP: which calls there are, when the next may go, and what proves a read complete.

Knows no store and no files but the throttle's; imports `schema`, `settings`, `times` and `errors`. Nothing
here imports `client`, which stands on top. In the order to read it:

`endpoints`
    The table of calls: parameters, where rows and totals are, error codes.
`answers`
    A body -> a checked page.
`throttle`
    When the next call may go, shared by every process of an account.
`caller`
    One request: credentials, deadline, retry, masking.
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
