"""A dataset as it is uploaded: data, samples, checksums, and the metadata that each host reads."""
