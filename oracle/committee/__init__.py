"""The committee: from marks to signed reports. The keys are in `oracle/keys`.

So far one process holds several keys over one shared engine (`shared_view`): a multi-signature,
and every report says so. `attestation.Attestor` takes any list of `oracle.keys.signer.Signer`,
which is the seam where members of their own, with observations and a median, take its place.
"""
