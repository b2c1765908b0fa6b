"""Whoever signs: keys in memory, in AWS KMS or with a remote signer, behind one `Signer`.

What is signed is made elsewhere: `oracle/report`, `oracle/committee`, `relayer/evm/transaction.py`.
"""
