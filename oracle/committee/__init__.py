"""The committee: from marks to signed reports. The keys are in `oracle/keys`.

Two ways. Members with engines of their own observe, take the median and sign (docs/committee.md):
`observation`, `proposal`, `median`, `rules`, `chain`, `judging`, `member` and `evidence` are the
rules, without network or clock; `node` runs them among peers. Or one process holds several keys
over one shared engine (`attestation`): a multi-signature, and every report says so.
"""
