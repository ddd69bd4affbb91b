"""The page: what the browser sees around the classifier."""
