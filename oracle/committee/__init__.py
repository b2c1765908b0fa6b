"""The committee: from marks to signed reports. The keys are in `oracle/keys`.

Two ways. Members with engines of their own observe, take the median and sign (docs/committee.md):
`wire` is what they say, `rounds` the rules without network or clock, `peering` the network,
`evidence` the proofs of misbehaviour, `running` the member among its peers. Or one process holds
several keys over one shared engine (`shared`): a multi-signature, and every report says so.
"""
