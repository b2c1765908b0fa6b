"""What others record, as ticks: one small file a format. What all formats share is outside."""
