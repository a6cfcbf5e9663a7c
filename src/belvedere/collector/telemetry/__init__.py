"""What the Collector says about itself."""
