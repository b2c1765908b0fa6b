"""The numbers of the risk framework: where they lie, and files of them."""
