"""What proposals say, in words: calldata decoded strictly, never guessed.

| file | concern |
|---|---|
| `fields.py` | the risk parameters in words, each value with its unit |
| `functions.py` | the functions that governance calls, and their strict decoding |
| `proposal.py` | a proposal, its number, what a file of it looks like |
| `refusals.py` | why a contract refuses a call |
| `words.py` | a call in words, beside what holds now |

Chains are the CLI's to bring.
"""
