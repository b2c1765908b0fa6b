"""What members say to each other, as bytes: observations, proposals, requests, refusals."""
