"""Extensions: what serves the process and its components, outside the pipelines."""
