"""Training: from labelled photographs to the files in `model/`."""
