"""Reports: encode, hash, verify and decode. Pure; the format is docs/report-format.md."""
