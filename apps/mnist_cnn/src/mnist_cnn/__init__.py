"""Reference trainer: the small convolutional network of the Keras reproducibility example."""
