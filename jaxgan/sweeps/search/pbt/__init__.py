"""Population-based training: settings change while their GANs train."""
