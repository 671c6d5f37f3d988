"""skvae: features of autoencoders as scikit-learn transformers."""
