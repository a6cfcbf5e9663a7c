"""What connectors that make metrics share: histograms, attribute text, and the regular flush."""
