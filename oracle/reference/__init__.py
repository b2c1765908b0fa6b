"""docs/engine.md in plain Python, written apart from the engine, to hold the two together.

Slow and simple: dicts, lists, floats. A property test steps it beside `oracle.engine`, and
`plumb bench engine` measures it as the peer without a compiler. Nothing that serves imports it.
"""
