"""Python and Solidity read the same bytes, and must say the same of them."""
