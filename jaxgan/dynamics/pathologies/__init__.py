"""What goes wrong in training: internal covariate shift and vanishing gradients."""
