"""The committee: from marks to signed reports. Keys live here and nowhere else.

So far one process holds several keys over one shared engine (`shared_view`): a multi-signature,
and every report says so. `attestation.Attestor` takes any list of `signer.Signer`, which is the
seam where members of their own, with observations and a median, take its place.
"""
