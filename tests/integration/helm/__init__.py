"""The Helm chart: what it renders, checked by real validators and by the product itself."""
