"""The incidents, one small file each. To add one: copy the smallest and list it in `catalogue`."""
