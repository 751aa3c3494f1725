"""Where the metrics of training go: a file, TensorBoard, and the experiment trackers that a recipe asks for."""
