"""Deploy the contracts to EVM chains: what `plumb deploy evm` does, a file a concern.

| file | concern |
|---|---|
| `settings.py` | the deploy file |
| `artifact.py` | what the compiler made, and whether a chain has exactly that |
| `factory.py` | an address that follows from the code: CREATE2 |
| `steps.py` | what is to do, by what the chain already has |
| `adapters.py`, `adapter_settings.py` | the adapters that others read through |
| `state.py`, `reading.py` | what a chain has |
| `comparing.py` | whether the chains agree |
| `finality.py` | whether what is in blocks stays there |
| `record.py` | the file that says what was deployed where |
| `opening.py` | a chain's key, nodes, record and plan |
| `run.py` | one chain from first check to last |
"""
