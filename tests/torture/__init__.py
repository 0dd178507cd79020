"""Long runs that try to spoil the store: kills, power cuts, failing disks, drift, a simulated year, fuzz.

Each kind is a module with `run(seed, ...) -> Tally` and ``BUGS``, versions broken on purpose that it must
catch. Short forms run with the other tests; ``python -m tests.torture kill --seed 1`` runs a long one.
"""
